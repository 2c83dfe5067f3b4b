"""Two of each kind of NAT, all linked with each other, and ten minutes in which nobody says anything.

What goes between them are the keepalives of their links alone, every 25 s or so, where a NAT box
forgets after 30 s. TH_IDLE_S says how long it is (600).
"""

import os
import time

import lab
from lab import KINDS, Lab, check, way
from mesh import SLOW, main, test, wait_for

IDLE_S = float(os.environ.get("TH_IDLE_S", "600"))


def ages(node):
    return {peer["hashname"]: peer["line_age_ms"] / 1000 for peer in node.call("peers") if peer["line"]}


def unlinked(first, second):
    return [(a, b) for a in first for b in second if b.hashname not in a.links() or a.hashname not in b.links()]


@test
def every_pair_stays_up_over_idle_minutes():
    with Lab() as mesh:
        seeds = mesh.seed().export_seeds()
        hosts = [mesh.host("%s-%s" % (side, kind), kind) for side in "ab" for kind in KINDS]
        nodes = [mesh.telehashd(host.name, host, seeds) for host in hosts]
        first, second = nodes[: len(KINDS)], nodes[len(KINDS) :]
        wait_for(
            lambda: "links: %s" % ["%s to %s" % (a.name, b.name) for a, b in unlinked(first, second)],
            lambda: not unlinked(first, second),
            120 * SLOW,
        )

        began = time.monotonic()
        before = {node: ages(node) for node in nodes}
        time.sleep(IDLE_S)  # nothing is to happen
        idle = time.monotonic() - began

        lost, silent = [], []
        for a in first:
            for b in second:
                print("        %-11s %-11s %s, %s" % (a.name, b.name, way(a, b)[0], way(b, a)[0]))
                for one, other in ((a, b), (b, a)):
                    age = ages(one).get(other.hashname, 0)
                    if age < before[one][other.hashname] + idle - 1:
                        lost.append("%s to %s: %.0f s old" % (one.name, other.name, age))
                answer = a.call("ping", {"hashname": b.hashname, "count": 2, "interval_ms": 200})
                if answer["received"] == 0:
                    silent.append("%s to %s" % (a.name, b.name))
        check(not lost, "after %.0f s %d lines are new: %s" % (idle, len(lost), "; ".join(lost)))
        check(not silent, "silent: %s" % "; ".join(silent))


lab.enter()
main()
