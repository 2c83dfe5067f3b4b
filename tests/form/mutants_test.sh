#!/bin/sh
# Shows that each deliberate bug under tests/sim/mutants still applies to the tree as it is, whole and
# without fuzz, and says in its head which run shows it and who is to catch it.

set -eu
cd "$(dirname "$0")/../.."
command -v patch >/dev/null || {
    echo "skipped: there is no patch"
    exit 77
}
failed=0
count=0

fails() # WHAT
{
    echo "mutants: $1"
    failed=1
}

for patch in tests/sim/mutants/*.patch; do
    count=$((count + 1))
    patch -p1 --dry-run --fuzz=0 --force -i "$patch" >/dev/null ||
        fails "$patch does not apply: make it anew"
    grep -q '^Run: [a-z-]*/[0-9]*/SEED' "$patch" || fails "$patch does not say: Run: SCENARIO/NODES/SEED"
    grep -q '^Caught by: [a-z]' "$patch" || fails "$patch does not say: Caught by: CHECKER"
done
[ "$count" -ge 6 ] || fails "there are $count, 6 were expected"
exit $failed
