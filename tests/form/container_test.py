"""The Containerfile: from Debian alone, with what a package is built with, and with the libraries that its programs
load. tools/debian/control and the programs themselves say which these are; nothing is built here."""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.environ.get("TH_BUILD", os.path.join(ROOT, "build", "dev"))
# What the compiler needs and a package has without saying so; and what is of packages alone.
IMPLIED, OF_PACKAGES = {"gcc", "libc6-dev"}, {"debhelper-compat", "dh-sequence-installsysusers"}

OF_THE_SYSTEM = ("libc6", "libgcc", "lib32gcc", "libtinfo", "libasan", "libubsan", "libtsan")


def read(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return file.read()


def stages(text):
    """(image, names of packages, programs copied) of each stage."""
    text = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if line.startswith("FROM "):
            found.append([line.split()[1], set(), ""])
        elif found:
            installed = re.search(r"apt-get install -y --no-install-recommends ([^&]*)", line)
            found[-1][1] |= set(installed.group(1).split()) if installed else set()
            found[-1][2] += line + "\n"
    default = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)", text))
    return [(default.get(image.strip("${}"), image), packages, rest) for image, packages, rest in found]


def is_bookworm():
    """Elsewhere packages have other names."""
    try:
        with open("/etc/os-release") as file:
            return "VERSION_CODENAME=bookworm" in file.read()
    except OSError:
        return False


def sonames(program):
    """What a program that was built loads; nothing where it cannot be asked."""
    path = os.path.join(BUILD, program)
    if not (is_bookworm() and os.path.exists(path) and shutil.which("readelf")):
        print("    %s is not asked what it loads" % program)
        return []
    dynamic = subprocess.run(["readelf", "--dynamic", "--wide", path], stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)


def owners(names):
    """The packages of these libraries, but for the system's; all asked for at once, for each question takes seconds."""
    if not names:
        return set()
    asked = subprocess.run(["dpkg-query", "--search", *("*/" + name for name in names)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {line.split(":")[0] for line in asked.stdout.splitlines()}
    return {name for name in found if not name.startswith(OF_THE_SYSTEM)}


def main():
    wrong = []
    (image, tools, build), (run_image, runtime, _) = stages(read("tools", "Containerfile"))
    wrong += ["the image is %s, not Debian's" % name for name in (image, run_image) if name != "docker.io/library/debian:bookworm-slim"]

    depends = re.search(r"(?ms)^Build-Depends:(.*?)\n\S", read("tools", "debian", "control") + "\nx").group(1)
    needed = {word.split()[0] for word in depends.replace("\n", " ").split(",")} - OF_PACKAGES | IMPLIED
    if needed != tools:
        wrong.append("it builds with %s, a package with %s" % (sorted(tools - needed), sorted(needed - tools)))

    programs = re.search(r"install -D -s -t /out/usr/bin (.*)", build).group(1).split()
    if not set(map(os.path.basename, programs)) >= {"telehashd", "thctl", "telehash-web"}:
        wrong.append("its programs are %s" % programs)
    loaded = owners(sorted({name for program in programs for name in sonames(os.path.basename(program))}))
    print("    loaded: " + " ".join(sorted(loaded)))
    wrong += ["%s is loaded and not in the image" % name for name in sorted(loaded - runtime)]
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
