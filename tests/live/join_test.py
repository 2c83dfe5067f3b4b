"""Ten daemons on loopback: all ready in seconds, each reaches each."""

import time

from mesh import Mesh, SLOW, Stopwatch, check, main, test, thctl

READY_S = 5


def ping_all(nodes):
    """Every ordered pair, by one probe each. Returns what did not answer."""
    silent = []
    for node in nodes:
        with node.rpc() as rpc:
            for other in nodes:
                if other is node:
                    continue
                probe = {"hashname": other.hashname, "count": 1, "wait_ms": 10000}
                answer = rpc.answer("ping", probe)
                while answer.get("error", {}).get("code") == -32004:
                    time.sleep(0.1)  # ten probes a second
                    answer = rpc.answer("ping", probe)
                result = answer.get("result", answer)
                if result.get("received") != 1:
                    silent.append("%s to %s: %s" % (node.name, other.name, result))
    return silent


# A4
@test
def ten_daemons_are_ready_soon_and_every_pair_can_be_pinged():
    with Mesh() as mesh:
        watch = Stopwatch()
        nodes = mesh.grow(9)
        mesh.wait_ready(nodes, READY_S * SLOW)
        took = watch.seconds()
        check(took < READY_S * SLOW, "ready after %.1f s" % took)
        print("        %5.1f s  until ten daemons were ready" % took)

        silent = ping_all(nodes)
        check(not silent, "%d of 90 pairs silent: %s" % (len(silent), "; ".join(silent[:5])))

        for node in nodes:
            code, took = node.stop()
            check(code == 0 and took < 2 * SLOW, "%s ended with %d after %.1f s" % (node.name, code, took))


@test
def nodes_with_small_tables_find_each_other_over_hops():
    with Mesh() as mesh:
        nodes = mesh.grow(9, "--k", "2", "--links-max", "8")
        mesh.wait_ready(nodes, READY_S * SLOW)

        silent = ping_all(nodes)
        check(not silent, "%d of 90 pairs silent: %s" % (len(silent), "; ".join(silent[:5])))

        for node in nodes[1:]:
            check(len(node.links()) <= 8, "%s has more links than it may" % node.name)
        shown = thctl(nodes[1], "seek", nodes[2].hashname)
        check(shown.returncode == 0 and "found" in shown.stdout, shown.stdout + shown.stderr)


main()
