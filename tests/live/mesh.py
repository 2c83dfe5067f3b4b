"""What the live tests share: real daemons on loopback, each with a state of its own.

Everything a test starts is ended by it, by its process id, also when the test fails. Nothing here
waits for a fixed time: wait_for looks until it holds or a deadline is over.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("TH_BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build", "dev")))
TELEHASHD = os.path.join(BUILD, "telehashd")
THCTL = os.path.join(BUILD, "thctl")


def sanitizer():
    """The sanitizers of the build: "", "address,undefined" or "thread"."""
    try:
        with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
            for line in cache:
                if line.startswith("TH_SANITIZE:"):
                    return line.split("=", 1)[1].strip()
    except OSError:
        pass
    return ""


# How much longer things may take. TH_SLOW says so for machines that are slow by themselves.
SLOW = float(os.environ.get("TH_SLOW", "6" if sanitizer() else "1"))
END_S = 30  # what has not ended by then never will; how soon it ends is measured where it matters


class Failure(Exception):
    pass


def with_mounts(script, folder):
    """A wrapper whose program sees what the script mounts ($0: the folder); None, said, where that is not allowed."""
    wrapper = ["unshare", "-rm", "sh", "-c", script + ' && exec "$@"', folder]
    try:
        if subprocess.run(wrapper + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
            return wrapper
    except OSError:
        pass
    print("        left out: this machine lets us mount nothing")
    return None


SMALL_DISK = 'mount -t tmpfs -o size=64k tmpfs "$0"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'


def check(condition, what):
    if not condition:
        raise Failure(what)


LOOK_S = 0.05  # what a look of wait_for takes at most on a machine that is not busy


def wait_for(what, holds, seconds):
    """Looks until holds() is true; its value is returned. Fails with `what` when time is over.

    A look that takes longer counts as LOOK_S: a machine that is too busy to let us look lets nobody do
    what is waited for either. Four times as long is the end in any case.
    """
    begun = last = time.monotonic()
    counted = 0.0
    while True:
        value = holds()
        if value:
            return value
        now = time.monotonic()
        counted += min(now - last, LOOK_S)
        last = now
        if counted > seconds or now - begun > 4 * seconds:
            raise Failure("not within %.0f s: %s" % (now - begun, what() if callable(what) else what))
        time.sleep(0.02)


def withheld_s():
    """How long so far somebody on this machine waited for a processor or the disk; 0.0 where no kernel says it."""
    total_us = 0
    for resource in ("cpu", "io"):
        try:
            with open("/proc/pressure/" + resource) as pressure:
                total_us += int(next(line for line in pressure if line.startswith("some")).rsplit("total=", 1)[1])
        except (OSError, StopIteration, ValueError):
            pass
    return total_us / 1e6


class Stopwatch:
    """For what must not take long: the time that a busy machine withheld is no fault of who is measured.

    The kernel counts all who waited, also for one that spins, so half of the time is withheld at most.
    """

    def __init__(self):
        self.begun, self.withheld = time.monotonic(), withheld_s()

    def seconds(self):
        passed = time.monotonic() - self.begun
        return max(passed / 2, passed - (withheld_s() - self.withheld))


class Rpc:
    """One connection to a control socket."""

    def __init__(self, path, timeout=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout or 30 * SLOW)
        deadline = time.monotonic() + 30 * SLOW
        while True:
            try:
                self.socket.connect(path)
                break
            except BlockingIOError:  # its backlog is full
                if time.monotonic() > deadline:
                    self.socket.close()
                    raise
                time.sleep(0.01)
            except OSError:
                self.socket.close()
                raise
        self.waiting = b""
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, method, params=None, **more):
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method}
        if params is not None:
            request["params"] = params
        request.update(more)
        self.send_raw(json.dumps(request).encode() + b"\n")
        return self.last_id

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next line as a value; None when the other side has closed."""
        while b"\n" not in self.waiting:
            more = self.socket.recv(65536)
            if not more:
                return None
            self.waiting += more
        line, self.waiting = self.waiting.split(b"\n", 1)
        return json.loads(line)

    def answer(self, method, params=None):
        self.send(method, params)
        return self.receive()

    def call(self, method, params=None):
        answer = self.answer(method, params)
        check(answer is not None and "result" in answer, "%s answered %s" % (method, answer))
        return answer["result"]


class Node:
    """A telehashd. Its output is kept in files beside its state."""

    def __init__(self, mesh, name, flags):
        self.mesh = mesh
        self.name = name
        self.flags = flags
        self.state = os.path.join(mesh.folder, name)
        self.socket = os.path.join(mesh.folder, name + ".sock")
        self.process = None
        self.hashname = None

    def start(self, *more, wrapper=(), wait=True):
        command = list(wrapper) + [TELEHASHD, "--state-dir", self.state, "--socket", self.socket]
        command += self.flags + list(more)
        with open(os.path.join(self.mesh.folder, self.name + ".out"), "ab") as out, open(
            os.path.join(self.mesh.folder, self.name + ".err"), "ab"
        ) as err:
            self.process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        if wait:
            self.wait_started()
        return self

    def wait_started(self, seconds=10):
        def answers():
            code = self.process.poll()
            check(code is None, "%s ended with %s:\n%s" % (self.name, code, self.log()))
            try:
                return self.call("status")
            except OSError:
                return None

        self.hashname = wait_for("%s answers" % self.name, answers, seconds * SLOW)["hashname"]

    def log(self):
        with open(os.path.join(self.mesh.folder, self.name + ".err"), errors="replace") as err:
            return err.read()

    def output(self):
        with open(os.path.join(self.mesh.folder, self.name + ".out")) as out:
            return out.read()

    def rpc(self):
        return Rpc(self.socket)

    def call(self, method, params=None):
        with self.rpc() as rpc:
            return rpc.call(method, params)

    def poke(self, other):
        """One ping; one that comes too soon, for they are ten a second, is none."""
        with self.rpc() as rpc:
            rpc.answer("ping", {"hashname": other.hashname, "count": 1})

    def is_ready(self):
        return self.call("status")["state"] == "ready"

    def links(self):
        return {peer["hashname"] for peer in self.call("peers") if peer["link"]}

    def export_seeds(self):
        path = os.path.join(self.mesh.folder, self.name + ".seeds.json")
        with open(path, "w") as file:
            json.dump(self.call("seeds.export"), file)
        return path

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=None):
        """Ends it by SIGTERM. Returns the exit code and how long it took."""
        watch = Stopwatch()
        self.signal(signal.SIGTERM)
        code = self.process.wait(seconds or END_S * SLOW)
        return code, watch.seconds()


class Mesh:
    """Daemons in a folder of their own, all ended and removed at the end."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="th-live-")
        self.nodes = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        if kind is not None:
            for node in self.nodes:
                self.show_log(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def show_log(node):
        try:
            lines = node.log().splitlines()
        except OSError:
            return
        print("--- %s %s" % (node.name, node.hashname), file=sys.stderr)
        for line in lines[-15:]:
            print("    " + line, file=sys.stderr)

    def node(self, name, *flags):
        """A node that is not started yet. Listens on a free port unless flags say where."""
        flags = list(flags)
        if "--listen" not in flags:
            flags += ["--listen", "127.0.0.1:0"]
        node = Node(self, name, flags)
        self.nodes.append(node)
        return node

    def grow(self, count, *flags, seed_flags=()):
        """One seed with defaults and count nodes that know it, all started; the seed comes first."""
        seed = self.node("seed", *seed_flags).start()
        seeds = seed.export_seeds()
        others = [self.node("node%d" % i, "--seeds", seeds, *flags) for i in range(count)]
        for node in others:
            node.start(wait=False)
        for node in others:
            node.wait_started()
        return [seed] + others

    def wait_ready(self, nodes, seconds):
        def not_ready():
            return [node.name + " " + node.call("status")["state"] for node in nodes if not node.is_ready()]

        wait_for(lambda: "all ready, but " + ", ".join(not_ready()), lambda: not not_ready(), seconds)

    def wait_whole(self, nodes, seconds):
        """All ready, and everybody is linked with everybody: who is ready may have one link yet."""
        everybody = {node.hashname for node in nodes}

        def not_whole():
            return ["%s %d links" % (node.name, len(node.links())) for node in nodes
                    if node.links() != everybody - {node.hashname} or not node.is_ready()]

        wait_for(lambda: "each linked with each, but " + ", ".join(not_whole()), lambda: not not_whole(), seconds)


def run(command, **more):
    """Runs a program to its end."""
    more.setdefault("timeout", 60 * SLOW)
    return subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def telehashd(*flags, **more):
    return run([TELEHASHD, *flags], **more)


def thctl(node, *words, **more):
    return run([THCTL, "--socket", node.socket, *words], **more)


TESTS = []


def test(function):
    """Marks a function as a test; its name is what it shows."""
    TESTS.append(function)
    return function


def main():
    """Runs the tests of this file, or those named on the command line, and exits."""
    wanted = sys.argv[1:]
    failed = 0
    for function in TESTS:
        if wanted and function.__name__ not in wanted:
            continue
        begun = time.monotonic()
        try:
            function()
            print("ok      %5.1f s  %s" % (time.monotonic() - begun, function.__name__), flush=True)
        except (Failure, AssertionError, LookupError, ValueError, OSError, subprocess.SubprocessError) as problem:
            failed += 1
            print(
                "FAILED  %5.1f s  %s: %s: %s"
                % (time.monotonic() - begun, function.__name__, type(problem).__name__, problem),
                flush=True,
            )
    sys.exit(1 if failed else 0)


def skip(why):
    print("skipped: " + why)
    sys.exit(77)
