"""The seed is killed: the others stay linked among themselves and find each other; it comes back, and
is linked again."""

import time

from mesh import Mesh, SLOW, check, main, test, wait_for

LINKED_AGAIN_S = 45


def port_of(node):
    return node.call("status")["listen"][0]


def check_lookups(nodes):
    for node in nodes:
        for other in nodes:
            if other is node:
                continue
            found = node.rpc().answer("seek", {"hashname": other.hashname})
            while found.get("error", {}).get("code") == -32004:
                time.sleep(0.1)  # ten probes a second
                found = node.rpc().answer("seek", {"hashname": other.hashname})
            check(found["result"]["found"], "%s does not find %s: %s" % (node.name, other.name, found))


@test
def others_stay_linked_and_find_each_other_until_the_seed_is_back():
    with Mesh() as mesh:
        nodes = mesh.grow(9)
        seed, others = nodes[0], nodes[1:]
        mesh.wait_ready(nodes, 5 * SLOW)
        address = port_of(seed)
        names = {node.hashname for node in others}
        wait_for("each is linked to another beside the seed", lambda: all(node.links() & names for node in others), 10 * SLOW)

        seed.kill()

        for node in others:
            check(node.links() & names, "%s is linked to no other node" % node.name)
            check(node.is_ready(), "%s is no longer ready" % node.name)
        check_lookups(others[:4])

        # Over the stale socket and on the port that the others know.
        seed.flags[seed.flags.index("--listen") + 1] = address
        seed.start()
        begun = time.monotonic()

        def not_linked():
            # Both must say so: a node notices only by silence that its old line leads nowhere.
            back = seed.links()
            return [node.name for node in others if node.hashname not in back or seed.hashname not in node.links()]

        wait_for(lambda: "linked to the seed again, but " + ", ".join(not_linked()),
                 lambda: not not_linked(), LINKED_AGAIN_S * SLOW)
        print("        %5.1f s  until all were linked to the seed again" % (time.monotonic() - begun))
        check_lookups(others[:2] + [seed])


@test
def a_newcomer_joins_from_peers_of_the_last_run_while_the_seed_is_dead():
    with Mesh() as mesh:
        nodes = mesh.grow(3)
        mesh.wait_whole(nodes, 10 * SLOW)
        seed, others = nodes[0], nodes[1:]
        code, _ = others[0].stop()
        check(code == 0, "ended with %d" % code)
        seed.kill()

        others[0].start()
        mesh.wait_ready(others, 20 * SLOW)
        check(others[1].hashname in others[0].links() or others[2].hashname in others[0].links(),
              "it is linked to nobody")


main()
