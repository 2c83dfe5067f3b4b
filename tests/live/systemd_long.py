"""The packages under a systemd that runs: a clean Debian is booted (systemd-nspawn), and its systemd starts the
daemon, is told how it is, sees it hang and die, starts it again or does not, and upgrades, removes and purges it.

Needs root, systemd-nspawn, and what package_long.py needs; skipped, with the reason, without them and where no
systemd can be booted (in most containers). The machine has a network of its own with nothing but loopback.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import debian
from debian import say
from mesh import SLOW, check, skip, wait_for

UNIT, PAGE = "telehashd.service", "telehash-web.service"
WATCHDOG_S = 30  # of the unit
NEIGHBOUR = "telehashd --state-dir /home/alice/node --socket /home/alice/node.sock --listen 127.0.0.1:42500 --seeds /home/alice/seeds"


class Machine(debian.Root):
    """A Debian that runs: systemd is its first process."""

    boss = leader = None

    def boot(self):
        self.console = open(os.path.join(FOLDER, "console"), "a+", errors="replace")
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--machine=telehash-test", "--directory", self.path, "--boot"]
        self.boss = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT, start_new_session=True)
        wait_for(self.what_it_said, self.is_up, 60 * SLOW)

    def is_up(self):
        """Asked through its namespaces; before them there is only the helper that makes them."""
        if self.boss.poll() is not None:
            skip("no systemd can be booted here: " + self.what_it_said())
        with open("/proc/%d/task/%d/children" % (self.boss.pid, self.boss.pid)) as file:
            children = file.read().split()
        for child in children:
            with open("/proc/%s/comm" % child) as file:
                if file.read().strip() == "systemd":
                    self.leader = child
        return self.leader is not None and self.inside("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def what_it_said(self):
        self.console.seek(0)
        return "its console: " + self.console.read()[-2000:]

    def into(self, user, groups):
        if self.leader is None:
            return super().into(user, groups)
        enter = ["nsenter", "--target", self.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"]
        return enter if user == "root" else [*enter, "runuser", "-u", user, "--"]

    def off(self):
        if self.boss and self.boss.poll() is None:
            self.boss.send_signal(signal.SIGTERM)  # an orderly shutdown
            try:
                self.boss.wait(60)
            except subprocess.TimeoutExpired:
                self.boss.kill()
                self.boss.wait()

    def show(self, unit, key):
        return self.must("systemctl", "show", "--property", key, "--value", unit).strip()

    def pid(self, unit=UNIT):
        return int(self.show(unit, "MainPID"))

    def journal(self, *words, unit=UNIT):
        return self.must("journalctl", "--no-pager", "--output", "cat", "--unit", unit, *words)

    def process(self, pid):
        """Of a process's status: {name: value}."""
        return dict(re.findall(r"^(\w+):\s+(.*)$", self.must("cat", "/proc/%d/status" % pid), re.M))

    def until(self, what, holds, seconds=20):
        wait_for(lambda: "%s: %s" % (what, self.inside("journalctl", "--no-pager", "--lines=60").stdout), holds, seconds * SLOW)


def indented(text):
    print("        " + "\n        ".join(text.rstrip().splitlines()), flush=True)


def make(machine, packages):
    """The machine as it is before our packages come, with what they need."""
    machine.make()
    machine.start_nothing(True)
    machine.must("apt-get", "update")
    machine.must("apt-get", "install", "-y", "--no-install-recommends", "systemd-sysv", "curl")
    said = machine.must("apt-get", "install", "--simulate", "--no-install-recommends", *machine.put(packages))
    ours = [os.path.basename(name).split("_")[0] for name in packages]
    needed = [name for name in re.findall(r"^Inst (\S+)", said, re.M) if name not in ours]
    machine.must("apt-get", "install", "-y", "--no-install-recommends", *needed)
    machine.must("useradd", "--create-home", "alice")
    machine.start_nothing(False)


# --- what is shown, in order ------------------------------------------------------------------------------


def is_installed_and_running(m, packages):
    said = m.must("apt-get", "install", "-y", "--no-install-recommends", *m.put(packages))
    check(m.show(UNIT, "ActiveState") == "active", "the installation did not start it:\n" + said)
    check(m.show(PAGE, "ActiveState") == "inactive", "the installation started the page:\n" + said)
    m.must("usermod", "--append", "--groups", "telehash", "alice")
    m.until("no word of how it is", lambda: "alone" in m.show(UNIT, "StatusText"))
    indented(m.must("systemctl", "--no-pager", "--lines=0", "status", UNIT))
    for unit in (UNIT, PAGE):
        level = re.search(r"Overall exposure level for \S+: ([\d.]+) .*", m.must("systemd-analyze", "--no-pager", "security", unit))
        check(level and float(level.group(1)) < 2, "%s: %s" % (unit, level))
        indented(level.group(0))


def is_a_user_of_its_own_with_its_folders(m):
    status = m.process(m.pid())
    group = m.must("getent", "group", "telehash").split(":")[2]
    uid = status["Uid"].split()[0]
    check(61184 <= int(uid) <= 65519, "not a transient user: %s" % uid)  # systemd's numbers for these
    check(status["Gid"].split() == [group] * 4 and status["Groups"].split() == [group], "%s" % status)
    check(int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "%s" % status)
    wanted = {
        "/var/lib/private/telehash": "700 %s %s directory" % (uid, group),
        "/var/lib/telehash/identity.json": "600 %s %s regular file" % (uid, group),
        "/run/telehash": "750 %s %s directory" % (uid, group),
        "/run/telehash/telehashd.sock": "660 %s %s socket" % (uid, group),
        "/etc/telehash": "755 0 0 directory",
    }
    for path, what in wanted.items():
        found = m.must("stat", "--format", "%a %u %g %F", path).strip()
        check(found == what, "%s: %s, not %s" % (path, found, what))
        indented("%-35s %s" % (path, found))


def answers_a_user_of_the_group(m):
    first = json.loads(m.must("thctl", "--json", "status", user="alice"))
    refused = m.inside("thctl", "stop", user="alice")
    check(refused.returncode == 1 and "; be root (the group telehash" in refused.stdout, "%s" % refused)
    refused = m.inside("thctl", "status", user="nobody")
    check(refused.returncode == 1 and "join the group telehash" in refused.stdout, "a stranger: %s" % refused)
    return first["hashname"]


def tells_when_it_is_no_longer_alone(m):
    """A second node, alice's own, joins by the first's entry."""
    m.must("sh", "-c", "thctl seeds export >/home/alice/seeds")
    m.must("systemd-run", "--quiet", "--unit=neighbour", "--uid=alice", *NEIGHBOUR.split())
    m.until("no link is told", lambda: m.show(UNIT, "StatusText") == "ready, 1 link")
    indented("StatusText=" + m.show(UNIT, "StatusText"))


def serves_the_page(m):
    m.must("systemctl", "enable", "--now", PAGE)
    m.until("the page", lambda: m.inside("curl", "--silent", "http://127.0.0.1:42480/healthz").returncode == 0)
    answer = m.must("curl", "--silent", "--include", "http://127.0.0.1:42480/healthz")
    check(answer.startswith("HTTP/1.1 200") and '"healthy":true' in answer, answer)
    indented(answer.splitlines()[0] + "  " + answer.splitlines()[-1][:120])
    status = m.process(m.pid(PAGE))
    check(int(status["CapEff"], 16) == 0 and int(status["Uid"].split()[0]) >= 61184, "%s" % status)


def reloads_and_says_what_is_wrong(m):
    before = m.pid()
    m.write("etc/telehash/telehashd.conf", '{"log_level": "debug"}\n')
    m.must("systemctl", "reload", UNIT)
    m.until("nothing was reloaded", lambda: "changed key=log_level" in m.journal())
    m.write("etc/telehash/telehashd.conf", '{"log_levle": "debug"}\n')
    m.must("systemctl", "reload", UNIT)
    m.until("no warning", lambda: "log_levle" in m.journal("--priority", "warning"))
    warned = m.journal("--priority", "warning").splitlines()
    check(len(warned) == 1 and "did you mean log_level" in warned[0], "%s" % warned)
    indented("journalctl -u telehashd -p warning: " + warned[0])
    check("supervisor: started" in m.journal("--priority", "info..info"), "what is no warning is not of priority info")
    check(m.pid() == before, "the reload started it anew")


def is_not_started_again_after_a_bad_file(m):
    m.inside("systemctl", "restart", UNIT)
    m.until("it is not given up", lambda: m.show(UNIT, "ActiveState") == "failed")
    check((m.show(UNIT, "ExecMainStatus"), m.show(UNIT, "NRestarts")) == ("2", "0"), m.must("systemctl", "show", UNIT))
    # RestartSec is 2 s: what were started again would be so by then.
    end = time.monotonic() + 3
    while time.monotonic() < end:
        check(m.show(UNIT, "ActiveState") == "failed", "it is started again")
    indented(m.journal("--lines=4", "--priority", "notice"))
    os.remove(os.path.join(m.path, "etc/telehash/telehashd.conf"))
    m.must("systemctl", "reset-failed", UNIT)
    m.must("systemctl", "start", UNIT)


def is_started_again(m, name, seconds):
    before, restarts = m.pid(), int(m.show(UNIT, "NRestarts"))
    begun = time.monotonic()
    m.must("systemctl", "kill", "--kill-whom=main", "--signal=" + name, UNIT)
    m.until("it is not started again", lambda: int(m.show(UNIT, "NRestarts")) == restarts + 1 and m.show(UNIT, "ActiveState") == "active", seconds)
    check(m.pid() not in (0, before), "it is the same process")
    indented("kill -%s: again after %.1f s" % (name, time.monotonic() - begun))
    return time.monotonic() - begun


def is_seen_to_hang(m):
    took = is_started_again(m, "STOP", WATCHDOG_S + 30)
    check(took > WATCHDOG_S / 2 - 1, "after %.1f s the watchdog cannot have been it" % took)
    check("Watchdog timeout" in m.must("journalctl", "--no-pager", "--unit", UNIT), "the watchdog was not it")
    check(m.inside("find", "/var/lib/telehash/", "/var/lib/systemd/coredump", "-name", "core*").stdout.count("\n") <= 1, "a core dump")


def ends_well(m):
    begun = time.monotonic()
    m.must("systemctl", "stop", UNIT)
    took = time.monotonic() - begun
    check((m.show(UNIT, "Result"), m.show(UNIT, "ExecMainStatus"), m.show(UNIT, "ActiveState")) == ("success", "0", "inactive"), m.must("systemctl", "show", UNIT))
    check(m.inside("ls", "/run/telehash").returncode != 0, "its run directory is left")
    check(m.show(PAGE, "ActiveState") == "active", "the page ended with it")
    m.must("systemctl", "start", UNIT)
    indented("systemctl stop: %.1f s" % took)


def is_upgraded_while_it_runs(m, packages, hashname):
    before = m.pid(), m.pid(PAGE)
    m.must("apt-get", "install", "-y", "--no-install-recommends", *m.put(packages))
    for unit, old in zip((UNIT, PAGE), before):
        check(m.show(unit, "ActiveState") == "active" and m.pid(unit) not in (0, old), "%s runs as before the upgrade, or not at all" % unit)
    check(json.loads(m.must("thctl", "--json", "status"))["hashname"] == hashname, "another node")
    indented("upgraded to %s: both restarted, the same node" % m.must("dpkg-query", "-W", "-f", "${Version}", "telehashd"))


def is_removed_and_comes_again(m, packages, hashname):
    m.must("systemctl", "stop", "neighbour")
    m.must("apt-get", "remove", "-y", "telehashd", "telehash-web")
    for unit in (UNIT, PAGE):
        check(m.show(unit, "ActiveState") == "inactive" and m.pid(unit) == 0, "%s outlives its package" % unit)
    check(m.inside("stat", "/var/lib/private/telehash/identity.json").returncode == 0, "the removal lost the identity")
    m.must("apt-get", "install", "-y", "--no-install-recommends", *m.put(packages))
    check(json.loads(m.must("thctl", "--json", "status"))["hashname"] == hashname, "another node")
    check(m.show(PAGE, "ActiveState") == "active", "the page, which was enabled, is not")


def is_purged(m, packages):
    m.must("apt-get", "purge", "-y", *(os.path.basename(name).split("_")[0] for name in packages))
    check(m.show(UNIT, "MainPID") == m.show(PAGE, "MainPID") == "0", "something runs on")
    shutil.rmtree(os.path.join(m.path, "packages"))
    left = m.must("find", "/etc", "/usr", "/lib", "/var", "/run", "-xdev", "-name", "*telehash*", "-not", "-path", "/var/log/*").split()
    check(left == [], "the purge left %s" % left)
    failed = m.must("systemctl", "--no-legend", "--plain", "--failed").strip()
    check(failed == "", "failed: " + failed)


def goes_through_its_life(m):
    first_ones = debian.packages(FOLDER)
    next_ones = debian.raised(first_ones, FOLDER)
    say("built")
    make(m, first_ones)
    m.boot()
    say("booted: " + m.must("systemctl", "--version").splitlines()[0])
    is_installed_and_running(m, first_ones)
    is_a_user_of_its_own_with_its_folders(m)
    hashname = answers_a_user_of_the_group(m)
    tells_when_it_is_no_longer_alone(m)
    serves_the_page(m)
    reloads_and_says_what_is_wrong(m)
    is_not_started_again_after_a_bad_file(m)
    is_started_again(m, "KILL", 20)
    is_seen_to_hang(m)
    ends_well(m)
    say("started, watched, killed, hung and stopped")
    is_upgraded_while_it_runs(m, next_ones, hashname)
    is_removed_and_comes_again(m, next_ones, hashname)
    is_purged(m, next_ones)
    say("upgraded, removed and purged: nothing is left")


if debian.why_not("systemd-nspawn", "nsenter"):
    skip(debian.why_not("systemd-nspawn", "nsenter"))
FOLDER = tempfile.mkdtemp(prefix="th-systemd-")
MACHINE = Machine(os.path.join(FOLDER, "root"))
try:
    goes_through_its_life(MACHINE)
finally:
    MACHINE.off()
    shutil.rmtree(FOLDER, ignore_errors=True)
sys.exit(0)
