"""thctl suspend, resume and restart: one server is held or started anew, the others go on."""

import json
import os
import threading
import time

from mesh import END_S, Mesh, SLOW, check, main, test, thctl, wait_for

KEEPALIVE_S = 25
BUSY = -32004
STEERED = ("events", "registry", "switch", "dialer", "router", "bootstrap")
KEPT = ("control", "supervisor", "control-supervisor", "guard")


def row(node, name):
    return next(row for row in node.call("servers") if row["name"] == name)


def three(mesh):
    nodes = mesh.grow(2)
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


def links(node):
    """None while the router is being restarted."""
    with node.rpc() as rpc:
        answer = rpc.answer("peers")
    if answer.get("error", {}).get("code") == BUSY:
        return None
    return {row["hashname"] for row in answer["result"] if row["link"]}


def is_whole(nodes):
    everybody = {node.hashname for node in nodes}
    return all(links(node) == everybody - {node.hashname} for node in nodes)


def wait_whole(nodes, seconds):
    """Everybody is linked with everybody."""
    wait_for(lambda: "whole again: %s" % [len(links(node) or ()) for node in nodes], lambda: is_whole(nodes), seconds * SLOW)


@test
def a_suspended_server_does_nothing_until_it_is_resumed():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        result = thctl(node, "suspend", "dialer")
        check(result.returncode == 0 and "dialer is suspended for 30 s" in result.stdout, "%s" % result)
        check(row(node, "dialer")["state"] == "suspended", "%s" % row(node, "dialer"))
        before = row(node, "dialer")["messages"]

        with node.rpc() as rpc:
            rpc.send("seek", {"hashname": "0" * 64})
            wait_for("its mailbox fills", lambda: row(node, "dialer")["mailbox"] >= 1, 5 * SLOW)
            check(row(node, "dialer")["messages"] == before, "it works")
            # The switch and the router go on.
            check(thctl(node, "ping", other.hashname, "-c", "1").returncode == 0, "no ping")
            check(node.call("status")["state"] == "ready", "no status")

            result = thctl(node, "--json", "resume", "dialer")
            check(json.loads(result.stdout) == {"server": "dialer", "was_suspended": True}, "%s" % result)
            check("result" in rpc.receive(), "the dial is lost")
        check(row(node, "dialer")["state"] in ("idle", "running"), "%s" % row(node, "dialer"))
        again = thctl(node, "resume", "dialer")
        check(again.returncode == 0 and "was not suspended" in again.stdout, "%s" % again)


@test
def a_suspension_ends_by_itself():
    with Mesh() as mesh:
        _, node, _ = three(mesh)
        begun = time.monotonic()
        result = thctl(node, "--json", "suspend", "router", "--for", "700ms")
        check(json.loads(result.stdout) == {"server": "router", "state": "suspended", "for_ms": 700}, "%s" % result)
        wait_for("it goes on", lambda: row(node, "router")["state"] != "suspended", 5 * SLOW)
        check(time.monotonic() - begun >= 0.6, "after %.1f s" % (time.monotonic() - begun))
        check(node.links(), "its links are gone")


@test
def control_and_supervisors_are_let_alone_and_unknown_names_listed():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        for command in ("suspend", "resume", "restart"):
            for name in KEPT:
                result = thctl(node, command, name)
                check(result.returncode == 2 and "%s is let alone: " % name in result.stderr, "%s" % result)
            result = thctl(node, command, "rooter")
            check(result.returncode == 2 and "no server is called rooter" in result.stderr, "%s" % result)
            for name in STEERED + KEPT:
                check(name in result.stderr, "%s is not in %s" % (name, result.stderr))
            missing = thctl(node, command)
            check(missing.returncode == 2 and "a server's name is missing" in missing.stderr, "%s" % missing)
            with node.rpc() as rpc:
                for params in ({}, {"server": 7}, {"server": ""}):
                    error = rpc.answer("server." + command, params)["error"]
                    check(error["code"] == -32602 and "router" in error["data"]["servers"], "%s" % error)
        for words in (("--for", "0"), ("--for", "2h"), ("--for", "-1"), ("--for", "x"), ("--for",)):
            result = thctl(node, "suspend", "router", *words)
            check(result.returncode == 2 and "--for" in result.stderr, "%s" % result)
        with node.rpc() as rpc:
            for for_ms in (0, -1, "1", 3600001, 1.5):
                error = rpc.answer("server.suspend", {"server": "router", "for_ms": for_ms})["error"]
                check(error["code"] == -32602, "%s: %s" % (for_ms, error))
        check(all(row["state"] != "suspended" for row in node.call("servers")), "something is suspended")


@test
def who_is_not_the_owner_may_not_steer():
    if os.getuid() != 0:
        return  # only root can be somebody else
    with Mesh() as mesh:
        node = mesh.node("a").start()
        os.chmod(mesh.folder, 0o755)
        os.chmod(node.socket, 0o666)
        for method in ("server.suspend", "server.resume", "server.restart", "server.trace", "watch.start"):
            read_end, write_end = os.pipe()
            child = os.fork()
            if child == 0:
                os.setuid(65534)
                with node.rpc() as rpc:
                    os.write(write_end, json.dumps(rpc.answer(method, {"server": "router"} if "s" == method[0] else {})).encode())
                os._exit(0)
            os.close(write_end)
            os.waitpid(child, 0)
            with os.fdopen(read_end) as answer:
                answer = json.loads(answer.read())
            if method == "watch.start":
                check("result" in answer, "%s" % answer)
            else:
                check(answer["error"]["code"] == -32001, "%s: %s" % (method, answer))


# D5
@test
def every_server_is_restarted_alone_and_the_mesh_is_whole_again():
    for name in STEERED:
        with Mesh() as mesh:
            nodes = three(mesh)
            node = nodes[1]
            others = {row["name"]: row["restarts"] for row in node.call("servers") if row["name"] != name}
            begun = time.monotonic()
            result = thctl(node, "--json", "restart", name)
            check(result.returncode == 0, "%s" % result)
            answer = json.loads(result.stdout)
            check(answer["server"] == name and answer["restarts"] == 1 and answer["took_ms"] < 2000 * SLOW, "%s" % answer)
            wait_whole(nodes, KEEPALIVE_S)
            took = time.monotonic() - begun
            check(row(node, name)["restarts"] == 1, "not restarted")

            def others_now():
                return {row["name"]: row["restarts"] for row in node.call("servers") if row["name"] != name}

            # Who loses the event manager begins anew by itself: it cannot know what it missed.
            expected = others if name != "events" else {**others, "router": 1, "dialer": 1, "bootstrap": 1}
            wait_for(others_now, lambda: others_now() == expected, 5 * SLOW)  # one may just be beginning
            wait_for("ready", node.is_ready, KEEPALIVE_S * SLOW)
            check(thctl(node, "ping", nodes[2].hashname, "-c", "1").returncode == 0, "no ping after it")
            seek = node.call("seek", {"hashname": nodes[2].hashname})
            check(seek["found"], "no lookup after it: %s" % seek)
            print("          %5.2f s  until three nodes were whole after a restart of %s" % (took, name))


@test
def dials_that_run_are_told_when_the_dialer_is_restarted():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        other.signal(19)  # SIGSTOP: who is asked does not answer, so that the dials run on
        try:
            answers = []

            def seek():
                with node.rpc() as rpc:
                    answers.append(rpc.answer("seek", {"hashname": "0" * 64, "timeout_ms": 20000}))

            dials = [threading.Thread(target=seek) for _ in range(3)]
            for dial in dials:
                dial.start()
            wait_for("the dials run", lambda: len([c for c in node.call("channels") if c["owner"] == "dialer"]) >= 3, 5 * SLOW)
            begun = time.monotonic()
            check(thctl(node, "restart", "dialer").returncode == 0, "no restart")
            for dial in dials:
                dial.join(END_S * SLOW)
            took = time.monotonic() - begun
        finally:
            other.signal(18)  # SIGCONT
        check(len(answers) == 3, "%d of 3 dials were told" % len(answers))
        for answer in answers:
            check(answer.get("result", {}).get("result") == "cancelled", "%s" % answer)
        print("          %5.2f s  until three dials were told of the restart of the dialer" % took)
        check(node.call("seek", {"hashname": other.hashname})["found"], "no dial afterwards")


# D5
@test
def a_restarted_dialer_begins_with_the_linked_nodes():
    with Mesh() as mesh:
        node = three(mesh)[1]
        check(thctl(node, "restart", "dialer").returncode == 0, "no restart")
        steps = node.call("seek", {"hashname": "0" * 64})["steps"]
        first = {step["asked"] for step in steps if step["via"] is None}
        check(first and first <= links(node), "asked %s first, linked to %s" % (first, links(node)))


@test
def a_suspended_server_can_be_restarted():
    with Mesh() as mesh:
        _, node, other = three(mesh)
        check(thctl(node, "suspend", "dialer").returncode == 0, "no suspend")
        check(thctl(node, "restart", "dialer").returncode == 0, "no restart")
        check(node.call("seek", {"hashname": other.hashname})["found"], "it is suspended still")


main()
