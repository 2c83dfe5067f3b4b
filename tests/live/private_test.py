"""A private mesh: nodes that talk only to those in their allow-list."""

import os
import socket

from mesh import Mesh, SLOW, check, main, test, thctl, wait_for


def make(mesh, *names):
    """Nodes that have an identity and do not run; name -> (node, its hashname)."""
    made = {}
    for name in names:
        node = mesh.node(name).start()
        made[name] = node
        node.stop()
    return made


def write_list(mesh, *nodes):
    path = os.path.join(mesh.folder, "friends")
    with open(path, "w") as file:
        for node in nodes:
            file.write("%s  # %s\n" % (node.hashname, node.name))
    return path


class Absent:
    """A member that does not run."""

    hashname = "ab" * 32
    name = "absent"


def drops(node):
    return {row["reason"]: row["count"] for row in node.call("drops")}


@test
def who_is_not_in_the_list_gets_no_answer_and_is_not_dialled():
    with Mesh() as mesh:
        nodes = make(mesh, "seed", "a", "b", "stranger")
        seed, a, b, stranger = nodes.values()
        friends = write_list(mesh, seed, a, b)
        seed.start("--allow", friends)
        seeds = seed.export_seeds()
        for node in (a, b):
            node.start("--allow", friends, "--seeds", seeds)
        stranger.start("--seeds", seeds)
        mesh.wait_whole([seed, a, b], 20 * SLOW)

        wait_for("the stranger's open is counted", lambda: drops(seed).get("open_not_allowed"), 10 * SLOW)
        check(stranger.call("status")["lines"] == 0 and stranger.call("status")["state"] != "ready", "it was let in")
        for node in (seed, a, b):
            check(stranger.hashname not in node.links(), "%s is linked to the stranger" % node.name)
            check(len(node.links()) == 2, "%s: %s" % (node.name, node.links()))
        with a.rpc() as rpc:
            error = rpc.answer("connect", {"hashname": stranger.hashname})["error"]
        check(error["code"] == -32002 and "allow-list" in error["message"], "%s" % error)
        refused = thctl(a, "ping", stranger.hashname)
        check(refused.returncode == 1 and "allow-list" in refused.stderr, "%s" % refused)
        ping = a.call("ping", {"hashname": b.hashname, "count": 1})
        check(ping["received"] == 1, "%s" % ping)


@test
def a_member_that_talks_to_others_brings_nobody_in():
    with Mesh() as mesh:
        nodes = make(mesh, "open", "a", "b", "stranger")
        gate, a, b, stranger = nodes.values()
        friends = write_list(mesh, gate, a, b, Absent)
        gate.start()  # it has no list: strangers link to it, and it tells of them
        seeds = gate.export_seeds()
        for node in (a, b):
            node.start("--allow", friends, "--seeds", seeds)
        stranger.start("--seeds", seeds)
        mesh.wait_ready([a, b, stranger], 10 * SLOW)
        wait_for("the open member is linked to all", lambda: len(gate.links()) == 3, 10 * SLOW)

        stranger.call("connect", {"hashname": a.hashname, "timeout_ms": 4000})
        check(not a.call("seek", {"hashname": Absent.hashname})["found"], "it is there")
        for node in (a, b):
            check(node.links() <= {gate.hashname, a.hashname, b.hashname}, "%s" % node.links())
            check({row["hashname"] for row in node.call("lines")} <= {n.hashname for n in (gate, a, b)}, node.name)
        wait_for("both are counted", lambda: {"connect_not_allowed", "see_not_allowed"} <= set(drops(a)), 10 * SLOW)
        counted = drops(a)
        check(not counted.get("open_not_allowed") or counted["open_not_allowed"] < 20, "%s" % counted)


@test
def a_reload_ends_the_lines_of_who_is_no_longer_in_the_list():
    with Mesh() as mesh:
        nodes = make(mesh, "a", "b", "c")
        a, b, c = nodes.values()
        friends = write_list(mesh, a, b, c)
        a.start("--allow", friends)
        seeds = a.export_seeds()
        for node in (b, c):
            node.start("--allow", friends, "--seeds", seeds)
        wait_for("a is linked to both", lambda: len(a.links()) == 2, 10 * SLOW)

        with open(friends, "a") as file:
            file.write("no hashname\n")
        broken = thctl(a, "reload")
        check(broken.returncode == 2 and "nothing was changed" in broken.stderr and "line 4" in broken.stderr, "%s" % broken)
        check(len(a.links()) == 2, "a broken list changed something")
        write_list(mesh, a, b)
        check(thctl(a, "reload").returncode == 0, "not reloaded")
        wait_for("the line to c has ended", lambda: a.links() == {b.hashname}, 10 * SLOW)
        wait_for("c is not let in again", lambda: drops(a).get("open_not_allowed"), 90 * SLOW)
        check(c.hashname not in {row["hashname"] for row in a.call("lines")}, "a line to c")
        check(a.call("ping", {"hashname": b.hashname, "count": 1})["received"] == 1, "b is gone too")
        write_list(mesh, a, b, c)
        check(thctl(a, "reload").returncode == 0, "not reloaded")
        check(a.call("connect", {"hashname": c.hashname})["result"] in ("reached", "not_found", "no_path"), "refused")


def fill_mailbox_of_switch(node):
    """Sends packets that are none to a suspended switch until it takes no more."""
    port = int(node.call("status")["listen"][0].rsplit(":", 1)[1])

    def is_full():
        for _ in range(2000):
            sender.sendto(b"x", ("127.0.0.1", port))
        row = next(row for row in node.call("servers") if row["name"] == "switch")
        return row["mailbox"] == row["mailbox_max"]

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        check(thctl(node, "suspend", "switch", "--for", "30m").returncode == 0, "not suspended")
        wait_for("it is full", is_full, 20 * SLOW)


@test
def a_switch_whose_mailbox_was_full_hears_of_a_reload_all_the_same():
    with Mesh() as mesh:
        a, b = make(mesh, "a", "b").values()
        friends = write_list(mesh, a, b)
        a.start("--allow", friends)
        b.start("--allow", friends, "--seeds", a.export_seeds())
        wait_for("they are linked", lambda: a.links() and b.links(), 10 * SLOW)

        fill_mailbox_of_switch(a)
        write_list(mesh, a)
        check(thctl(a, "reload").returncode == 0, "not reloaded")
        check(thctl(a, "resume", "switch").returncode == 0, "not resumed")

        def has_no_line():
            with a.rpc() as rpc:  # busy, until the switch has read what had filled it
                return rpc.answer("lines").get("result") == []

        wait_for("the line to b has ended", has_no_line, 5 * SLOW)


main()
