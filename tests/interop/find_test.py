"""Nodes that nobody told each other of are found by their hashnames alone, through seeds of either
kind.

A node that is no seed is named only in answers to seeks of its hashname, so it is such nodes that are
sought here.
"""

import json

from foreign import (MixedMesh, ask, check_ping, check_strangers, check_told, test_of_strangers,
                     wait_linked)
from mesh import check, main, test, thctl

TEXT = "over a line that ours arranged"


@test_of_strangers
def foreign_client_finds_a_foreign_node_through_our_seed_and_gets_its_echo():
    with MixedMesh() as mesh:
        seed = mesh.ours("seed")
        target = mesh.foreign("js-target", "--noseed").join(seed)
        client = mesh.foreign("js-client", "--noseed").join(seed)
        check_strangers(client, target)

        sought = client.call("seek", hashname=target.hashname)
        echoed = client.call("echo", hashname=target.hashname, text=TEXT)

        check(sought["error"] is None, "the seek: %s" % sought)
        check(echoed["error"] is None and echoed["text"] == TEXT, "the echo: %s" % echoed)
        check_told(target, seed, client)


def find_and_ping_through(seed_of):
    with MixedMesh() as mesh:
        seed = seed_of(mesh)
        target = mesh.foreign("js-target", "--noseed").join(seed)
        node = mesh.ours("node", seed)
        wait_linked(node, seed)
        check_strangers(node, target)

        shown = thctl(node, "--json", "seek", target.hashname)

        check(shown.returncode == 0, "thctl seek: %s%s" % (shown.stdout, shown.stderr))
        sought = json.loads(shown.stdout)
        check(sought["found"] and sought["asked"] >= 1, "sought: %s" % sought)
        check_told(target, seed, node)
        check_ping(node, target, count=3)
        check(target.can_ask(node), "its own seek is not answered")


@test_of_strangers
def ours_finds_and_pings_a_foreign_node_through_a_foreign_seed():
    find_and_ping_through(lambda mesh: mesh.foreign("js-seed"))


@test_of_strangers
def ours_finds_and_pings_a_foreign_node_through_ours():
    find_and_ping_through(lambda mesh: mesh.ours("seed"))


@test_of_strangers
def ours_connects_to_a_foreign_node_of_which_it_knows_only_the_hashname():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")
        target = mesh.foreign("js-target", "--noseed").join(seed)
        node = mesh.ours("node", seed)
        wait_linked(node, seed)
        check_strangers(node, target)

        shown = thctl(node, "connect", target.hashname)

        check(shown.returncode == 0, "thctl connect: %s%s" % (shown.stdout, shown.stderr))
        line = [line for line in node.call("lines") if line["hashname"] == target.hashname][0]
        check(line["up"] and line["path"] == "127.0.0.1:%d" % target.port, "the line: %s" % line)


@test
def nobody_is_found_where_nobody_is():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")
        node = mesh.ours("node", seed)
        wait_linked(node, seed)

        sought = ask(node, "seek", hashname="ab" * 32)

        check(not sought["found"] and sought["result"] == "not_found", "sought: %s" % sought)


main()
