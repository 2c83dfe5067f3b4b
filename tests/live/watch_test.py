"""thctl watch, channels and trace: what happens, seen live over the control socket."""

import os

from mesh import Mesh, SLOW, check, main, test, thctl, wait_for
from stream import Stream

KINDS = "line_up line_down path_changed line_silent line_heard opened packet ended link_up link_down dialed state server_up server_down".split()


def handled(node):
    """How many messages the control server handled: events that nobody watches are not among them."""
    return next(row for row in node.call("servers") if row["name"] == "control")["messages"]


def watch(mesh, node, *words):
    return Stream(mesh, node, "--json", "watch", *words)


def wait_watching(node, other, stream):
    """Pings until the stream shows it, so that nothing that follows can be missed."""

    def seen():
        node.poke(other)
        return stream.lines()

    wait_for("the watch begins", seen, 5 * SLOW)


def three(mesh, *flags):
    nodes = mesh.grow(2, *flags)
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


# B5
@test
def every_kind_of_event_is_shown_with_what_belongs_to_it():
    with Mesh() as mesh:
        seed, node, other = three(mesh)
        with watch(mesh, node) as stream:
            wait_watching(node, other, stream)
            late = mesh.node("late", "--seeds", seed.export_seeds()).start()
            mesh.wait_ready([late], 5 * SLOW)
            thctl(node, "connect", late.hashname)
            up = stream.wait("line_up", lambda row: row["kind"] == "line_up" and row["hashname"] == late.hashname)
            check(up["csid"] == "3a" and up["path"].startswith("127.0.0.1:") and up["at_ms"] > 1.7e12, "%s" % up)
            link = stream.wait("link_up", lambda row: row["kind"] == "link_up" and row["hashname"] == late.hashname)
            check(link["direction"] in ("in", "out") and link["seed"] is True, "%s" % link)
            opened = stream.wait("opened", lambda row: row["kind"] == "opened" and row["type"] == "link" and row["opened_by"] == "them")
            check(opened["head"]["seed"] is True and opened["c"] > 0, "%s" % opened)
            check(opened["body_bytes"] == 0 and opened["end"] is False and opened["err"] is None, "%s" % opened)
            check("body" not in opened, "a body is shown: %s" % opened)
            thctl(node, "seek", "0" * 64)
            dialed = stream.wait("dialed", lambda row: row["kind"] == "dialed" and row["hashname"] == "0" * 64)
            check(dialed["result"] == "not_found" and dialed["took_ms"] >= 0, "%s" % dialed)
            answer = stream.wait("packet", lambda row: row["kind"] == "packet" and row["type"] == "seek" and row["opened_by"] == "us")
            check(answer["end"] is True and "see" in answer["head"], "%s" % answer)
            check("err" not in answer["head"], "an error that is none is sent: %s" % answer)
            late.stop()
            down = stream.wait("link_down", lambda row: row["kind"] == "link_down" and row["hashname"] == late.hashname)
            check(down["why"], "%s" % down)
            check({row["kind"] for row in stream.rows()} <= set(KINDS), "a kind of no name")
            check(stream.interrupt() == 0, "Ctrl-C is a clean end")


@test
def state_is_shown_when_the_node_becomes_ready():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            name = rpc.call("watch.start", {"kind": "state"})["id"]
            mesh.node("b", "--seeds", node.export_seeds()).start()
            while True:
                note = rpc.receive()
                check(note["method"] == "watch.event" and "id" not in note, "%s" % note)
                check(set(note["params"]) == {"id", "at_ms", "kind", "state"}, "%s" % note)
                check(note["params"]["id"] == name and note["params"]["kind"] == "state", "%s" % note)
                if note["params"]["state"] == "ready":
                    break


# B6
@test
def servers_that_end_and_begin_are_shown_with_the_reason():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with watch(mesh, node, "--kind", "server_up", "--kind", "server_down") as stream:

            def seen():
                thctl(node, "restart", "dialer")
                return stream.lines()

            wait_for("the watch begins", seen, 5 * SLOW)
            thctl(node, "restart", "router")
            up = stream.wait("router is back", lambda row: row["kind"] == "server_up" and row["server"] == "router")
            check(set(up) == {"at_ms", "kind", "server"}, "%s" % up)
            rows = [row for row in stream.rows() if row["server"] == "router"]
            check([row["kind"] for row in rows] == ["server_down", "server_up"], "%s" % rows)
            check(rows[0]["why"] == "shutting down", "%s" % rows)
            check(stream.interrupt() == 0, "Ctrl-C is a clean end")


# A11
@test
def filters_leave_only_what_fits_them_all():
    with Mesh() as mesh:
        seed, node, other = three(mesh)
        prefix = other.hashname[:12]
        # A seek names the bytes that it shares with who is asked, and one more.
        shared = len(os.path.commonprefix([node.hashname, other.hashname])) // 2
        asked_for = node.hashname[: 2 * (shared + 1)]
        with watch(mesh, node, "--type", "path", "--peer", prefix) as of_path, watch(
            mesh, node, "--kind", "packet", "--has", "see"
        ) as with_see, watch(mesh, other, "--is", "seek=" + asked_for, "--kind", "opened") as exact, watch(
            mesh, node, "--is", "end=true", "--type", "seek", "--type", "path"
        ) as with_end:
            for stream in (of_path, with_end):
                wait_watching(node, other, stream)

            def has_rows(stream):
                thctl(node, "ping", seed.hashname, "-c", "1")
                thctl(node, "seek", "0" * 64)
                thctl(node, "seek", node.hashname)
                return stream.rows()

            wait_for("a see", lambda: has_rows(with_see), 20 * SLOW)
            found = wait_for("the seek of its own beginning", lambda: has_rows(exact), 20 * SLOW)[0]
            wait_for("both types", lambda: {row["type"] for row in with_end.rows()} == {"seek", "path"}, 5 * SLOW)
            check(node.hashname.startswith(found["head"]["seek"][:2]), "%s" % found)
            for row in of_path.rows():
                check(row["type"] == "path" and row["hashname"] == other.hashname, "%s" % row)
            for row in with_see.rows():
                check(row["kind"] == "packet" and "see" in row["head"], "%s" % row)
            for row in with_end.rows():
                check(row["head"]["end"] is True and row["type"] in ("seek", "path"), "%s" % row)


@test
def text_is_one_line_an_event_and_for_ends_it():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        for for_ms in (1000, 4000, 16000):  # a busy machine may let us show it nothing in the first
            with Stream(mesh, node, "watch", "--type", "path", "--for", "%dms" % for_ms) as stream:
                while stream.process.poll() is None:
                    node.poke(other)
            if stream.lines():
                break
        check(stream.process.returncode == 0 and stream.lines(), "its end: %s" % stream.process.returncode)
        for line in stream.lines():
            check("packet" in line and "type=path" in line and "body=0" in line and "\033" not in line, line)


@test
def words_that_are_none_are_refused_with_the_list():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        for words, said in (
            (("--kind", "lines"), ", ".join(KINDS)),
            (("--type", "sek"), "seek, link, path, peer, connect, bridge, other"),
            (("--peer", "xyz"), "hex digits"),
            (("--peer", ""), "hex digits"),
            (("--is", "seek"), "--is cannot be seek"),
            (("--is", "=a"), "--is cannot be =a"),
            (("--has", ""), "--has"),
            (("--kind", "state", "--peer", "ab"), "peer"),
            (("--kind", "line_up", "--type", "link"), "channel type"),
            (("--kind", "ended", "--has", "see"), "head"),
            (("--for", "long"), "--for cannot be long"),
            (("--for", "2h"), "--for cannot be 2h"),
            (("--for", "0"), "--for cannot be 0"),
            (["--has", "a"] * 17, "16"),
            (("surplus",), "too many words"),
        ):
            result = thctl(node, "watch", *words)
            check(result.returncode == 2 and said in result.stderr, "%s: %s" % (words, result))
            check(result.stdout == "" and result.stderr.count("\n") == 1, "%s" % result)
        elsewhere = thctl(node, "peers", "--kind", "state")
        check(elsewhere.returncode == 2 and "watch" in elsewhere.stderr, "%s" % elsewhere)
        with node.rpc() as rpc:
            for params in ({"kind": 7}, {"kind": ["packet", None]}, {"is": []}, {"peer": 7}, {"type": {}}, {"kind": "x"}):
                error = rpc.answer("watch.start", params)["error"]
                check(error["code"] == -32602, "%s: %s" % (params, error))
            for params in ({}, {"id": 1}, {"id": "1"}, {"id": -1}):
                check(rpc.answer("watch.stop", params)["error"]["code"] == -32602, "%s" % params)


# B5
@test
def a_reader_that_is_too_slow_is_told_how_much_it_missed():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        with node.rpc() as slow, node.rpc() as quick:
            for _ in range(40):
                slow.call("watch.start", {"type": "path"})
            quick.call("watch.start", {"type": "path"})
            with node.rpc() as rpc:
                seen = 0
                for _ in range(10):  # as many as 40 watches cannot hold
                    rpc.send("ping", {"hashname": other.hashname, "count": 30, "interval_ms": 100})
                for _ in range(10):
                    rpc.receive()
            quick.socket.settimeout(2 * SLOW)
            while seen < 300:
                note = quick.receive()
                check(note["method"] == "watch.event" and "lagged" not in note["params"], "%s" % note)
                seen += 1
            shown, lost, watches = {}, {}, range(1, 41)
            while any(shown.get(i, 0) + lost.get(i, 0) < 300 for i in watches):
                params = slow.receive()["params"]
                name = params["id"]
                if "lagged" in params:
                    check(params["lagged"] > 0 and "kind" not in params, "%s" % params)
                    lost[name] = lost.get(name, 0) + params["lagged"]
                else:
                    shown[name] = shown.get(name, 0) + 1
            check(len(lost) == 40, "only %d of 40 had to be told" % len(lost))
            check(all(shown[i] + lost[i] >= 300 for i in watches), "%s %s" % (shown, lost))


@test
def a_watcher_that_vanishes_costs_nothing():
    with Mesh() as mesh:
        _, node, other = three(mesh)

        def handled_by_a_ping_elsewhere():
            """Other pings node: node's control hears of it only while somebody watches."""
            before = handled(node)
            thctl(other, "ping", node.hashname, "-c", "3", "-i", "0.1")
            return handled(node) - before

        # Other things may come to it now and then, and what it is told of may be on its way.
        idle = min(handled_by_a_ping_elsewhere() for _ in range(3))
        rpc = node.rpc()
        rpc.call("watch.start", {"kind": "opened"})
        wait_for("told of 3 pings", lambda: handled_by_a_ping_elsewhere() >= idle + 3, 5 * SLOW)
        rpc.close()
        wait_for("back to what it needs", lambda: handled_by_a_ping_elsewhere() <= idle + 1, 5 * SLOW)

        with node.rpc() as again:
            name = again.call("watch.start", {"kind": "opened"})["id"]
            check(again.call("watch.stop", {"id": name})["id"] == name, "not stopped")
            wait_for("no longer told", lambda: handled_by_a_ping_elsewhere() <= idle + 1, 5 * SLOW)
            check(again.answer("watch.stop", {"id": name})["error"]["code"] == -32602, "stopped twice")
        for _ in range(50):
            with node.rpc() as rpc:
                rpc.call("watch.start")
        with node.rpc() as rpc:  # all of them are free again
            for _ in range(64):
                rpc.call("watch.start")
            check(rpc.answer("watch.start")["error"]["code"] == -32004, "more than 64")
        check(node.call("status")["state"] == "ready", "the node suffered")


@test
def watches_go_on_when_the_event_manager_is_restarted():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        with watch(mesh, node) as stream:
            wait_watching(node, other, stream)
            result = thctl(node, "restart", "events")
            check(result.returncode == 0, "%s" % result)
            stream.wait("that something was missed is told", lambda row: "lagged" in row and row["lagged"] is None)
            count = len(stream.lines())
            thctl(node, "ping", other.hashname, "-c", "1")
            wait_for("events come again", lambda: len(stream.lines()) > count, 5 * SLOW)


@test
def channels_say_who_opened_each_and_how_long_it_may_be_silent():
    with Mesh() as mesh:
        seed, node, other = three(mesh)
        rows = node.call("channels")
        links = [row for row in rows if row["type"] == "link"]
        check({row["hashname"] for row in links} == {seed.hashname, other.hashname}, "%s" % rows)
        for row in rows:
            check(row["c"] > 0 and row["opened_by"] in ("us", "them") and row["age_ms"] >= 0, "%s" % row)
            check(0 < row["silence_left_ms"] <= 90000 and row["rx_packets"] + row["tx_packets"] > 0, "%s" % row)
            if row["opened_by"] == "us":
                owners = {"link": "router", "path": "switch"}  # the rest is the dialer's, and the bootstrap's
                check(row["owner"] == owners.get(row["type"], row["owner"]) is not None, "%s" % row)
            else:
                check(row["owner"] is None, "%s" % row)
        text = thctl(node, "channels")
        check(text.returncode == 0 and "SILENCE LEFT" in text.stdout and "router" in text.stdout, text.stdout)
        alone = mesh.node("alone").start()
        check(alone.call("channels") == [] and thctl(alone, "channels").stdout == "no channels\n", "alone")


@test
def trace_shows_every_message_of_a_server_until_ctrl_c():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        with Stream(mesh, node, "--json", "trace", "dialer") as stream:

            def dialled():
                thctl(node, "seek", "0" * 64)
                return stream.lines()

            wait_for("the trace begins", dialled, 5 * SLOW)
            rows = stream.rows()
            call = stream.wait("the dial", lambda row: row.get("message") == "dialer.dial" and row["with"] == "control")
            check(call["way"] == "in" and call["sort"] == "call", "%s" % call)
            check(call["took_us"] >= 0 and call["at_ms"] > 1.7e12, "%s" % call)
            sent = stream.wait("its channel", lambda row: row.get("message") == "switch.channel")
            check(sent["way"] == "out" and sent["with"] == "switch" and sent["took_us"] is None, "%s" % sent)
            check(sent["refused"] is None, "%s" % sent)
            event = stream.wait("its answer", lambda row: row.get("kind") == "packet" and row["type"] == "seek")
            check(event["sort"] == "event" and event["opened_by"] == "us", "%s" % event)
            stream.wait("what it told", lambda row: row.get("message") == "dialer.dialed" and row["way"] == "out")
            check(rows, "nothing")

            second = thctl(node, "trace", "dialer", "--for", "1s")
            check(second.returncode == 1 and "traces that server already" in second.stderr, "%s" % second)
            thctl(node, "restart", "dialer")
            stream.wait("its end", lambda row: row.get("ended") == "dialer")
            count = len(stream.lines())

            def more():
                thctl(node, "seek", "0" * 64)
                return len(stream.lines()) > count

            wait_for("the next dialer is traced too", more, 5 * SLOW)
            check(stream.interrupt() == 0, "Ctrl-C is a clean end")
        check(thctl(node, "trace", "dialer", "--for", "100ms").returncode == 0, "it is free again")
        for name in ("switch", "router", "events", "bootstrap", "supervisor"):
            result = thctl(node, "trace", name, "--for", "100ms")
            check(result.returncode == 0, "%s" % result)
        for name, said in (("control", "control cannot be traced"), ("dailer", "no server is called dailer; there are ")):
            result = thctl(node, "trace", name)
            check(result.returncode == 2 and said in result.stderr, "%s" % result)


@test
def a_trace_that_nobody_reads_counts_what_it_lost():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        with node.rpc() as slow, node.rpc() as rpc:
            slow.call("server.trace", {"server": "switch"})
            for _ in range(500):
                for _ in range(10):
                    rpc.send("channels")
                for _ in range(10):
                    rpc.receive()
            told = lost = 0
            while lost == 0 and told < 10000:
                params = slow.receive()["params"]
                lost, told = params.get("lagged", 0), told + 1
            check(lost > 0, "nothing was lost of 10000 lines")


main()
