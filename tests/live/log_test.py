"""The log: what is written where, and what somebody sees who looks at it from outside."""

import json
import os
import re
import subprocess

from mesh import SLOW, THCTL, Mesh, check, main, test, thctl, wait_for

AWAY = "ab" * 32


def dial(node):
    """Something that is logged at debug alone."""
    node.call("seek", {"hashname": AWAY})


@test
def whoever_looks_sees_finer_lines_than_the_daemon_writes():
    with Mesh() as mesh:
        seed, node = mesh.grow(1, "--log-level", "warn")
        mesh.wait_ready([seed, node], 10 * SLOW)
        with node.rpc() as rpc:
            rpc.call("log.start", {"level": "debug", "topic": ["dialer"], "last": 0})
            dial(node)
            text = ""
            while AWAY not in text:  # the node may dial by itself too
                line = rpc.receive()["params"]
                check(line["level"] == "debug" and line["topic"] == "dialer", line)
                text = line["text"]
        check("dialed" not in node.log(), node.log())

        dial(node)  # nobody looks any more: nothing is kept of it
        kept = [line for line in node.call("log", {"topic": "dialer"}) if AWAY in line["text"]]
        check(len(kept) <= 2, kept)
        shown = thctl(node, "log", "--topic", "dialer")
        check(shown.returncode == 0 and "debug dialer: dialed target=" + AWAY in shown.stdout, shown)


@test
def thctl_log_follows_until_its_time_is_over():
    with Mesh() as mesh:
        seed, node = mesh.grow(1)
        mesh.wait_ready([seed, node], 10 * SLOW)
        words = [THCTL, "--socket", node.socket, "--json", "log", "-f", "-n", "1", "--level", "debug", "--for", "60s"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as follower:
            check(json.loads(follower.stdout.readline())["level"] == "info", "not the last line that was there")
            dial(node)
            lines = iter(lambda: json.loads(follower.stdout.readline()), None)
            check(any(AWAY in line["text"] for line in lines), "not what came")
            follower.terminate()


@test
def a_program_reads_json():
    with Mesh() as mesh:
        node = mesh.node("a", "--log-format", "json", "--log-level", "debug").start()
        node.stop()
        lines = [json.loads(line) for line in node.log().splitlines()]
        check(lines and all(set(line) == {"at", "level", "topic", "text", "fields"} for line in lines), lines)
        check({"signal": 15} in [line["fields"] for line in lines if line["topic"] == "telehashd"], lines)


@test
def journald_gets_priorities():
    with Mesh() as mesh:
        path = os.path.join(mesh.folder, "a.err")
        open(path, "w").close()
        st = os.stat(path)
        node = mesh.node("a")
        node.start(wrapper=["env", "JOURNAL_STREAM=%d:%d" % (st.st_dev, st.st_ino)])
        node.stop()
        check(all(re.match("<[3467]>[a-z]+: ", line) for line in node.log().splitlines()), node.log())


@test
def a_reader_that_hangs_stops_nothing_and_is_told_what_it_missed():
    with Mesh() as mesh:
        path = os.path.join(mesh.folder, "a.err")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        filler = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            node = mesh.node("a").start(wait=False)
            wait_for("it has begun", lambda: thctl(node, "status").returncode == 0, 10 * SLOW)
            fill(filler)
            check(thctl(node, "reload").returncode == 0, "not reloaded")
            node.call("status")

            drain(reader)
            check(thctl(node, "reload").returncode == 0, "not reloaded")
            said = bytearray()

            def has_said():
                said.extend(drain(reader))
                return b"suppressed lines=" in said and b"settings: reloaded" in said

            wait_for(lambda: "it says what was missed, but %s" % said, has_said, 10 * SLOW)

            fill(filler)
            code, took = node.stop()
            check(code == 0 and took < 5 * SLOW, "%d after %.1f s" % (code, took))
        finally:
            os.close(filler)
            os.close(reader)
            os.remove(path)


def fill(pipe):
    try:
        while True:
            os.write(pipe, b"x" * 4096)
    except BlockingIOError:
        pass


def drain(pipe):
    """What is in the pipe."""
    said = b""
    try:
        while True:
            said += os.read(pipe, 65536)
    except BlockingIOError:
        return said


main()
