"""A8 and A10, twice: with the router suspended, and with the router busy in one callback for three
seconds, the switch answers others, the dialer dials, and `thctl servers` says which part hangs."""

import json
import time

from mesh import Mesh, SLOW, Stopwatch, check, main, skip, test, thctl, wait_for

BUSY_MS = int(6000 * min(SLOW, 3))
USUAL_MS = 50 * SLOW  # a ping on loopback takes a fifth of a millisecond
LOOK_MS = 100 * SLOW


def servers(node):
    watch = Stopwatch()
    rows = {row["name"]: row for row in node.call("servers")}
    took_ms = watch.seconds() * 1000
    check(took_ms < LOOK_MS, "`servers` took %d ms" % took_ms)
    return rows


def ping_ms(asker, target):
    """The middle one of three round trips: a busy machine may delay one, a server that hangs delays all."""
    result = asker.call("ping", {"hashname": target.hashname, "count": 3, "interval_ms": 100})
    check(result["received"] == 3, "%s answered %d of 3 pings" % (target.name, result["received"]))
    return sorted(result["rtt_ms"])[1]


def check_others_go_on(hung, other, third):
    """`hung` is the node whose router does nothing."""
    middle = ping_ms(other, hung)
    check(middle < USUAL_MS, "its switch answered in %d ms" % middle)
    print("        %7.3f ms  a ping that its switch answered" % middle)
    dialed = hung.call("connect", {"hashname": third.hashname})
    check(dialed["result"] == "reached" or dialed["path"], "its dialer told %s" % json.dumps(dialed))
    check(dialed["took_ms"] < 1000 * SLOW, "its dial took %d ms" % dialed["took_ms"])
    middle = ping_ms(hung, third)
    check(middle < USUAL_MS, "its own ping took %d ms" % middle)
    found = hung.call("seek", {"hashname": third.hashname})
    check(found["found"], "its lookup told %s" % json.dumps(found))
    print("        %7.3f ms  a ping of its own; a lookup took %d ms" % (middle, found["took_ms"]))


def three(mesh):
    nodes = mesh.grow(2)
    mesh.wait_whole(nodes, 10 * SLOW)
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
        mesh.wait_ready([seed, hung, third], 10 * SLOW)


# A8, A10
@test
def a_router_busy_in_one_callback_delays_neither_switch_nor_dialer():
    with Mesh() as mesh:
        seed, hung, third = three(mesh)
        asked = time.monotonic()
        answer = hung.rpc().answer("server.busy", {"server": "router", "for_ms": BUSY_MS})
        if answer.get("error", {}).get("code") == -32601:
            skip("this build has no test hooks (TH_TEST_HOOKS)")
        check("result" in answer, "server.busy answered %s" % json.dumps(answer))

        def router():
            return servers(hung)["router"]

        wait_for(lambda: "it hangs, but is doing %s" % router()["doing"], lambda: router()["doing"] == "test.busy", 1 * SLOW)
        seen = time.monotonic()
        check(router()["state"] == "running", "it is shown as %s" % router()["state"])
        check_others_go_on(hung, seed, third)
        looked = time.monotonic()
        row = router()
        longest_ms = (time.monotonic() - asked) * 1000
        check(longest_ms < BUSY_MS, "all that took so long that the router was free again")
        check(row["doing"] == "test.busy" and (looked - seen) * 1000 - 1 <= row["doing_ms"] <= longest_ms + 1,
              "%d to %d ms after it began it is shown as %s" % ((looked - seen) * 1000, longest_ms, json.dumps(row)))
        print("        while it hangs:\n" + "\n".join(
            "          " + line for line in thctl(hung, "servers").stdout.splitlines()))

        wait_for("it ends", lambda: router()["doing"] != "test.busy", 3 * BUSY_MS / 1000)
        check("test.busy" in hung.log(), "the watchdog did not name the callback while it ran")
        mesh.wait_ready([seed, hung, third], 10 * SLOW)


@test
def on_one_loop_thctl_gives_up_with_the_pid_and_the_log_has_the_answer():
    with Mesh() as mesh:
        node = mesh.node("single", "--threads", "1").start()
        with node.rpc() as rpc:
            if rpc.answer("server.busy", {"server": "router", "for_ms": BUSY_MS + 2000}).get("error"):
                skip("this build has no test hooks (TH_TEST_HOOKS)")
        watch = Stopwatch()

        result = thctl(node, "--timeout", "1", "servers")

        check(result.returncode == 1, "exit %d" % result.returncode)
        check("does not answer (pid %d); see its log" % node.process.pid in result.stderr, result.stderr)
        check(watch.seconds() < BUSY_MS / 1000, "it took %.1f s" % watch.seconds())
        wait_for("the watchdog names it while it runs",
                 lambda: "server=router doing=test.busy" in node.log(), BUSY_MS / 1000)
        check(watch.seconds() < (BUSY_MS + 2000) / 1000, "it was named after its end")
        print("        " + result.stderr.strip())
        print("        " + next(line for line in node.log().splitlines() if "test.busy" in line))
        wait_for("it answers again", lambda: thctl(node, "status").returncode == 0, 10 * SLOW)


main()
