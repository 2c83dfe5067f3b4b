"""The script of OpenRC in a clean Debian with its openrc: it starts, watches, reloads and ends the daemon.

Needs what package_long.py needs; skipped, with the reason, without that. OpenRC runs in a namespace of processes,
mounts and network of its own; it is not the first process there, which its scripts need not know.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import debian
from debian import say
from mesh import SLOW, check, skip, wait_for

CONFIG = "etc/telehash/telehashd.conf"
# What OpenRC's own start makes, and a first process that keeps the namespaces and reaps.
BEGIN = """mount -t proc proc /proc && mount -t tmpfs tmpfs /run && mkdir /run/openrc && touch /run/openrc/softlevel &&
for state in started starting stopping inactive failed options exclusive daemons; do mkdir /run/openrc/$state; done &&
echo ready && while sleep 1; do :; done"""


class System(debian.Root):
    boss = leader = None

    def begin(self):
        alone = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        self.boss = subprocess.Popen([*alone, "chroot", self.path, *env, "sh", "-c", BEGIN], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        check(self.boss.stdout.readline() == "ready\n", "no namespaces to be had")
        with open("/proc/%d/task/%d/children" % (self.boss.pid, self.boss.pid)) as file:
            self.leader = file.read().split()[0]

    def into(self, user, groups):
        if self.leader is None:
            return super().into(user, groups)
        return ["nsenter", "--target", self.leader, "--mount", "--net", "--pid", "--root", "--wd"]

    def end(self):
        if self.boss and self.boss.poll() is None:
            self.boss.kill()
            self.boss.wait()

    def service(self, word):
        """Its output goes to a file: what it starts keeps that open."""
        done = self.inside("sh", "-c", 'timeout 60 rc-service telehashd "$0" >/said 2>&1 </dev/null; code=$?; cat /said; exit $code', word)
        print("        rc-service telehashd %s: %d" % (word, done.returncode), flush=True)
        return done

    def serves(self):
        return self.inside("thctl", "status").returncode == 0

    def pid(self):
        found = re.search(r"\(pid (\d+)\) answers", self.inside("thctl", "doctor").stdout)
        return found and found.group(1)


def make(system):
    system.make()
    system.start_nothing(True)
    system.must("apt-get", "update")
    packages = [name for name in debian.packages(FOLDER) if os.path.basename(name).split("_")[0] in ("telehashd", "thctl")]
    system.must("apt-get", "install", "-y", "--no-install-recommends", "openrc", *system.put(packages))
    system.must("useradd", "--system", "--gid", "telehash", "--no-create-home", "--shell", "/usr/sbin/nologin", "telehash")
    with open(os.path.join(debian.PROJECT, "tools", "service", "telehashd.openrc.in")) as file:
        system.write("etc/init.d/telehashd", file.read().replace("@TH_BINDIR@", "/usr/bin"), 0o755)


def goes_through_its_life(system):
    make(system)
    system.begin()
    say("a Debian with OpenRC")

    check(system.service("start").returncode == 0, "not started")
    wait_for("it does not answer", system.serves, 20 * SLOW)
    first = system.pid()
    owner = system.must("stat", "--format", "%U:%G %a", "/proc/" + first, "/var/lib/telehash", "/run/telehash").splitlines()
    check(owner[0].startswith("telehash:telehash") and owner[1:] == ["telehash:telehash 700", "telehash:telehash 750"], "%s" % owner)
    check("started" in system.service("status").stdout, "its status")

    system.write(CONFIG, '{"log_level": "debug"}\n')
    check(system.service("reload").returncode == 0, "not reloaded")
    wait_for("nothing was reloaded", lambda: "reloaded file=" in system.inside("thctl", "log").stdout, 20 * SLOW)
    system.write(CONFIG, '{"log_levle": "debug"}\n')
    done = system.service("restart")
    check(done.returncode != 0 and "did you mean log_level" in done.stdout, "%s" % done)
    check(system.pid() == first, "it was ended for a file that it could not start with")

    os.remove(os.path.join(system.path, CONFIG))
    system.must("sh", "-c", "kill -9 " + first)
    wait_for("it is not started again", lambda: system.pid() not in (None, first), 20 * SLOW)
    check(system.service("restart").returncode == 0, "not restarted")
    wait_for("it does not answer", system.serves, 20 * SLOW)
    check(system.service("stop").returncode == 0, "not stopped")
    check(system.must("ls", "/run/telehash") == "", "it left its socket")
    check(not system.serves(), "it serves on")
    say("started, reloaded, killed, restarted and stopped")


if debian.why_not("nsenter", "ip"):
    skip(debian.why_not("nsenter", "ip"))
FOLDER = tempfile.mkdtemp(prefix="th-openrc-")
SYSTEM = System(os.path.join(FOLDER, "root"))
try:
    goes_through_its_life(SYSTEM)
finally:
    SYSTEM.end()
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(0)
