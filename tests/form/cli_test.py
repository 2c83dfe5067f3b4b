"""Help, man page and completion of every program name the same commands and flags.

What a program knows is asked of itself (PROGRAM __words, see tools/cli/cli.h); its help, its page
(tools/man/*.scd) and what it offers for completion are compared with that, and no flag is read that is
not in its table. Pages have the sections that a reader looks for and are made without a warning. Shows
first that it finds each kind of mistake.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.environ.get("TH_BUILD", os.path.join(ROOT, "build", "dev"))

PAGES = {"telehashd": 8, "telehash-web": 8, "thctl": 1, "thsim": 1, "thbench": 1}
OTHER_PAGES = ("telehashd.conf.5", "libtelehash.3")
SECTIONS = {
    "1": ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"),
    "3": ("NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "THREADS", "RETURN VALUE", "EXAMPLES", "SEE ALSO"),
    "5": ("NAME", "DESCRIPTION", "KEYS", "FILES", "EXAMPLES", "SEE ALSO"),
    "8": ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"),
}
# Where flags are read by their names; those of the others are looked up in their tables.
READERS = {"thsim": ("tools/thsim.c", "tools/sim/command.c", "tools/sim/command_swarm.c"), "thbench": ("tools/thbench.c",)}

FLAG = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def say(program, *words):
    """What a program prints; nobody answers it."""
    env = {**os.environ, "TELEHASH_SOCKET": "/nonexistent/telehashd.sock"}
    done = subprocess.run([os.path.join(BUILD, program), *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else ""


class Words:
    """What a program may be told, as it says itself."""

    def __init__(self, program):
        self.program, self.commands, self.flags = program, {}, {}
        for line in say(program, "__words").splitlines():
            kind, name, *more = line.split("\t")
            if kind == "command":
                self.commands[name] = more[0]
            elif kind == "flag":
                self.flags[name] = (more[0], [word.strip() for word in more[1].split(",") if word.strip()])

    def usage(self, name):
        value = self.flags[name][0]
        return name + (" " + value if value else "")


def wrong_in_help(words, text):
    if not words.flags:
        yield "%s __words names no flag" % words.program
    for name in words.flags:
        if not re.search(r"^  %s(?=\s|$)" % re.escape(words.usage(name)), text, re.M):
            yield "%s --help has no line of %s" % (words.program, words.usage(name))
    for name, params in words.commands.items():
        if not re.search(r"^  %s(?=\s|$)" % re.escape((name + " " + params).strip()), text, re.M):
            yield "%s --help has no line of %s" % (words.program, name)
    for line in text.splitlines():
        name = FLAG.match(line.strip())
        if line.startswith("  -") and name.group() not in words.flags:
            yield "%s --help shows %s, which it does not know" % (words.program, name.group())


def headings(page):
    """What its paragraphs are about: the lines before an indented one, without their markup."""
    lines = page.splitlines()
    for line, following in zip(lines, lines[1:]):
        depth = len(line) - len(line.lstrip("\t"))
        if line.lstrip("\t").startswith("*") and following.startswith("\t" * (depth + 1)):
            yield re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<!\\)\*|\\", "", line.strip())


def wrong_in_page(words, name, page):
    shown = [part for heading in headings(page) for part in heading.split(", ")]
    flags = [part for part in shown if part.startswith("-")]
    for flag in words.flags:
        if words.usage(flag) not in flags:
            yield "%s is not in %s" % (words.usage(flag), name)
    for part in flags:
        if part.split(" ")[0] not in words.flags:
            yield "%s in %s is no flag" % (part, name)
    if not words.commands:
        return
    section = page.split("\n# COMMANDS\n", 1)[-1].split("\n# ", 1)[0]
    described = {re.sub(r" *\[.*", "", heading) for heading in headings(section) if not heading.startswith("-")}
    known = {(command + " " + re.sub(r" *\[.*", "", params)).strip() for command, params in words.commands.items()}
    yield from ("%s %s is not in %s" % (words.program, usage, name) for usage in sorted(known - described))
    yield from ("%s %s in %s is no command" % (words.program, usage, name) for usage in sorted(described - known))


def offers(program, *words):
    return {line.split("\t")[0] for line in say(program, "__complete", *words).splitlines()}


def wrong_in_completion(words, offers):
    """offers: what is offered after some words."""
    for command in words.commands or ("",):
        expected = {flag for flag, (_, commands) in words.flags.items() if not commands or command in commands}
        offered = offers(words.program, *command.split(), "-")
        if offered != expected:
            yield "completion of %s %s -: %s" % (words.program, command, sorted(offered ^ expected))
    first = {command.split()[0] for command in words.commands}
    if first and offers(words.program, "") != first:
        yield "completion of %s: %s" % (words.program, sorted(first ^ offers(words.program, "")))
    for command in words.commands:
        group, _, second = command.partition(" ")
        if second and second not in offers(words.program, group, ""):
            yield "completion of %s %s does not offer %s" % (words.program, group, second)


def wrong_readers(words, sources):
    for text in sources:
        for name in re.findall(r'"(--[a-z-]+)"', text):
            if name not in words.flags:
                yield "%s reads %s, which is not in its table" % (words.program, name)


def wrong_sections(name, page):
    for section in SECTIONS[name[-1]]:
        if "\n# %s\n" % section not in page:
            yield "%s has no section %s" % (name, section)
    title = page.split("\n", 1)[0]
    if not title.startswith("%s(%s)" % (name[:-2], name[-1])):
        yield "%s begins with %s" % (name, title)


def wrong_form(name):
    """What scdoc and man find fault with."""
    if not shutil.which("scdoc"):
        return
    made = subprocess.run(["scdoc"], input=read("tools", "man", name + ".scd"), capture_output=True, text=True)
    if made.returncode or made.stderr:
        yield "%s: scdoc: %s" % (name, made.stderr.strip())
    elif shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-K", "utf8"], input=made.stdout, capture_output=True, text=True)
        yield from ("%s: groff: %s" % (name, line) for line in done.stderr.splitlines())


def wrong_everywhere():
    for program, section in PAGES.items():
        if not os.path.exists(os.path.join(ROOT, "tools", program + ".c")):
            continue
        if program == "telehash-web" and not os.path.exists(os.path.join(BUILD, program)):
            print("left out: telehash-web was not built: libmicrohttpd is not there")
            continue
        name = "%s.%d" % (program, section)
        words = Words(program)
        yield from wrong_in_help(words, say(program, "--help"))
        if not os.path.exists(os.path.join(ROOT, "tools", "man", name + ".scd")):
            yield "%s has no page tools/man/%s.scd" % (program, name)
            continue
        page = read("tools", "man", name + ".scd")
        yield from wrong_in_page(words, name, page)
        yield from wrong_in_completion(words, offers)
        yield from wrong_readers(words, [read(path) for path in READERS.get(program, ())])
        yield from wrong_sections(name, page)
        yield from wrong_form(name)
        version = say(program, "--version")
        if not re.match(r"%s \d+\.\d+\.\d+ \(commit ([0-9a-f]{12}|unknown)\)\nlibuv \S+, libsodium \S+, jansson \S+\n" % program, version):
            yield "%s --version says %r" % (program, version)
    for name in OTHER_PAGES:
        yield from wrong_sections(name, read("tools", "man", name + ".scd"))
        yield from wrong_form(name)


def shows_that_it_finds():
    words, page, text = Words("thctl"), read("tools", "man", "thctl.1.scd"), say("thctl", "--help")
    more = Words("thctl")
    more.flags["--fly"] = ("HIGH", ["status"])
    more.commands["soar"] = "HASHNAME"
    assert list(wrong_in_help(more, text)) == ["thctl --help has no line of --fly HIGH", "thctl --help has no line of soar"]
    assert list(wrong_in_help(words, text + "\n  --fly HIGH  with the wind")) == ["thctl --help shows --fly, which it does not know"]
    assert list(wrong_in_page(more, "thctl.1", page)) == ["--fly HIGH is not in thctl.1", "thctl soar HASHNAME is not in thctl.1"]
    assert list(wrong_in_page(words, "thctl.1", page.replace("*--timeout* _S_\n", "*--timeout* _N_\n"))) == ["--timeout S is not in thctl.1"]
    assert list(wrong_in_page(words, "thctl.1", page + "\n*--fly* _HIGH_\n\tWith the wind.\n")) == ["--fly HIGH in thctl.1 is no flag"]
    assert list(wrong_in_page(words, "thctl.1", page.replace("\n*stop*\n", "\n*soar*\n"))) == ["thctl stop is not in thctl.1", "thctl soar in thctl.1 is no command"]
    assert len(list(wrong_in_completion(more, offers))) == 2
    assert list(wrong_readers(words, ['strcmp(flag, "--fly")'])) == ["thctl reads --fly, which is not in its table"]
    assert list(wrong_sections("thctl.1", page.replace("\n# EXAMPLES\n", "\n"))) == ["thctl.1 has no section EXAMPLES"]


def main():
    wrong = list(wrong_everywhere())
    for what in wrong:
        print(what)
    if not wrong:
        shows_that_it_finds()
        print("help, pages and completion agree")
    sys.exit(1 if wrong else 0)


main()
