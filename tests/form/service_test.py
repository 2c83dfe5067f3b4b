"""The units of systemd: what they must say, how exposed they are by systemd's own judgement, and that the
script of OpenRC is a script."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SERVICE = os.path.join(ROOT, "tools", "service")
UNITS = ("telehashd.service", "telehash-web.service")
EXPOSURE_MAX = 2.0
MUST = {
    "telehashd.service": {
        "Type": "notify",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
        "StateDirectory": "telehash",
        "RuntimeDirectory": "telehash",
        "DynamicUser": "yes",
        "Group": "telehash",
        "ExecReload": "/bin/sh -c 'kill -HUP \"$MAINPID\"'",
        "ConfigurationDirectory": None,  # it would be the service's own
    },
    "telehash-web.service": {
        "Restart": "on-failure",
        "RestartPreventExitStatus": "2",
        "DynamicUser": "yes",
        "SupplementaryGroups": "telehash",
        "RuntimeDirectory": "telehash-web",
        "RuntimeDirectoryMode": "0750",
    },
}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def write_unit(folder, name, change=lambda text: text):
    """The unit as it is installed, but with a program that is there."""
    with open(os.path.join(SERVICE, name + ".in")) as file:
        text = re.sub(r"@TH_BINDIR@/\S+", "/bin/true", file.read())
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(change(text))
    return path


def exposure(path):
    """What systemd-analyze says, a number from 0 to 10."""
    _, text = run("systemd-analyze", "security", "--offline=true", path)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    return float(found.group(1)) if found else None


def check_unit(folder, name):
    wrong = []
    path = write_unit(folder, name)
    with open(path) as file:
        said = dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line and line[0] != "#")
    wrong += ["%s: %s is %s" % (name, key, said.get(key)) for key, value in MUST[name].items() if said.get(key) != value]
    if not shutil.which("systemd-analyze"):
        print("    %s: exposure not judged, systemd-analyze is not there" % name)
        return wrong
    level = exposure(path)
    print("    %s: exposure %s" % (name, level))
    if level is None or level >= EXPOSURE_MAX:
        wrong.append("%s: exposure %s, not below %s" % (name, level, EXPOSURE_MAX))
    # The judge must be able to find what is wrong.
    bare = exposure(write_unit(folder, name, lambda text: re.sub(r"(?m)^(Protect|Restrict[A-Z]|SystemCall|Cap|DynamicUser).*\n", "", text)))
    if bare is None or bare < EXPOSURE_MAX:
        wrong.append("%s: without its protection it has %s" % (name, bare))
    code, text = run("systemd-analyze", "verify", "--man=no", write_unit(folder, name))
    lines = [line for line in text.splitlines() if name in line]
    return wrong + ["verify: " + line for line in lines]


def main():
    wrong = []
    with tempfile.TemporaryDirectory(prefix="th-service-") as folder:
        for name in UNITS:
            wrong += check_unit(folder, name)
        with open(os.path.join(SERVICE, "telehashd.openrc.in")) as file:
            script = os.path.join(folder, "telehashd")
            with open(script, "w") as out:
                out.write(file.read().replace("@TH_BINDIR@", "/usr/bin"))
        code, text = run("sh", "-n", script)
        wrong += ["telehashd.openrc: " + text] if code else []
        if shutil.which("systemd-sysusers"):
            code, text = run("systemd-sysusers", "--dry-run", os.path.join(SERVICE, "telehashd.sysusers.conf"))
            wrong += ["telehashd.sysusers.conf: " + text] if code else []
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
