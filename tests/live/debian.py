"""What the tests of the packages share: the packages, built or given, and clean Debians to install them into.

TH_DEB=DIR names a folder with packages that are built already, TH_DEB_ROOT=DIR a clean root (debootstrap
--variant=minbase bookworm). The mirror is the one that this machine's apt has bookworm from, or what
TH_DEBIAN_MIRROR says.
"""

import glob
import os
import re
import shutil
import subprocess
import time

from mesh import check

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BEGUN = time.monotonic()


def mirror():
    """Where Debian is fetched from; None when this machine fetches it from nowhere."""
    asked = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)", "Codename: bookworm", "Created-By: Packages"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return os.environ.get("TH_DEBIAN_MIRROR") or next(iter(asked.stdout.split()), None)


def why_not(*tools):
    """Why a test that needs packages, a root and these programs cannot run here; None: it can."""
    if os.geteuid() != 0:
        return "the packages are installed into a root of their own, which only root may make"
    for tool in ("apt-get", "debootstrap", "dpkg-buildpackage", "dh", "scdoc", "unshare", "chroot", *tools):
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


def packages(work):
    """The files of the packages, without those for debuggers; they are built in a folder unless they are given."""
    folder = os.environ.get("TH_DEB")
    if folder is None:
        folder = os.path.join(work, "deb")
        os.mkdir(folder)
        others = [os.path.join(folder, "other_1" + end) for end in (".deb", ".dsc", ".changes", ".buildinfo", ".tar.xz")]
        for other in others:
            open(other, "w").close()
        run(os.path.join(PROJECT, "tools", "deb"), "--out", "deb", cwd=work)
        lost = [other for other in others if not os.path.exists(other)]
        check(lost == [], "tools/deb removed what is not its own: %s" % lost)
        os.remove(others[0])
    return [name for name in sorted(glob.glob(os.path.join(folder, "*.deb"))) if "-dbgsym" not in name]


def raised(names, work):
    """The same packages with a higher version, which depend on each other by it."""
    folder = os.path.join(work, "raised")
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
    """A clean Debian in a folder."""

    def __init__(self, path):
        self.path = path

    def make(self):
        if "TH_DEB_ROOT" in os.environ:
            run("cp", "-a", os.environ["TH_DEB_ROOT"], self.path)
        else:
            run("debootstrap", "--variant=minbase", "bookworm", self.path, mirror())
        shutil.copy("/etc/resolv.conf", os.path.join(self.path, "etc"))

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.path, path)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def start_nothing(self, is_so):
        """Whether an installation starts what it installs, as it does not in an image for containers."""
        if is_so:
            self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        else:
            os.remove(os.path.join(self.path, "usr/sbin/policy-rc.d"))

    def into(self, user, groups):
        return ["chroot", "--userspec=" + user, "--groups=" + groups, self.path]

    def inside(self, *command, user="root", groups=""):
        env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"]
        return subprocess.run([*self.into(user, groups), *env, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def must(self, *command, **more):
        done = self.inside(*command, **more)
        check(done.returncode == 0, "%s ended with %d:\n%s" % (" ".join(command), done.returncode, done.stdout[-3000:]))
        return done.stdout

    def put(self, names):
        """Copies packages into it; their names there."""
        into = os.path.join(self.path, "packages")
        shutil.rmtree(into, ignore_errors=True)
        os.mkdir(into)
        for name in names:
            shutil.copy(name, into)
        return ["/packages/" + os.path.basename(name) for name in names]

    def install(self, names):
        """What apt said of each package. What the packages need must be there, or a network."""
        said = self.must("apt-get", "install", "-y", "--no-install-recommends", *self.put(names))
        return re.findall(r"^(?:Setting up|Unpacking) .*", said, re.M)

    def has(self, package):
        return self.inside("dpkg-query", "-W", "-f", "${db:Status-Status}", package).stdout == "installed"
