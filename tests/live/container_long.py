"""The image of tools/Containerfile: each of its lines is run, and what comes of it starts, is reached and keeps its
identity. It is built with buildah, which needs neither a daemon nor a registry: in the place of Debian's image is a
root that debootstrap made.

Needs root, buildah, and what package_long.py needs but for the packages; skipped, with the reason, without them. The
network of what runs is one of its own with nothing but loopback.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import debian
from debian import run, say
from mesh import SLOW, check, skip, wait_for

IMAGE = "docker.io/library/debian:bookworm-slim"
STATE = "/var/lib/telehash"


def buildah(*words):
    store = ["--root", os.path.join(FOLDER, "store"), "--runroot", os.path.join(FOLDER, "run"), "--storage-driver", "vfs"]
    return ["buildah", *store, *words]


def make_debian():
    root = debian.Root(os.path.join(FOLDER, "root"))
    root.make()
    os.remove(os.path.join(root.path, "etc/resolv.conf"))
    container = run(*buildah("from", "scratch")).split()[-1]
    run(*buildah("add", "--quiet", container, root.path, "/"))
    run(*buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container))
    run(*buildah("commit", "--quiet", "--rm", container, IMAGE))


def build():
    """What a commit holds is built, as whoever clones it does."""
    source = os.path.join(FOLDER, "source")
    os.mkdir(source)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=debian.PROJECT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    said = run(*buildah("bud", "--isolation", "chroot", "--pull=never", "--format", "docker", "-f", "tools/Containerfile", "-t", "telehash", "."), cwd=source)
    steps = [line for line in said.splitlines() if "STEP" in line]
    print("        " + "\n        ".join(line[:110] for line in steps))


class Container:
    """One container of the image; the folder of its volume outlives it."""

    def __init__(self):
        self.volume = os.path.join(FOLDER, "volume")
        self.name = run(*buildah("from", "--pull-never", "telehash")).split()[-1]
        self.process = self.inner = None

    def start(self, config):
        mount = run(*buildah("mount", self.name)).strip()
        if not os.path.exists(self.volume):
            run("cp", "-a", mount + STATE, self.volume)  # as an engine fills a new volume
        command = buildah("run", "--isolation", "chroot", "--volume", self.volume + ":" + STATE, self.name, "--", *config["Entrypoint"])
        self.output = open(os.path.join(FOLDER, "out"), "a+")
        alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        self.process = subprocess.Popen([*alone, *command], stdout=self.output, stderr=subprocess.STDOUT)
        wait_for(self.what_it_said, self.is_up, 60 * SLOW)

    def what_it_said(self):
        self.output.seek(0)
        return "it said: " + self.output.read()[-2000:]

    def is_up(self):
        check(self.process.poll() is None, "it ended: " + self.what_it_said())
        self.inner = next((pid for pid in descendants(self.process.pid) if comm(pid) == "telehashd"), None)
        return self.inner is not None and self.exec("thctl", "status").returncode == 0

    def exec(self, *words):
        """As an engine's exec: the container's user, its root and its environment."""
        with open("/proc/%s/environ" % self.inner) as file:
            env = [entry for entry in file.read().split("\0") if "=" in entry]
        enter = ["nsenter", "--target", self.inner, "--mount", "--net", "--pid", "--root", "--wd", "--setuid", self.of("Uid"), "--setgid", self.of("Gid")]
        return subprocess.run([*enter, "env", "-i", *env, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def of(self, key):
        with open("/proc/%s/status" % self.inner) as file:
            return re.search(r"(?m)^%s:\s+(\d+)" % key, file.read()).group(1)

    def stop(self):
        if self.process and self.process.poll() is None:
            if self.inner:
                os.kill(int(self.inner), 15)
            check(self.process.wait(60) == 0, "it ended with %s: %s" % (self.process.returncode, self.what_it_said()))
        run(*buildah("rm", self.name))


def comm(pid):
    try:
        with open("/proc/%s/comm" % pid) as file:
            return file.read().strip()
    except OSError:
        return None


def descendants(pid):
    """Those of a process, by their ids here."""
    found = []
    for task in os.listdir("/proc/%s/task" % pid):
        try:
            with open("/proc/%s/task/%s/children" % (pid, task)) as file:
                children = file.read().split()
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def is_a_node(container, config):
    container.start(config)
    check(container.of("Uid") != "0", "it runs as root")
    health = re.search(r"CMD-SHELL", json.dumps(config["Healthcheck"])) and config["Healthcheck"]["Test"][1]
    done = container.exec("sh", "-c", health)
    check(done.returncode == 0, "its health check ended with %s" % done)
    mode = container.exec("stat", "--format", "%a %U", STATE, "/run/telehash").stdout.split("\n")
    check(mode[:2] == ["700 telehash", "750 telehash"], "its folders: %s" % mode)
    for program in ("telehashd", "thctl", "telehash-web"):
        done = container.exec(program, "--version")
        check(done.returncode == 0, "%s: %s" % (program, done.stdout))
    return json.loads(container.exec("thctl", "--json", "status").stdout)["hashname"]


def goes_through_its_life():
    make_debian()
    say("a Debian: " + IMAGE)
    build()
    say("built")
    config = json.loads(run(*buildah("inspect", "--type", "image", "telehash")))["Docker"]["config"]
    check((config["User"], list(config["ExposedPorts"]), list(config["Volumes"])) == ("telehash", ["42424/udp"], [STATE]), "%s" % config)

    names = []
    for _ in range(2):
        container = Container()
        try:
            names.append(is_a_node(container, config))
            print("        " + "\n        ".join(container.exec("thctl", "status").stdout.splitlines()[:3]))
        finally:
            container.stop()
    check(names[0] == names[1], "another container on the volume is another node: %s" % names)
    say("ran twice, the second container as the same node")


WHY = debian.why_not("buildah", "nsenter", "ip")
if WHY:
    skip(WHY)
FOLDER = tempfile.mkdtemp(prefix="th-container-")
try:
    goes_through_its_life()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(0)
