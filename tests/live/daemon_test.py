"""telehashd as an operator meets it: its files, its flags, its ends."""

import json
import os
import re
import signal
import stat
import subprocess

from mesh import END_S, Mesh, SLOW, Stopwatch, TELEHASHD, check, main, telehashd, test, thctl, wait_for

STOP_S = 2


def refused(code, *flags, word="", **more):
    """Runs telehashd, which must end with this code and say one line."""
    result = telehashd(*flags, **more)
    said = result.stderr.strip()
    check(result.returncode == code, "%s: exit %d, not %d: %s" % (flags, result.returncode, code, said))
    check(len(said.splitlines()) == 1, "%s: not one line: %r" % (flags, said))
    check(said.startswith("telehashd: "), "%s: %r" % (flags, said))
    check(word in said, "%s: %r does not name %r" % (flags, said, word))
    check(result.stdout == "", "%s: on stdout: %r" % (flags, result.stdout))
    return said


def read(path):
    with open(path, "rb") as file:
        return file.read()


@test
def it_makes_an_identity_for_itself_and_keeps_it():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        identity = os.path.join(node.state, "identity.json")
        first, before = node.hashname, read(identity)

        check(stat.S_IMODE(os.stat(node.state).st_mode) == 0o700, "the state directory is open")
        check(stat.S_IMODE(os.stat(identity).st_mode) == 0o600, "the identity is open")
        check(stat.S_IMODE(os.stat(node.socket).st_mode) == 0o660, "the socket's mode")
        check(set(json.loads(before)) == {"3a", "3a_secret"}, "not the form of other implementations")

        code, took = node.stop()
        check(code == 0 and took < STOP_S * SLOW, "ended with %d after %.1f s" % (code, took))
        check(not os.path.exists(node.socket), "the socket is left behind")
        node.start()
        check(node.hashname == first and read(identity) == before, "another identity after a restart")


@test
def it_says_at_its_start_what_one_needs_next():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        output = wait_for("it prints", lambda: "thctl " in node.output() and node.output().endswith("\n") and node.output(), 5 * SLOW)
        entry = json.loads(output[output.index("{") : output.rindex("}") + 1])
        command = re.search(r"thctl (--socket .*) status", output)

        check(node.hashname in output and re.search(r"127\.0\.0\.1:\d+", output), output)
        check(entry == node.call("seeds.export"), "the entry is not the one of seeds export")
        check(command and command.group(1) == "--socket " + node.socket, output)


@test
def it_starts_again_over_its_own_stale_socket_after_a_kill():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        node.kill()
        check(os.path.exists(node.socket), "nothing to be replaced")
        node.start()
        check(node.call("status")["hashname"] == node.hashname, "it does not answer")


@test
def both_signals_end_it_cleanly_and_the_other_side_is_told():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Mesh() as mesh:
            seed, node = mesh.grow(1)
            mesh.wait_whole([seed, node], 10 * SLOW)
            watch = Stopwatch()
            node.signal(number)
            code = node.process.wait(END_S * SLOW)
            took = watch.seconds()
            check(code == 0 and took < STOP_S * SLOW, "ended with %d after %.1f s" % (code, took))
            wait_for("the seed knows that the link has ended", lambda: not seed.links(), 5 * SLOW)
            peers = json.loads(read(os.path.join(node.state, "peers.json")))
            check(peers["format"] == 1 and list(peers["peers"]) == [seed.hashname], "%s" % peers)
            at = json.loads(read(os.path.join(node.state, "state.json")))
            check(at["format"] == 1 and at["at"] > 0, "%s" % at)


@test
def init_makes_an_identity_once_and_prints_the_entry():
    with Mesh() as mesh:
        state = os.path.join(mesh.folder, "new", "state")
        flags = ["--state-dir", state, "--socket", os.path.join(mesh.folder, "s"), "--advertise", "192.0.2.1:42424"]
        first = telehashd(*flags, "--init")
        identity = read(os.path.join(state, "identity.json"))
        second = telehashd(*flags, "--init")
        name = telehashd(*flags, "--print-hashname")

        for result in (first, second, name):
            check(result.returncode == 0 and result.stderr == "", "exit %d: %s" % (result.returncode, result.stderr))
        check(first.stdout == second.stdout, "another entry the second time")
        check(identity == read(os.path.join(state, "identity.json")), "the identity was changed")
        entry = json.loads(first.stdout)
        check(name.stdout == list(entry)[0] + "\n", "--print-hashname: %r" % name.stdout)
        check(entry[list(entry)[0]]["paths"] == [{"type": "ipv4", "ip": "192.0.2.1", "port": 42424}], "%s" % entry)
        check(not os.path.exists(os.path.join(mesh.folder, "s")), "--init makes a socket")

        node = mesh.node("new", "--advertise", "192.0.2.1:42424")
        node.state = state
        node.start()
        check(node.hashname == list(entry)[0], "the daemon has another identity")
        again = telehashd(*flags, "--init")
        check(again.returncode == 0 and again.stdout == first.stdout, "--init beside a running daemon")
        check(node.call("seeds.export") == entry, "seeds export says something else")


@test
def bad_flags_are_refused_in_one_line():
    with Mesh() as mesh:
        base = ["--state-dir", os.path.join(mesh.folder, "s"), "--socket", os.path.join(mesh.folder, "c")]
        for flags, word in (
            (["--nonsense"], "--nonsense"),
            (["surplus"], "surplus"),
            (["--listen"], "--listen"),
            (["--listen", "42424"], "--listen 42424"),
            (["--listen", "127.0.0.1:99999"], "--listen"),
            (["--listen", "localhost:1"], "--listen"),
            (["--advertise", "0.0.0.0:1"], "--advertise"),
            (["--advertise", "[::]:1"], "--advertise"),
            (["--advertise", "169.254.1.1:1"], "--advertise"),
            (["--advertise", "[fe80::1]:1"], "--advertise"),
            (["--advertise", "192.0.2.1:0"], "--advertise"),
            (["--threads", "2"], "--threads"),
            (["--k", "1"], "--k"),
            (["--k", "many"], "--k"),
            (["--links-max", "4"], "--links-max"),
            (["--log-level", "loud"], "--log-level"),
            (["--init=yes"], "--init"),
            (["--seeds", os.path.join(mesh.folder, "missing")], "missing"),
            (["--seeds", mesh.folder], mesh.folder),
        ):
            refused(2, *base, *flags, word=word)
        refused(2, "--socket", "/" + "x" * 107, word="108 bytes")
        ok = telehashd("--help")
        check(ok.returncode == 0 and "--links-max" in ok.stdout and ok.stderr == "", "--help")
        check(telehashd("--version").stdout.startswith("telehashd "), "--version")


@test
def broken_files_are_refused_and_left_as_they_are():
    with Mesh() as mesh:
        state = os.path.join(mesh.folder, "s")
        base = ["--state-dir", state, "--socket", os.path.join(mesh.folder, "c"), "--listen", "127.0.0.1:0"]
        telehashd(*base, "--init")
        identity = os.path.join(state, "identity.json")
        good = read(identity)

        def put(path, content, mode=0o600):
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)

        for content, mode, word in ((b"{", 0o600, "JSON"), (b"", 0o600, "identity"), (good, 0o644, "chmod")):
            put(identity, content, mode)
            refused(2, *base, word=word)
            refused(2, *base, "--init", word=word)
            check(read(identity) == content, "the identity was written over")
        put(identity, good)

        put(os.path.join(state, "peers.json"), b'{"format":2,"peers":{}}')
        refused(2, *base, word="newer")
        check(read(os.path.join(state, "peers.json")) == b'{"format":2,"peers":{}}', "written over")
        os.remove(os.path.join(state, "peers.json"))

        seeds = os.path.join(mesh.folder, "seeds.json")
        put(seeds, b'{"00":{}}')
        refused(2, *base, "--seeds", seeds, word="00")
        file = os.path.join(mesh.folder, "file")
        put(file, b"mine")
        refused(2, "--state-dir", file, *base[2:], word=file)
        refused(2, *base[:2], "--socket", file, *base[4:], word=file)
        check(read(file) == b"mine", "a file of somebody else was written over")


@test
def broken_peers_are_kept_aside_and_it_goes_on():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        node.stop()
        peers = os.path.join(node.state, "peers.json")
        for n in (1, 2):
            with open(peers, "w") as file:
                file.write("not json %d" % n)
            node.start()
            node.stop()
            check(read(peers + ".broken-%d" % n) == b"not json %d" % n, "not kept aside")
            check(not os.path.exists(peers), "still there")
        check(node.log().count("kept aside as peers.json.broken-") == 2, node.log())


@test
def what_is_in_use_is_refused_with_one():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        address = node.call("status")["listen"][0]
        other = ["--state-dir", os.path.join(mesh.folder, "b"), "--socket", os.path.join(mesh.folder, "b.sock")]

        refused(1, "--state-dir", node.state, *other[2:], "--listen", "127.0.0.1:0", word=node.state)
        refused(1, *other[:2], "--socket", node.socket, "--listen", "127.0.0.1:0", word=node.socket)
        refused(1, *other, "--listen", address, word=address)
        check(node.call("status")["hashname"] == node.hashname, "the first one was disturbed")
        check(not os.path.exists(other[3]), "a socket is left behind")


@test
def a_second_signal_ends_it_at_once():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        watch = Stopwatch()
        node.signal(signal.SIGTERM)
        node.signal(signal.SIGTERM)
        node.process.wait(END_S * SLOW)
        check(watch.seconds() < STOP_S * SLOW, "not at once")


@test
def stop_of_thctl_ends_it():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        result = thctl(node, "stop")
        check(result.returncode == 0 and "stopped" in result.stdout, result.stdout + result.stderr)
        check(node.process.wait(END_S * SLOW) == 0, "it did not end with 0")


@test
def its_state_and_socket_have_places_without_any_flag():
    with Mesh() as mesh:
        environment = dict(os.environ, STATE_DIRECTORY=mesh.folder + "/state", RUNTIME_DIRECTORY=mesh.folder + "/run")
        environment.pop("TELEHASH_SOCKET", None)
        node = mesh.node("a")
        node.socket = mesh.folder + "/run/telehashd.sock"
        with open(os.path.join(mesh.folder, "a.out"), "wb") as out, open(os.path.join(mesh.folder, "a.err"), "wb") as err:
            node.process = subprocess.Popen(
                [TELEHASHD, "--listen", "127.0.0.1:0"], stdout=out, stderr=err, env=environment
            )
        node.wait_started()
        check(os.path.exists(mesh.folder + "/state/identity.json"), "not in STATE_DIRECTORY")


@test
def without_standard_descriptors_nothing_is_written_where_it_does_not_belong():
    with Mesh() as mesh:
        node = mesh.node("a")
        node.start(wrapper=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"], wait=True)
        with node.rpc() as rpc:
            rpc.answer("connect", {"hashname": "ab" * 32, "timeout_ms": 100})
            wait_for("it is alone, and no log line came as an answer", lambda: rpc.call("status")["state"] == "alone", 10 * SLOW)
        code, _ = node.stop()
        check(code == 0 and read(os.path.join(node.state, "lock")) == b"", "ended with %d" % code)


@test
def log_lines_have_the_time_or_a_priority():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        node.stop()
        for line in node.log().splitlines():
            check(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (ERROR|WARN |INFO |DEBUG) \S+: ", line), line)

        log = os.path.join(mesh.folder, "b.err")
        open(log, "w").close()
        where = os.stat(log)
        os.environ["JOURNAL_STREAM"] = "%d:%d" % (where.st_dev, where.st_ino)
        try:
            other = mesh.node("b").start()
        finally:
            del os.environ["JOURNAL_STREAM"]
        other.stop()
        for line in other.log().splitlines():
            check(re.match(r"<[3467]>\S+: ", line), line)


main()
