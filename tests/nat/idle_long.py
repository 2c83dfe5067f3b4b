"""Two of each kind of NAT, all linked with each other, two with IPv6 alone, and one more behind the NAT of
another; and ten minutes in which nobody says anything.

What goes between them are the keepalives of their links alone, every 25 s or so, where a NAT box
forgets after 30 s. TH_IDLE_S says how long it is (600).
"""

import os
import time

import lab
from lab import KINDS, Lab, PORT, check, way
from mesh import SLOW, main, test, wait_for

IDLE_S = float(os.environ.get("TH_IDLE_S", "600"))
WIDE = ["--k", "16"]  # each links to every other


def ages(node):
    return {peer["hashname"]: peer["line_age_ms"] / 1000 for peer in node.call("peers") if peer["line"]}


def unlinked(pairs):
    return [(a, b) for a, b in pairs if b.hashname not in a.links() or a.hashname not in b.links()]


def make_pairs(mesh):
    """Every kind with every kind; IPv6 alone with the same and with IPv4 alone; and two behind one NAT."""
    seed = mesh.seed(listen=["--listen", "198.18.0.1:%d" % PORT, "--listen", "[2001:db8::1]:%d" % PORT])
    seeds = seed.export_seeds()
    hosts = [mesh.host("%s-%s" % (side, kind), kind) for side in "ab" for kind in KINDS]
    nodes = [mesh.telehashd(host.name, host, seeds, *WIDE) for host in hosts]
    sixes = [mesh.host(name, families="6") for name in ("a-ipv6", "b-ipv6")]
    six, other_six = [mesh.telehashd(host.name, host, seeds, *WIDE, listen="[::]:%d") for host in sixes]
    beside = mesh.beside(hosts[KINDS.index("port")], "beside-port", "192.168.1.3")
    home = mesh.telehashd("beside-port", beside, seeds, *WIDE, port=PORT + 1)
    pairs = [(a, b) for a in nodes[: len(KINDS)] for b in nodes[len(KINDS) :]]
    pairs += [(six, other_six), (nodes[0], six), (other_six, nodes[1]), (nodes[KINDS.index("port")], home)]
    return pairs


@test
def every_pair_stays_up_over_idle_minutes():
    with Lab() as mesh:
        pairs = make_pairs(mesh)
        wait_for(
            lambda: "links: %s" % ["%s to %s" % (a.name, b.name) for a, b in unlinked(pairs)],
            lambda: not unlinked(pairs),
            120 * SLOW,
        )

        began = time.monotonic()
        before = {node: ages(node) for pair in pairs for node in pair}
        time.sleep(IDLE_S)  # nothing is to happen
        idle = time.monotonic() - began

        lost, silent = [], []
        for a, b in pairs:
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
