"""tools/demo shows what it promises and leaves nothing behind."""

import os
import re
import shutil
import signal
import subprocess
import tempfile

from mesh import BUILD, SLOW, check, main, test, wait_for

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "demo")
SECONDS = 20


class Folder:
    """A place for the demo's files, to see what it leaves."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="th-demo-")
        return self

    def __exit__(self, *_):
        for pid in self.daemons():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.path, ignore_errors=True)

    def environment(self):
        return dict(os.environ, TMPDIR=self.path, TH_BUILD=os.path.abspath(BUILD))

    def run(self, *flags):
        return subprocess.run([DEMO, *flags], env=self.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS * SLOW)

    def daemons(self):
        """The processes that have something in the folder on their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if os.path.basename(words[0]) == b"telehashd" and self.path.encode() in b" ".join(words):
                found.append(int(pid))
        return found

    def check_empty(self):
        check(self.daemons() == [], "daemons are left: %s" % self.daemons())
        check(os.listdir(self.path) == [], "files are left: %s" % os.listdir(self.path))


def part(shown, heading):
    """What is shown below the one heading that has these words in it."""
    parts = [text for text in re.split(r"^== ", shown, flags=re.M) if heading in text.split("\n")[0]]
    check(len(parts) == 1, "%d headings with %r in:\n%s" % (len(parts), heading, shown))
    return parts[0]


# A11
@test
def it_shows_a_mesh_a_lookup_and_a_ping_and_cleans_up():
    with Folder() as folder:
        result = folder.run()
        check(result.returncode == 0, result.stdout)
        for word in ("9 nodes", "All ten are ready", "HASHNAME", "seeking ", "found after asking",
                     "3 sent, 3 received, 0 % lost", "Nothing is left behind"):
            check(word in result.stdout, "no %r in:\n%s" % (word, result.stdout))
        folder.check_empty()


# A11
@test
def it_looks_for_a_node_that_is_not_among_the_shown_peers_by_asking_others():
    with Folder() as folder:
        shown = folder.run().stdout
        peers = re.findall(r"^([0-9a-f]{64}) ", part(shown, "thctl peers"), re.M)
        seek = part(shown, "thctl seek")
        sought = re.search(r"^seeking ([0-9a-f]{64})$", seek, re.M).group(1)
        found = re.search(r"^found after asking (\d+) .*, (\d+) hops? away: ([0-9a-f]{64}) told", seek, re.M)

        check(peers and sought not in peers, "it is among the peers:\n%s" % shown)
        check(found and int(found.group(1)) > 0 and int(found.group(2)) > 0, "nobody was asked:\n%s" % shown)
        answers = re.findall(r"^\W*([0-9a-f]{64}) +\d+ +(?:< )?\d+ m?s ", seek, re.M)
        check(found.group(3) in answers, "who told of it has not answered:\n%s" % shown)
        check("a line to it is up" in seek, shown)
        check("answer from %s" % sought in part(shown, "thctl ping"), shown)


@test
def it_can_be_kept_and_tells_how_to_stop():
    with Folder() as folder:
        result = folder.run("--keep")
        check(result.returncode == 0 and len(folder.daemons()) == 10, result.stdout)
        look = re.search(r"^  (\S+/thctl --socket \S+ status)$", result.stdout, re.M).group(1)
        status = subprocess.run(look.split(), stdout=subprocess.PIPE, text=True, timeout=10 * SLOW)
        check("ready" in status.stdout, status.stdout)
        stop = re.search(r"^  (kill .*; rm -r \S+)$", result.stdout, re.M).group(1)
        subprocess.run(["sh", "-c", stop.replace("; rm", "; sleep 1; rm")], check=True, timeout=30 * SLOW)
        wait_for("all have ended", lambda: not folder.daemons(), 5 * SLOW)
        folder.check_empty()


@test
def interrupted_it_cleans_up_too():
    with Folder() as folder:
        demo = subprocess.Popen([DEMO], env=folder.environment(), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)
        wait_for("some daemons run", lambda: len(folder.daemons()) > 2, 10 * SLOW)
        os.killpg(demo.pid, signal.SIGINT)
        check(demo.wait(10 * SLOW) == 130, "ended with %d" % demo.returncode)
        folder.check_empty()


@test
def a_flag_that_is_none_is_refused():
    with Folder() as folder:
        check(folder.run("--what").returncode == 2, "accepted")
        check("--keep" in folder.run("--help").stdout, "no help")
        folder.check_empty()


main()
