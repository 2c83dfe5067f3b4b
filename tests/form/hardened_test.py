"""The programs are built so that a mistake in them is hard to use: read from the files, with readelf.

Reads those of the build, when that is a hardened one. TH_HARDENED_BUILD=1 in the environment builds them for
this, as a user does.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FILES = ("telehashd", "thctl", "telehash-web", "libtelehash.so")


def read(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout


def is_hardened(build):
    try:
        with open(os.path.join(build, "CMakeCache.txt")) as cache:
            text = cache.read()
    except OSError:
        return False
    return "TH_HARDEN:BOOL=ON" in text and re.search(r"^TH_SANITIZE:STRING=$", text, re.M) is not None


def build_in(folder):
    subprocess.run(
        ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DTH_BUILD_TESTS=OFF"],
        check=True, stdout=subprocess.DEVNULL,
    )
    targets = ["telehashd", "thctl", "telehash_shared"]
    done = subprocess.run(
        ["cmake", "--build", folder, "-j2", "--target", *targets],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    if done.returncode:
        print(done.stdout[-4000:])
        sys.exit(1)


def faults(path):
    """What a file lacks."""
    head, segments = read("readelf", "-hW", path), read("readelf", "-lW", path)
    dynamic, symbols = read("readelf", "-dW", path), read("readelf", "-sW", "--dyn-syms", path)
    stack = next((line for line in segments.splitlines() if "GNU_STACK" in line), "")
    wrong = []
    if not re.search(r"Type:\s+DYN", head):
        wrong.append("is not position independent")
    if "GNU_RELRO" not in segments or not re.search(r"BIND_NOW|Flags:.*NOW", dynamic):
        wrong.append("has relocations that can be written to")
    if not stack or "E" in stack.split()[-2]:
        wrong.append("has a stack that can be executed")
    if "__stack_chk_fail" not in symbols:
        wrong.append("has no stack protector")
    if not re.search(r"__\w+_chk@", symbols.replace("__stack_chk", "")):
        wrong.append("calls nothing that FORTIFY checks")
    if "TEXTREL" in dynamic or re.search(r"R(UN)?PATH", dynamic):
        wrong.append("has relocations in its text, or a path of its own for libraries")
    if platform.machine() == "x86_64":
        # The note of the whole file depends on what the C library's own beginning was built with.
        code = read("objdump", "-d", "--no-show-raw-insn", path)
        starts = re.findall(r"^[0-9a-f]+ <(th_\w+|main)>:\n\s*[0-9a-f]+:\s+(\w+)", code, re.M)
        without = [name for name, first in starts if first != "endbr64"]
        if starts and len(without) > len(starts) // 20:
            wrong.append("has functions without endbr64 (CET), as %s" % ", ".join(without[:3]))
        if not starts and "endbr64" not in code:
            wrong.append("has no endbr64 (CET)")
    return wrong


def check_plain(folder):
    """The test finds what is missing: a program that was built without any of it."""
    source, program = os.path.join(folder, "plain.c"), os.path.join(folder, "plain")
    with open(source, "w") as file:
        file.write("int main(void) { return 0; }\n")
    flags = "-no-pie -fno-stack-protector -fcf-protection=none -Wl,-z,norelro -Wl,-z,lazy -Wl,-z,execstack".split()
    if platform.machine() != "x86_64":
        flags.remove("-fcf-protection=none")
    subprocess.run(["cc", *flags, "-o", program, source], check=True)
    return [] if len(faults(program)) >= 5 else ["a program without all this passes: %s" % faults(program)]


def main():
    if not shutil.which("readelf") or not shutil.which("objdump"):
        print("skipped: readelf and objdump are not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="th-hardened-") as folder:
        build = os.environ.get("TH_BUILD", "")
        if os.environ.get("TH_HARDENED_BUILD"):
            build = os.path.join(folder, "build")
            build_in(build)
        elif not is_hardened(build):
            print("skipped: this build is a developer's; the test long/hardened builds one")
            sys.exit(77)
        wrong = check_plain(folder)
        looked = [name for name in FILES if os.path.exists(os.path.join(build, name))]
        for name in looked:
            wrong += ["%s: %s" % (name, fault) for fault in faults(os.path.join(build, name))]
        print("    looked at %s" % ", ".join(looked))
        if "telehashd" not in looked or "thctl" not in looked:
            wrong.append("telehashd and thctl are not built")
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
