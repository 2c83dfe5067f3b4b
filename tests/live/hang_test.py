"""A8 and A10, twice: with the router suspended, and with the router busy in one callback for three
seconds, the switch answers others, the dialer dials, and `thctl servers` says which part hangs."""

import json
import time

from mesh import Mesh, SLOW, check, main, skip, test, thctl, wait_for

BUSY_MS = int(3000 * SLOW)
USUAL_MS = 50 * SLOW  # a ping on loopback takes a fifth of a millisecond
LOOK_MS = 100 * SLOW


def servers(node):
    begun = time.monotonic()
    rows = {row["name"]: row for row in node.call("servers")}
    took_ms = (time.monotonic() - begun) * 1000
    check(took_ms < LOOK_MS, "`servers` took %d ms" % took_ms)
    return rows


def ping_ms(asker, target):
    """The slowest of three round trips."""
    result = asker.call("ping", {"hashname": target.hashname, "count": 3, "interval_ms": 100})
    check(result["received"] == 3, "%s answered %d of 3 pings" % (target.name, result["received"]))
    return result["max_ms"]


def check_others_go_on(hung, other, third):
    """`hung` is the node whose router does nothing."""
    slowest = ping_ms(other, hung)
    check(slowest < USUAL_MS, "its switch answered in %d ms" % slowest)
    print("        %7.3f ms  slowest ping that its switch answered" % slowest)
    dialed = hung.call("connect", {"hashname": third.hashname})
    check(dialed["result"] == "reached" or dialed["path"], "its dialer told %s" % json.dumps(dialed))
    check(dialed["took_ms"] < 1000 * SLOW, "its dial took %d ms" % dialed["took_ms"])
    slowest = ping_ms(hung, third)
    check(slowest < USUAL_MS, "its own ping took %d ms" % slowest)
    found = hung.call("seek", {"hashname": third.hashname})
    check(found["found"], "its lookup told %s" % json.dumps(found))
    print("        %7.3f ms  slowest ping of its own; a lookup took %d ms" % (slowest, found["took_ms"]))


def three(mesh):
    nodes = mesh.grow(2)
    mesh.wait_ready(nodes, 5 * SLOW)
    return nodes


# A8
@test
def a_suspended_router_delays_neither_switch_nor_dialer():
    with Mesh() as mesh:
        seed, hung, third = three(mesh)
        hung.call("server.suspend", {"server": "router", "for_ms": 60000})

        check(servers(hung)["router"]["state"] == "suspended", "it is not shown as suspended")
        check_others_go_on(hung, seed, third)

        hung.call("server.resume", {"server": "router"})
        check(servers(hung)["router"]["state"] != "suspended", "it does not go on")
        mesh.wait_ready([seed, hung, third], 5)


# A8, A10
@test
def a_router_busy_in_one_callback_delays_neither_switch_nor_dialer():
    with Mesh() as mesh:
        seed, hung, third = three(mesh)
        asked = hung.rpc().answer("server.busy", {"server": "router", "for_ms": BUSY_MS})
        if asked.get("error", {}).get("code") == -32601:
            skip("this build has no test hooks (TH_TEST_HOOKS)")
        check("result" in asked, "server.busy answered %s" % json.dumps(asked))
        begun = time.monotonic()

        router = servers(hung)["router"]
        while router["doing"] != "test.busy":
            check(time.monotonic() - begun < 1, "the router is shown doing %s" % router["doing"])
            router = servers(hung)["router"]
        check(router["state"] == "running", "it is shown as %s" % router["state"])
        check_others_go_on(hung, seed, third)
        router = servers(hung)["router"]
        passed_ms = (time.monotonic() - begun) * 1000
        check(passed_ms < BUSY_MS, "all that took so long that the router was free again")
        check(router["doing"] == "test.busy" and passed_ms - 500 < router["doing_ms"] <= passed_ms + 50,
              "after %d ms it is shown as %s" % (passed_ms, json.dumps(router)))
        print("        while it hangs:\n" + "\n".join(
            "          " + line for line in thctl(hung, "servers").stdout.splitlines()))

        while servers(hung)["router"]["doing"] == "test.busy":
            check(time.monotonic() - begun < 3 * BUSY_MS / 1000, "it does not end")
            time.sleep(0.1)
        check("test.busy" in hung.log(), "the watchdog did not name the callback while it ran")
        mesh.wait_ready([seed, hung, third], 5)


@test
def on_one_loop_thctl_gives_up_with_the_pid_and_the_log_has_the_answer():
    with Mesh() as mesh:
        node = mesh.node("single", "--threads", "1").start()
        with node.rpc() as rpc:
            if rpc.answer("server.busy", {"server": "router", "for_ms": BUSY_MS + 2000}).get("error"):
                skip("this build has no test hooks (TH_TEST_HOOKS)")
        begun = time.monotonic()

        result = thctl(node, "--timeout", "1", "servers")

        check(result.returncode == 1, "exit %d" % result.returncode)
        check("does not answer (pid %d); see its log" % node.process.pid in result.stderr, result.stderr)
        check(time.monotonic() - begun < BUSY_MS / 1000, "it took %.1f s" % (time.monotonic() - begun))
        wait_for("the watchdog names it while it runs",
                 lambda: "server=router doing=test.busy" in node.log(), BUSY_MS / 1000)
        check(time.monotonic() - begun < (BUSY_MS + 2000) / 1000, "it was named after its end")
        print("        " + result.stderr.strip())
        print("        " + next(line for line in node.log().splitlines() if "test.busy" in line))
        wait_for("it answers again", lambda: thctl(node, "status").returncode == 0, 10 * SLOW)


main()
