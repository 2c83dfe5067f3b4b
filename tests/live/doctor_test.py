"""thctl doctor: nothing bad on a node that is well, what is wrong named with a next step, and something to
say when no daemon answers."""

import json
import os
import signal

from mesh import Mesh, SLOW, check, main, test, thctl, wait_for


def doctor(node, code, *words):
    result = thctl(node, "--json", *words, "doctor")
    check(result.returncode == code, "exit %d: %s%s" % (result.returncode, result.stdout, result.stderr))
    return json.loads(result.stdout)


def of(verdict, answer):
    return [(row["check"], row["text"]) for row in answer["checks"] if row["verdict"] == verdict]


def has_test_hooks(node):
    """False, and said, on a build without them (TH_TEST_HOOKS)."""
    if node.rpc().answer("server.busy", {"server": "dialer", "for_ms": 1}).get("error", {}).get("code") != -32601:
        return True
    print("        left out: this build has no test hooks")
    return False


def show(node, *words):
    print("        " + thctl(node, *words, "doctor").stdout.replace("\n", "\n        ").rstrip())


@test
def nothing_is_bad_on_a_node_that_is_well():
    with Mesh() as mesh:
        nodes = mesh.grow(2)
        mesh.wait_whole(nodes, 10 * SLOW)
        answer = doctor(nodes[1], 0)
        daemon = answer["daemon"]
        check(daemon["answers"] and daemon["pid"] == nodes[1].process.pid, "%s" % daemon)
        check(daemon["version"] == nodes[1].call("status")["version"], "%s" % daemon)
        check(not of("unknown", answer), "%s" % of("unknown", answer))
        for name in ("clock", "ports", "buffers", "kernel", "seeds", "seed", "table", "servers", "disk", "saved",
                     "socket", "version", "ntp", "traffic", "identity"):
            check(name in {row["check"] for row in answer["checks"]}, "no %s" % name)
        show(nodes[1])


@test
def seeds_that_are_gone_a_readable_key_and_a_suspended_server_are_named():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        seeds = seed.export_seeds()
        seed.kill()
        node = mesh.node("node", "--seeds", seeds).start()
        os.chmod(os.path.join(node.state, "identity.json"), 0o644)
        node.call("server.suspend", {"server": "dialer"})

        wanted, answer = {"seeds", "seed", "table", "identity"}, {}

        def are_bad():
            answer.update(doctor(node, 1))
            return wanted <= {name for name, _ in of("bad", answer)}

        wait_for(lambda: "%s are bad, but %s" % (wanted, of("bad", answer)), are_bad, 30 * SLOW)
        check(("server", "dialer is suspended") in of("warn", answer), "%s" % of("warn", answer))
        for row in answer["checks"]:
            check(row["next"] or row["verdict"] in ("ok", "unknown"), "no next step: %s" % row)


@test
def without_a_daemon_it_looks_from_outside():
    with Mesh() as mesh:
        node = mesh.node("node").start()
        missing = os.path.join(mesh.folder, "none.sock")
        os.environ["STATE_DIRECTORY"] = node.state
        try:
            node.socket, was = missing, node.socket
            answer = doctor(node, 1)
            check(not answer["daemon"]["answers"] and answer["daemon"]["pid"] == node.process.pid, "%s" % answer["daemon"])
            check("lock" in {name for name, _ in of("warn", answer)}, "%s" % of("warn", answer))
            check(missing in of("bad", answer)[0][1], "the path that was tried is not told: %s" % of("bad", answer))
            node.kill()
            answer = doctor(node, 1)
            check(answer["daemon"]["pid"] is None, "%s" % answer["daemon"])
            check({"config", "disk"} <= {row["check"] for row in answer["checks"]}, "%s" % answer["checks"])
            show(node)
            node.socket = was
        finally:
            del os.environ["STATE_DIRECTORY"]


@test
def a_folder_whose_name_is_no_utf8_is_named_as_well_as_json_can():
    with Mesh() as mesh:
        node = mesh.node("node").start()
        node.kill()
        folder = os.path.join(os.fsencode(mesh.folder), b"d\xe9")
        os.mkdir(folder, 0o700)
        with open(os.path.join(folder, b"identity.json"), "w") as file:
            file.write("{}")
        os.chmod(os.path.join(folder, b"identity.json"), 0o644)
        os.environb[b"STATE_DIRECTORY"] = folder
        try:
            answer = doctor(node, 1)
            node.socket = os.fsdecode(os.fsencode(mesh.folder) + b"/n\xe9")
            elsewhere = doctor(node, 1)
        finally:
            del os.environb[b"STATE_DIRECTORY"]
        named = [row["check"] for row in answer["checks"] if "/d?" in row["text"] + (row["next"] or "")]
        check("disk" in named and "identity" in named, "%s" % answer["checks"])
        check(any(name == "daemon" and "/n? " in text for name, text in of("bad", elsewhere)), "%s" % elsewhere["checks"])


@test
def a_daemon_that_is_stopped_by_a_signal_is_told_so():
    with Mesh() as mesh:
        node = mesh.node("node").start()
        node.signal(signal.SIGSTOP)
        try:
            answer = doctor(node, 1, "--timeout", "0.5")
        finally:
            node.signal(signal.SIGCONT)
        check(("process", "telehashd (pid %d) is stopped by a signal" % node.process.pid) in of("bad", answer),
              "%s" % of("bad", answer))


def staged(node, *words):
    """What is printed here stands in the README, "What is wrong with my node?"."""
    result = thctl(node, *words)
    print("        $ thctl %s\n        %s" % (" ".join(words), result.stdout.rstrip().replace("\n", "\n        ")))
    return result


@test
def a_clock_that_is_two_hours_behind_is_found_with_thctl_alone():
    with Mesh() as mesh:
        nodes = mesh.grow(3)
        mesh.wait_ready(nodes, 10 * SLOW)
        if not has_test_hooks(nodes[0]):
            return
        node = mesh.node("behind", "--seeds", nodes[0].export_seeds())
        os.environ["TH_TEST_CLOCK_S"] = "-7200"
        try:
            node.start()
        finally:
            del os.environ["TH_TEST_CLOCK_S"]
        bad = []

        def is_clock_bad():
            bad[:] = of("bad", json.loads(thctl(node, "--json", "doctor").stdout))
            return any(name == "clock" and "behind the clocks" in what for name, what in bad)

        # Three peers that are met are not yet three whose clocks were compared; the files are from the future at once.
        wait_for(lambda: "the clock is bad, but %s" % bad, is_clock_bad, 30 * SLOW)
        check(("clock", "it is 2 h 0 min behind the clocks of at least three peers") in bad
              or ("clock", "it is 1 h 59 min behind the clocks of at least three peers") in bad, "%s" % bad)
        staged(node, "doctor")


@test
def a_server_that_hangs_is_found_with_thctl_alone():
    with Mesh() as mesh:
        seed, node = mesh.grow(1)
        mesh.wait_ready([seed, node], 10 * SLOW)
        if not has_test_hooks(node):
            return
        # Longer than three looks take anywhere; the mesh ends it.
        node.call("server.busy", {"server": "router", "for_ms": int(min(20000 * SLOW, 60000))})

        def is_named():  # once it hangs longer than the watchdog's limit
            answer = json.loads(thctl(node, "--json", "doctor").stdout)
            return any(name == "server" and text.startswith("router hangs: in one callback (test.busy)")
                       for name, text in of("bad", answer))

        wait_for("it is named", is_named, 10 * SLOW)
        doctor(node, 1)
        check(staged(node, "health").returncode == 1, "health says that it is well")
        staged(node, "servers")


main()
