"""Who knows two nodes introduces one to the other: asker, middle and target, each ours or the JavaScript
switch. That ours introduces ours to ours is shown by the live tests.

A JavaScript middle adds the asker's address to its connect when it is public or the target is on its
own machine; ours does likewise. So the target's open comes straight to the asker.

A target that can be reached only through the middle: relay_test.py.
"""

from foreign import (Foreign, MixedMesh, check_asked, check_ping, check_strangers, check_told,
                     test_of_strangers, wait_linked)
from mesh import SLOW, check, main, test, wait_for


def foreign_node_asks(middle_of, target_of):
    """What it calls `introduce` does not search: it is one peer request to the middle."""
    with MixedMesh() as mesh:
        middle = middle_of(mesh)
        asker = mesh.foreign("js-asker", "--noseed").join(middle)
        target = target_of(mesh, middle)
        wait_linked(middle, target)
        check_strangers(asker, target)

        asker.call("introduce", via=middle.hashname, hashname=target.hashname)

        wait_for("the asker has a line to the target", lambda: target.hashname in asker.lines(), 5 * SLOW)
        check(asker.can_ask(target), "the target does not answer a seek")
        if isinstance(middle, Foreign):
            check_asked(middle, asker, target)
        if isinstance(target, Foreign):
            check_told(target, middle, asker)
        else:
            check_ping(target, asker)


def our_middle(mesh):
    return mesh.ours("middle")


def foreign_middle(mesh):
    return mesh.foreign("js-middle")


def our_target(mesh, middle):
    return mesh.ours("target", middle)


def foreign_target(mesh, middle):
    return mesh.foreign("js-target", "--noseed").join(middle)


@test_of_strangers
def ours_introduces_a_foreign_node_to_a_foreign_one():
    foreign_node_asks(our_middle, foreign_target)


@test_of_strangers
def ours_introduces_a_foreign_node_to_ours():
    foreign_node_asks(our_middle, our_target)


@test_of_strangers
def foreign_node_introduces_a_foreign_one_to_ours():
    foreign_node_asks(foreign_middle, our_target)


def ours_asks(middle_of):
    with MixedMesh() as mesh:
        middle = middle_of(mesh)
        target = mesh.foreign("js-target", "--noseed").join(middle)
        asker = mesh.ours("asker", middle)
        wait_linked(asker, middle)
        check_strangers(asker, target)

        check_ping(asker, target)

        check(target.can_ask(asker), "the asker does not answer a seek")
        check_told(target, middle, asker)
        if isinstance(middle, Foreign):
            check_asked(middle, asker, target)


@test_of_strangers
def foreign_node_introduces_ours_to_a_foreign_one():
    ours_asks(foreign_middle)


@test_of_strangers
def ours_introduces_ours_to_a_foreign_node():
    ours_asks(our_middle)


@test
def foreign_node_introduces_ours_to_ours():
    with MixedMesh() as mesh:
        middle = mesh.foreign("js-middle")
        target = mesh.ours("target", middle)
        wait_linked(target, middle)

        asker = mesh.ours("asker", middle)  # it is told of the target with the link

        wait_linked(asker, target)
        check_asked(middle, asker, target)
        check_ping(asker, target, count=3)


main()
