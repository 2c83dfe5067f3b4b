"""The packages in a clean Debian: installed, started by the unit's own command line, reached by an ordinary
user of the group, upgraded, removed and purged. The node stays the one it is until the purge.

Needs root, debootstrap, what tools/deb needs, and a mirror of Debian; skipped, with the reason, without
them. The packages are built first, which takes minutes; TH_DEB=DIR names a folder with packages that are
built already, TH_DEB_ROOT=DIR a clean root (debootstrap --variant=minbase bookworm). The mirror is the one
that this machine's apt has bookworm from, or what TH_DEBIAN_MIRROR says.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mesh import check, skip, wait_for

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DAEMON = 64321  # a user that is nobody's, as DynamicUser has it
STATE = "var/lib/telehash"
UNITS = ("telehash-web.service", "telehashd.service")


def mirror():
    """Where Debian is fetched from; None when this machine fetches it from nowhere."""
    asked = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Codename: bookworm", "Created-By: Packages"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return os.environ.get("TH_DEBIAN_MIRROR") or next(iter(asked.stdout.split()), None)


def why_not():
    if os.geteuid() != 0:
        return "the packages are installed into a root of their own, which only root may make"
    for tool in ("apt-get", "debootstrap", "dpkg-buildpackage", "dh", "scdoc", "unshare", "chroot"):
        if not shutil.which(tool):
            return "there is no %s (tools/setup package installs it)" % tool
    if "TH_DEB_ROOT" not in os.environ:
        if mirror() is None:
            return "apt has no mirror of Debian 12 here; TH_DEBIAN_MIRROR names one"
        try:
            import urllib.request

            urllib.request.urlopen(mirror().rstrip("/") + "/dists/bookworm/Release", timeout=20).close()
        except OSError as failed:
            return "no mirror of Debian is reached at %s: %s" % (mirror(), failed)
    return None


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    check(done.returncode == 0, "%s ended with %d:\n%s" % (" ".join(map(str, command)), done.returncode, done.stdout[-3000:]))
    return done.stdout


def say(what):
    print("%6.1f s  %s" % (time.monotonic() - BEGUN, what), flush=True)


def packages():
    """The folder with the packages; they are built unless they are given."""
    folder = os.environ.get("TH_DEB")
    if folder is None:
        folder = os.path.join(FOLDER, "deb")
        os.mkdir(folder)
        others = [os.path.join(folder, "other_1" + end) for end in (".deb", ".dsc", ".changes", ".buildinfo", ".tar.xz")]
        for other in others:
            open(other, "w").close()
        run(os.path.join(PROJECT, "tools", "deb"), "--out", "deb", cwd=FOLDER)
        lost = [other for other in others if not os.path.exists(other)]
        check(lost == [], "tools/deb removed what is not its own: %s" % lost)
        os.remove(others[0])
    return [name for name in sorted(glob.glob(os.path.join(folder, "*.deb"))) if "-dbgsym" not in name]


def raised(names):
    """The same packages with a higher version, which depend on each other by it."""
    folder = os.path.join(FOLDER, "raised")
    os.mkdir(folder)
    version = run("dpkg-deb", "--field", names[0], "Version").strip()
    for name in names:
        tree = os.path.join(folder, "tree")
        run("dpkg-deb", "--raw-extract", name, tree)
        control = os.path.join(tree, "DEBIAN", "control")
        with open(control) as file:
            text = file.read()
        text = re.sub(r"^Version: .*$", "Version: %s+next1" % version, text, flags=re.M).replace("(= %s)" % version, "(= %s+next1)" % version)
        with open(control, "w") as file:
            file.write(text)
        run("dpkg-deb", "--build", "--root-owner-group", tree, os.path.join(folder, os.path.basename(name).replace(version, version + "+next1")))
        shutil.rmtree(tree)
    return sorted(glob.glob(os.path.join(folder, "*.deb")))


class Root:
    """A clean Debian, and a network of its own with nothing but loopback in it."""

    def __init__(self):
        self.path = os.path.join(FOLDER, "root")
        self.daemon = None

    def make(self):
        if "TH_DEB_ROOT" in os.environ:
            run("cp", "-a", os.environ["TH_DEB_ROOT"], self.path)
        else:
            run("debootstrap", "--variant=minbase", "bookworm", self.path, mirror())
        shutil.copy("/etc/resolv.conf", os.path.join(self.path, "etc"))
        # As in an image for containers: nothing is started by an installation.
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.path, path)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def inside(self, *command, user="root", groups=""):
        env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
        return subprocess.run(["chroot", "--userspec=" + user, "--groups=" + groups, self.path, *env, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def must(self, *command, **more):
        done = self.inside(*command, **more)
        check(done.returncode == 0, "%s ended with %d:\n%s" % (" ".join(command), done.returncode, done.stdout[-3000:]))
        return done.stdout

    def install(self, names):
        into = os.path.join(self.path, "packages")
        shutil.rmtree(into, ignore_errors=True)
        os.mkdir(into)
        for name in names:
            shutil.copy(name, into)
        if not self.has("libuv1"):
            self.must("apt-get", "update")
        said = self.must("apt-get", "install", "-y", "--no-install-recommends", *("/packages/" + os.path.basename(name) for name in names))
        return re.findall(r"^(?:Setting up|Unpacking) .*", said, re.M)

    def has(self, package):
        return self.inside("dpkg-query", "-W", "-f", "${db:Status-Status}", package).stdout == "installed"

    def starts(self, unit):
        """Whether the first installation of the unit's package starts it, where there is a systemd."""
        with open(os.path.join(self.path, "var/lib/dpkg/info", unit.replace(".service", ".postinst"))) as file:
            text = file.read()
        check(unit in text, "the package of %s does not know it:\n%s" % (unit, text))
        return re.search(r"_dh_action=start\b|deb-systemd-invoke start\b", text) is not None

    def unit(self, name):
        """What a line of the unit says."""
        with open(os.path.join(self.path, "lib/systemd/system/telehashd.service")) as file:
            return dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.M))[name]

    def start(self):
        """What the service manager does, by hand: folders, user, group and environment, then the command line."""
        group = self.must("getent", "group", self.unit("Group")).split(":")[2]
        for folder, mode in ((STATE, self.unit("StateDirectoryMode")), ("run/telehash", self.unit("RuntimeDirectoryMode"))):
            os.makedirs(os.path.join(self.path, folder), exist_ok=True)
            os.chown(os.path.join(self.path, folder), DAEMON, int(group))
            os.chmod(os.path.join(self.path, folder), int(mode, 8))
        command = self.unit("ExecStart").split()
        env = ["env", "-i", "STATE_DIRECTORY=/" + STATE, "RUNTIME_DIRECTORY=/run/telehash"]
        alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && umask 0077 && exec "$@"', "sh"]
        chroot = ["chroot", "--userspec=%d:%s" % (DAEMON, group), "--groups=", self.path]
        self.output = open(os.path.join(FOLDER, "telehashd.out"), "a+")
        self.daemon = subprocess.Popen([*alone, *chroot, *env, *command], stdout=self.output, stderr=subprocess.STDOUT)
        wait_for(self.what_it_said, lambda: self.ask("status").returncode == 0, 30)
        return " ".join(command)

    def what_it_said(self):
        self.output.seek(0)
        return "telehashd: " + self.output.read()[-2000:]

    def ask(self, *words, groups="telehash"):
        """thctl, as an ordinary user."""
        return self.inside("thctl", *words, user="alice:alice", groups=groups)

    def status(self):
        return json.loads(self.ask("--json", "status").stdout)

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            check(self.daemon.wait(30) == 0, "telehashd ended with %d" % self.daemon.returncode)


def goes_through_its_life(root):
    first_ones = packages()
    next_ones = raised(first_ones)
    say("built: " + " ".join(os.path.basename(name) for name in first_ones))
    root.make()
    say("a clean root")

    for line in root.install(first_ones):
        print("        " + line)
    check(root.must("getent", "group", "telehash").startswith("telehash:"), "no group telehash")
    wants = "etc/systemd/system/multi-user.target.wants"
    enabled = [name for name in UNITS if os.path.lexists(os.path.join(root.path, wants, name))]
    check(enabled == ["telehashd.service"], "enabled by the installation: %s" % enabled)
    started = [name for name in UNITS if root.starts(name)]
    check(started == ["telehashd.service"], "started by the installation: %s" % started)
    depends = root.must("dpkg-query", "-W", "-f", "${Depends}", "thctl")
    check("libncursesw6" in depends, "thctl top is without its screen; thctl depends on %s" % depends)
    root.must("useradd", "--create-home", "--groups", "telehash", "alice")
    root.must("useradd", "--create-home", "bob")
    say("installed; " + root.must("thctl", "--version").splitlines()[0])

    say("started: " + root.start())
    first = root.status()
    print("        " + "\n        ".join(root.ask("status").stdout.splitlines()[:6]))
    check(re.fullmatch("[0-9a-f]{64}", first["hashname"]), first)
    refused = root.inside("thctl", "status", user="bob:bob")
    check(refused.returncode == 1 and "join the group telehash" in refused.stdout, "a stranger: %s" % refused)
    check(root.ask("stop").returncode == 1, "an ordinary user may stop it")
    say("alice of the group reads it; bob: " + refused.stdout.strip()[:150])
    root.stop()

    for line in root.install(next_ones):
        print("        " + line)
    root.start()
    check(root.status()["hashname"] == first["hashname"], "the upgrade made another node of it")
    say("upgraded to %s: the same node" % root.must("dpkg-query", "-W", "-f", "${Version}", "telehashd"))
    root.stop()

    kept = sorted(os.listdir(os.path.join(root.path, STATE)))
    names = [name for name in ("telehash-tools", "telehash-web", "libtelehash-dev", "libtelehash0", "thctl", "telehashd") if root.has(name)]
    root.must("apt-get", "remove", "-y", *names)
    check(sorted(os.listdir(os.path.join(root.path, STATE))) == kept, "removal lost state")
    check(not os.path.exists(os.path.join(root.path, "usr/bin/telehashd")), "removal left the program")
    root.install(next_ones)
    root.start()
    check(root.status()["hashname"] == first["hashname"], "removal made another node of it")
    say("removed and installed again: the same node; it kept %s" % " ".join(kept))
    root.stop()

    root.must("apt-get", "purge", "-y", *names)
    left = [path for path in (STATE, "var/lib/private/telehash", "usr/bin/thctl", "lib/systemd/system/telehashd.service") if os.path.lexists(os.path.join(root.path, path))]
    check(left == [], "the purge left %s" % left)
    say("purged: nothing is left")


if why_not():
    skip(why_not())
BEGUN = time.monotonic()
FOLDER = tempfile.mkdtemp(prefix="th-package-")
ROOT = Root()
try:
    goes_through_its_life(ROOT)
finally:
    if ROOT.daemon and ROOT.daemon.poll() is None:
        ROOT.daemon.kill()
        ROOT.daemon.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(0)
