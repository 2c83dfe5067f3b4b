"""Foreign nodes for the interop tests: the JavaScript telehash v2.1 switch, each a node process that
foreign.js drives.

The packages are installed once for a build, into its folder, by the lock file beside this one; where
node or npm is missing, or npm cannot install, importing this ends the test with 77 and says why.
"""

import fcntl
import functools
import glob
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "live"))

from mesh import BUILD, Failure, Mesh, SLOW, check, skip, test, wait_for  # noqa: E402

INSTALL_S = 120
ANSWER_S = 15
STRANGERS_TRIES = 3


def digest(paths):
    sum_ = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            sum_.update(file.read())
    return sum_.hexdigest()


def install():
    """Installs the packages unless that was done for these files. Returns the folder."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            skip("there is no %s (tools/setup all installs it)" % program)
    what = [os.path.join(HERE, name) for name in ("package.json", "package-lock.json", ".npmrc")]
    scripts = glob.glob(os.path.join(HERE, "*.js"))
    folder = os.path.join(os.path.abspath(BUILD), "interop")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in what + scripts:
            shutil.copy(path, folder)
        done = os.path.join(folder, "installed-" + digest(what))
        if not os.path.exists(done):
            try:
                ran = subprocess.run(["npm", "ci"], cwd=folder, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     timeout=INSTALL_S)
            except subprocess.TimeoutExpired:
                skip("npm ci did not end within %d s" % INSTALL_S)
            if ran.returncode != 0:
                print(ran.stdout)
                skip("npm ci ended with %d" % ran.returncode)
            with open(done, "w"):
                pass
    return folder


FOLDER = install()


class Foreign:
    """A JavaScript node."""

    def __init__(self, mesh, name, flags, wrapper=()):
        self.name = name
        self.hashname = None
        self.log_path = os.path.join(mesh.folder, name + ".err")
        self.events = []  # all, oldest first
        self.answers = queue.Queue()
        self.last_id = 0
        with open(self.log_path, "wb") as err:
            self.process = subprocess.Popen([*wrapper, "node", os.path.join(FOLDER, "foreign.js"), *flags],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
                                            text=True)
        mesh.foreign_nodes.append(self)
        threading.Thread(target=self.read, daemon=True).start()
        ready = self.wait_event("ready", 10 * SLOW)
        self.hashname = ready["hashname"]
        self.port = ready["port"]
        self.seeds = ready["seeds"]
        self.seeds_path = os.path.join(mesh.folder, name + ".seeds.json")
        with open(self.seeds_path, "w") as file:
            json.dump(self.seeds, file)

    def read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "event" in said:
                said["at"] = time.monotonic()
                self.events.append(said)
            else:
                self.answers.put(said)

    def seen(self, event, **fields):
        """The events of a kind, with these values of theirs."""
        return [said for said in list(self.events)
                if said["event"] == event and all(said.get(key) == fields[key] for key in fields)]

    def wait_event(self, event, seconds=10, **fields):
        def came():
            check(self.process.poll() is None, "%s ended:\n%s" % (self.name, self.log()))
            return self.seen(event, **fields)

        return wait_for(lambda: "%s tells of %s %s" % (self.name, event, fields), came, seconds)[-1]

    def call(self, name, **request):
        self.last_id += 1
        request.update(id=self.last_id, do=name)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        try:
            answer = self.answers.get(timeout=ANSWER_S * SLOW)
        except queue.Empty:
            raise Failure("%s does not answer %s" % (self.name, name))
        check(answer["id"] == self.last_id, "%s answers %s to %s" % (self.name, answer, request))
        return answer

    def join(self, *others):
        """Goes online through other nodes, ours or foreign ones."""
        seeds = {}
        for other in others:
            seeds.update(other.seeds if isinstance(other, Foreign) else other.call("seeds.export"))
        answer = self.call("join", seeds=seeds)
        check(answer["error"] is None, "%s does not get online: %s" % (self.name, answer))
        return self

    def links(self):
        return {peer["hashname"] for peer in self.call("peers")["peers"] if peer["link"]}

    def lines(self):
        return {peer["hashname"] for peer in self.call("peers")["peers"] if peer["line"]}

    def can_ask(self, other):
        """One seek to it is answered."""
        return self.call("ask", hashname=other.hashname)["error"] is None

    def log(self):
        with open(self.log_path, errors="replace") as err:
            return err.read()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class MixedMesh(Mesh):
    """Nodes of ours and foreign ones, all ended and removed at the end."""

    def __init__(self):
        super().__init__()
        self.foreign_nodes = []

    def __exit__(self, kind, *rest):
        for node in self.foreign_nodes:
            node.end()
            if kind is not None:
                print("--- %s %s, its last events" % (node.name, node.hashname), file=sys.stderr)
                for said in node.events[-15:]:
                    print("    %s" % json.dumps(said), file=sys.stderr)
        super().__exit__(kind, *rest)

    def foreign(self, name, *flags):
        """A JavaScript node, started, that knows nobody yet."""
        return Foreign(self, name, flags)

    def ours(self, name, *seeds):
        """One of ours, started, that joins from these nodes."""
        flags = []
        for seed in seeds:
            flags += ["--seeds", seed.seeds_path if isinstance(seed, Foreign) else seed.export_seeds()]
        return self.node(name, *flags).start()


class Met(Failure):
    """Nodes know each other that should not."""


def test_of_strangers(function):
    """Marks a test of nodes that must not know each other at first.

    A seek of two hex digits, as ours sends them to fill its table, is answered with nodes that begin
    with them, also with those that are no seeds. So one mesh in about sixty comes out wrong; it is made
    anew then.
    """

    @functools.wraps(function)
    def run():
        for left in reversed(range(STRANGERS_TRIES)):
            try:
                return function()
            except Met:
                if left == 0:
                    raise

    return test(run)


def lines_of(node):
    if isinstance(node, Foreign):
        return node.lines()
    return {line["hashname"] for line in node.call("lines")}


def check_strangers(one, other):
    if other.hashname in lines_of(one) or one.hashname in lines_of(other):
        raise Met("%s and %s have met already" % (one.name, other.name))


def ask(node, method, **params):
    """A probe of one of ours; ten a second are allowed."""
    with node.rpc() as rpc:
        while True:
            answer = rpc.answer(method, params)
            if answer.get("error", {}).get("code") != -32004:
                return answer.get("result", answer)
            time.sleep(0.1)


def wait_linked(one, other, seconds=10):
    """Both say so."""
    wait_for("%s and %s are linked" % (one.name, other.name),
             lambda: other.hashname in one.links() and one.hashname in other.links(), seconds * SLOW)


def check_ping(node, other, count=1):
    """One of ours pings any node; every ping must be answered."""
    result = ask(node, "ping", hashname=other.hashname, count=count, interval_ms=100)
    check(result.get("received") == count, "%s pings %s: %s" % (node.name, other.name, result))


def check_asked(middle, asker, target):
    """A foreign middle was asked to introduce them."""
    asked = [said for said in middle.seen("peer", **{"from": asker.hashname})
             if said["head"].get("peer") == target.hashname]
    check(asked, "%s did not ask %s for %s" % (asker.name, middle.name, target.name))


def check_told(target, middle, asker):
    """A foreign target was told of the asker by the middle."""
    seeds = asker.seeds if isinstance(asker, Foreign) else asker.call("seeds.export")
    parts = seeds[asker.hashname]["parts"]
    told = [said for said in target.seen("connect", **{"from": middle.hashname})
            if said["head"].get("from") == parts]
    check(told, "%s did not tell %s of %s" % (middle.name, target.name, asker.name))
