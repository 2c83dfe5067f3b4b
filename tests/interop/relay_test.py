"""Two nodes that cannot reach each other directly talk through the node that introduced them: asker, middle and
target, each ours or the JavaScript switch. What cannot be reached is blocked at the JavaScript end.

The JavaScript switch relays opens and whole lines as we do, five packets a second, and reads "bridge":true on
them; it never is a bridge itself.
"""

from foreign import (Foreign, MixedMesh, ask, check_asked, check_ping, check_strangers, check_told, test_of_strangers,
                     wait_linked)
from mesh import SLOW, check, main, wait_for


def port_of(node):
    return int(node.call("status")["listen"][0].rsplit(":", 1)[1])


def way(node, other):
    """How one of ours reaches another: an address, relay:HASHNAME or bridge:HASHNAME."""
    for line in node.call("lines"):
        if line["hashname"] == other.hashname and line["up"]:
            return line["path"]
    return None


def wait_way(node, other, wanted, seconds=10):
    wait_for(lambda: "%s reaches %s by %s, not %s" % (node.name, other.name, wanted, way(node, other)),
             lambda: way(node, other) == wanted, seconds * SLOW)


def our_middle(mesh):
    return mesh.ours("middle")


def our_bridge(mesh):
    return mesh.node("middle", "--bridge", "all").start()


def foreign_middle(mesh):
    return mesh.foreign("js-middle")


def ours_asks(middle_of, kind):
    with MixedMesh() as mesh:
        middle = middle_of(mesh)
        target = mesh.foreign("js-target", "--noseed").join(middle)
        asker = mesh.ours("asker", middle)
        wait_linked(asker, middle)
        check_strangers(asker, target)
        target.call("block", port=port_of(asker))

        check_ping(asker, target)

        wait_way(asker, target, "%s:%s" % (kind, middle.hashname))
        check(target.can_ask(asker), "the asker does not answer a seek")
        check_ping(asker, target, count=3)
        check_told(target, middle, asker)
        if isinstance(middle, Foreign):
            check_asked(middle, asker, target)
        if kind == "bridge":
            result = ask(asker, "ping", hashname=target.hashname, count=20, interval_ms=100)
            check(result.get("received") == 20, "20 pings in 2 s: %s" % result)


@test_of_strangers
def ours_reaches_a_foreign_node_through_ours():
    ours_asks(our_middle, "relay")


@test_of_strangers
def ours_reaches_a_foreign_node_through_a_foreign_one():
    ours_asks(foreign_middle, "relay")


@test_of_strangers
def ours_reaches_a_foreign_node_through_our_bridge():
    ours_asks(our_bridge, "bridge")


def foreign_node_asks(middle_of, kind):
    with MixedMesh() as mesh:
        middle = middle_of(mesh)
        asker = mesh.foreign("js-asker", "--noseed").join(middle)
        target = mesh.ours("target", middle)
        wait_linked(middle, target)
        check_strangers(asker, target)
        asker.call("block", port=port_of(target))

        asker.call("introduce", via=middle.hashname, hashname=target.hashname)

        wait_for("the asker has a line to the target", lambda: target.hashname in asker.lines(), 5 * SLOW)
        check(asker.can_ask(target), "the target does not answer a seek")
        wait_way(target, asker, "%s:%s" % (kind, middle.hashname))
        check_ping(target, asker)


@test_of_strangers
def foreign_node_reaches_ours_through_ours():
    foreign_node_asks(our_middle, "relay")


@test_of_strangers
def foreign_node_reaches_ours_through_a_foreign_one():
    foreign_node_asks(foreign_middle, "relay")


@test_of_strangers
def foreign_node_reaches_ours_through_our_bridge():
    foreign_node_asks(our_bridge, "bridge")


main()
