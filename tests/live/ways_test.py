"""The trace of a dial: which ways to a node were tried, in which order, and what came of each."""

import signal

from mesh import THCTL, Mesh, SLOW, check, main, run, test, wait_for

ROW = {"kind", "via", "path", "tries", "after_ms", "took_ms", "outcome", "said"}


def loner(mesh, name, *seeds):
    """A node that has a line to each seed and knows nobody else: its router, which would look for others
    at once, is suspended before the seeds, which are stopped until then, can answer it."""
    for seed in seeds:
        seed.signal(signal.SIGSTOP)
    flags = [word for seed in seeds for word in ("--seeds", seed.exported)]
    node = mesh.node(name, *flags).start()
    node.call("server.suspend", {"server": "router", "for_ms": 600000})
    return node


def wake(node, *seeds):
    for seed in seeds:
        seed.signal(signal.SIGCONT)

    def lines():
        return {line["hashname"] for line in node.call("lines") if line["up"]}

    wait_for("it has a line to its seeds", lambda: lines() >= {seed.hashname for seed in seeds}, 10 * SLOW)


def seed_of(mesh, name):
    seed = mesh.node(name).start()
    seed.exported = seed.export_seeds()
    return seed


def member(mesh, name, seed):
    node = mesh.node(name, "--seeds", seed.exported).start()
    wait_for("%s is linked" % name, lambda: node.hashname in seed.links(), 10 * SLOW)
    return node


def ways_of(result):
    for way in result["ways"]:
        check(set(way) == ROW, "%s" % way)
    return [(way["kind"], way["via"], way["outcome"]) for way in result["ways"]]


def shown(node, *words):
    """What thctl prints, as it may be put below each other: code and words of each line."""
    result = run([THCTL, "--socket", node.socket, *words])
    return result.returncode, [line.split() for line in result.stdout.splitlines()]


def messages_of_dialer(node):
    return {row["name"]: row for row in node.call("servers")}["dialer"]["messages"]


# A11
@test
def a_node_whose_address_is_known_is_reached_directly():
    with Mesh() as mesh:
        seed = seed_of(mesh, "seed")
        node = loner(mesh, "node", seed)
        wait_for("its address is known", lambda: node.call("lines"), 5 * SLOW)  # one in the making
        before = messages_of_dialer(node)
        with node.rpc() as rpc:
            rpc.send("connect", {"hashname": seed.hashname})
            wait_for("it is dialled", lambda: messages_of_dialer(node) > before, 5 * SLOW)
            wake(node, seed)
            result = rpc.receive()["result"]
        check(result["result"] == "reached", "%s" % result)
        check(ways_of(result) == [("direct", None, "reached")], "%s" % result)
        check(result["ways"][0]["path"] == result["path"] == seed.call("status")["listen"][0], "%s" % result)

        again = node.call("connect", {"hashname": seed.hashname})
        check(again["result"] == "reached" and again["ways"] == [], "there was a line: %s" % again)


# A11
@test
def a_node_that_others_know_is_reached_by_an_introduction():
    with Mesh() as mesh:
        seed = seed_of(mesh, "seed")
        other = member(mesh, "other", seed)
        third = member(mesh, "third", seed)
        node = loner(mesh, "node", seed)
        wake(node, seed)

        result = node.call("connect", {"hashname": other.hashname})
        check(result["result"] == "reached", "%s" % result)
        wanted = [("direct", None, "no_address"), ("introduced", seed.hashname, "reached")]
        check(ways_of(result) == wanted, "%s" % result)
        way = result["ways"][1]
        check(way["path"] == result["path"] and way["tries"] >= 1, "%s" % result)
        check(way["after_ms"] + way["took_ms"] <= result["took_ms"], "%s" % result)

        code, lines = shown(node, "seek", third.hashname)
        check(code == 0, "%s" % lines)
        rows = lines[lines.index("WAY VIA TRIES AFTER TOOK OUTCOME".split()) + 1 :]
        check([row[0] for row in rows] == ["direct", "introduced"], "%s" % rows)
        check(rows[1][1] in (seed.hashname, other.hashname), "%s" % rows)
        check("reached at" in " ".join(rows[1]), "%s" % rows)


# A11
@test
def a_failed_dial_says_why_each_way_failed():
    with Mesh() as mesh:
        seed = seed_of(mesh, "seed")
        island = seed_of(mesh, "island")
        gone = member(mesh, "gone", seed)
        node = loner(mesh, "node", seed, island)
        wake(node, seed, island)
        gone.kill()

        result = node.call("connect", {"hashname": gone.hashname, "timeout_ms": 4000})
        check(result["result"] in ("no_path", "timed_out") and result["path"] is None, "%s" % result)
        ways = ways_of(result)
        check(ways[0] == ("direct", None, "no_address"), "%s" % result)
        check(("introduced", seed.hashname, "timed_out") in ways, "%s" % result)
        check(("introduced", island.hashname, "refused") in ways, "%s" % result)
        said = {way["via"]: way["said"] for way in result["ways"]}
        check(said[island.hashname] == "not found" and said[seed.hashname] is None, "%s" % result)

        code, lines = shown(node, "connect", "ab" * 32)
        check(code == 1 and lines[-1][:3] == ["direct", "-", "1"], "%s" % lines)
        check(" ".join(lines[-1]).endswith("no address is known"), "%s" % lines)


main()
