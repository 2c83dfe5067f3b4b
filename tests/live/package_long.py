"""The packages in a clean Debian: installed, started by the unit's own command line, reached by an ordinary
user of the group, upgraded, removed and purged. The node stays the one it is until the purge.

Needs root, debootstrap, what tools/deb needs, and a mirror of Debian; skipped, with the reason, without
them. The packages are built first, which takes minutes; debian.py says how to give them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import debian
from debian import say
from mesh import check, skip, wait_for

DAEMON = 64321  # a user that is nobody's, as DynamicUser has it
STATE = "var/lib/telehash"
UNITS = ("telehash-web.service", "telehashd.service")
WANTS = "etc/systemd/system/multi-user.target.wants"


class Installed(debian.Root):
    """A clean Debian, and a network of its own with nothing but loopback in it."""

    daemon = None

    def starts(self, unit):
        """Whether the first installation of the unit's package starts it, where there is a systemd: who asks for that
        with deb-systemd-invoke is obeyed when the unit is enabled (systemd_long.py shows both)."""
        with open(os.path.join(self.path, "var/lib/dpkg/info", unit.replace(".service", ".postinst"))) as file:
            text = file.read()
        check(unit in text, "the package of %s does not know it:\n%s" % (unit, text))
        return os.path.lexists(os.path.join(self.path, WANTS, unit)) and re.search(r"_dh_action=start\b|deb-systemd-invoke start\b", text) is not None

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
    first_ones = debian.packages(FOLDER)
    next_ones = debian.raised(first_ones, FOLDER)
    say("built: " + " ".join(os.path.basename(name) for name in first_ones))
    root.make()
    root.start_nothing(True)
    root.must("apt-get", "update")
    say("a clean root")

    for line in root.install(first_ones):
        print("        " + line)
    check(root.must("getent", "group", "telehash").startswith("telehash:"), "no group telehash")
    enabled = [name for name in UNITS if os.path.lexists(os.path.join(root.path, WANTS, name))]
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
    stopped = root.ask("stop")
    # The daemon's user has no name, so that nobody can become it.
    check(stopped.returncode == 1 and "; be root (the group telehash" in stopped.stdout, "an ordinary user stops it: %s" % stopped)
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


if debian.why_not():
    skip(debian.why_not())
FOLDER = tempfile.mkdtemp(prefix="th-package-")
ROOT = Installed(os.path.join(FOLDER, "root"))
try:
    goes_through_its_life(ROOT)
finally:
    if ROOT.daemon and ROOT.daemon.poll() is None:
        ROOT.daemon.kill()
        ROOT.daemon.wait()
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(0)
