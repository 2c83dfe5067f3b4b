#!/bin/sh
# Shows that telehash.h stands alone, as it is installed, for programs in C and in C++.

set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/telehash"
cp "$root/router/telehash.h" "$folder/telehash/"
uv=$(pkg-config --cflags libuv)
done=0

cat >"$folder/program.c" <<'END'
#include <telehash/telehash.h>

int main(void)
{
    struct th_node_options options;

    th_node_options_init(&options, sizeof options);
    return options.size == sizeof options ? TH_OK : TH_INVALID;
}
END
cp "$folder/program.c" "$folder/program.cc"

compiles() # COMPILER FLAGS FILE
{
    command -v "$1" >/dev/null || return 0
    # shellcheck disable=SC2086
    "$1" $2 -Wall -Wextra -Wpedantic -Wshadow -Werror $uv -I"$folder" -c "$folder/$3" -o "$folder/out.o"
    echo "telehash.h: $1 $2"
    done=1
}

compiles cc "-std=gnu11" program.c
compiles clang "-std=gnu11" program.c
compiles c++ "-std=c++11" program.cc
compiles clang++ "-std=c++11" program.cc
if [ $done = 0 ]; then
    echo "skipped: there is no compiler"
    exit 77
fi
