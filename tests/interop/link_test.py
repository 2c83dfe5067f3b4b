"""Ours and the JavaScript switch link to each other, whoever begins."""

from foreign import SLOW, MixedMesh, check, check_ping, wait_linked
from mesh import main, test, wait_for


@test
def ours_links_to_a_foreign_seed():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")

        node = mesh.ours("node", seed)

        wait_linked(node, seed)
        mesh.wait_ready([node], 10 * SLOW)
        peer = node.call("peers")[0]
        check(peer["direction"] == "out" and peer["seed"] is True, "it is linked as %s" % peer)
        check_ping(node, seed, count=3)
        check(seed.can_ask(node), "the seed's seek is not answered")


@test
def foreign_node_links_to_ours():
    with MixedMesh() as mesh:
        seed = mesh.ours("seed")

        # It is online once its own link request was answered; ours asks it for a link of its own.
        node = mesh.foreign("js-node", "--noseed").join(seed)

        wait_linked(seed, node)
        mesh.wait_ready([seed], 10 * SLOW)  # it was alone until then
        peer = seed.call("peers")[0]
        check(peer["seed"] is False, "it is linked as %s" % peer)
        check_ping(seed, node, count=3)
        check(node.can_ask(seed), "the node's seek is not answered")


@test
def foreign_node_answers_probes_of_the_mtu():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")
        node = mesh.ours("node", seed)
        wait_linked(node, seed)

        node.call("ping", {"hashname": seed.hashname, "count": 1, "size": 1250})  # says that large ones are wanted

        wait_for("it is known", lambda: node.call("lines")[0]["mtu"] == 1472, 5 * SLOW)
        answer = node.call("ping", {"hashname": seed.hashname, "count": 2, "interval_ms": 200, "size": 1250})
        check(answer["received"] == 2, "%s" % answer)


main()
