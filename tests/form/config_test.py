"""What may be said to the programs is the same in their tables and in the man pages.

Flags of telehashd (tools/app/config_table.c): each has a paragraph in telehashd.1, and each that may
stand in a file is a key in telehashd.conf.5, marked with * when a reload applies it. Commands of thctl
(tools/thctl.c): each has a paragraph in thctl.1. Topics of the log (tools/app/logger.c): each that is
logged with is known, so that thctl log --topic finds it. Nothing more is in the pages than in the
tables. Shows first that it finds each kind of mistake.
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

KEY = re.compile(r'\{"([a-z-]+)",\s*(?:NULL|"[^"]*"),\s*TH_KEY_([A-Z]+),\s*"(?:[^"\\]|\\.)*",\s*(true|false),')
COMMAND = re.compile(r'^    \{"([a-z]+(?: [a-z]+)?)",\s*"', re.M)
TOPIC = re.compile(r'TH_LOG\([^,]+,\s*[A-Z]+,\s*"([a-z]+)"')


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def headings(page, section):
    """What the paragraphs of a section are about: the line after each .TP."""
    text = page.split('.SH %s\n' % section, 1)[1].split("\n.SH ", 1)[0]
    return re.findall(r"^\.TP\n(.*)$", text, re.M)


def wrong_flags(table, page):
    flags = {name for name, _, _ in KEY.findall(table)}
    shown = set()
    for line in headings(page, "FLAGS"):
        shown |= set(re.findall(r"--([a-z-]+)", line.replace("\\-", "-")))
    yield from ("--%s is not in telehashd.1" % name for name in sorted(flags - shown))
    yield from ("--%s in telehashd.1 is no flag" % name for name in sorted(shown - flags))


def wrong_keys(table, page):
    keys = {name.replace("-", "_") + ("*" if live == "true" else "") for name, kind, live in KEY.findall(table) if kind != "TASK"}
    shown = set()
    for line in headings(page, "KEYS"):
        shown |= set(re.findall(r"[a-z_]+\*?", re.sub(r'[" ]+', lambda m: " " if "," in m.group() else "", line.split(" ", 1)[1]).replace(",", " ")))
    yield from ("%s is not in telehashd.conf.5" % name for name in sorted(keys - shown))
    yield from ("%s in telehashd.conf.5 is no key" % name for name in sorted(shown - keys))


def wrong_commands(table, page):
    known = set(COMMAND.findall(table.split("struct command commands[] = {", 1)[1].split("\n};", 1)[0]))
    shown = set()
    for line in headings(page, "COMMANDS"):
        words = re.sub(r'"|\\f[A-Z]|\\', "", line.split(" ", 1)[1]).split()
        shown.add(" ".join(words[:2]) if " ".join(words[:2]) in known else words[0])
    yield from ("thctl %s is not in thctl.1" % name for name in sorted(known - shown))
    yield from ("thctl %s in thctl.1 is no command" % name for name in sorted(shown - known))


def wrong_topics(logger, sources):
    known = set(re.findall(r'"([a-z]+)"', logger.split("th_log_topics[] = {", 1)[1].split("}", 1)[0]))
    used = {topic for text in sources for topic in TOPIC.findall(text)}
    yield from ("the topic %s is not in th_log_topics" % topic for topic in sorted(used - known))


def sources():
    for folder in ("switch", "dialer", "router", "tools/app"):
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                # The library's own lines go to the application.
                if name.endswith(".c") and not name.startswith("telehash"):
                    yield read(os.path.relpath(os.path.join(path, name), ROOT))
    yield read("tools", "telehashd.c")


def shows_that_it_finds(table, page_1, page_5, thctl, page_ctl, logger):
    row = '{"newly-made", "N", TH_KEY_NUMBER, "8", true, "a", read_k},'
    assert list(wrong_flags(table + row, page_1)) == ["--newly-made is not in telehashd.1"]
    assert list(wrong_keys(table + row, page_5)) == ["newly_made* is not in telehashd.conf.5"]
    assert len(list(wrong_keys(table.replace('"info\\"", true', '"info\\"", false'), page_5))) == 2
    assert list(wrong_flags(table, page_1.replace("\\-\\-rcvbuf", "\\-\\-rcvbaf", 1))) == ["--rcvbuf is not in telehashd.1", "--rcvbaf in telehashd.1 is no flag"]
    assert list(wrong_commands(thctl.replace('    {"status",', '    {"fly", "", NULL},\n    {"status",'), page_ctl)) == ["thctl fly is not in thctl.1"]
    assert list(wrong_topics(logger, ['TH_LOG(log, INFO, "swatch", "x")'])) == ["the topic swatch is not in th_log_topics"]


def main():
    table, thctl, logger = read("tools", "app", "config_table.c"), read("tools", "thctl.c"), read("tools", "app", "logger.c")
    page_1, page_5, page_ctl = (read("tools", "man", name) for name in ("telehashd.1", "telehashd.conf.5", "thctl.1"))
    wrong = [
        *wrong_flags(table, page_1),
        *wrong_keys(table, page_5),
        *wrong_commands(thctl, page_ctl),
        *wrong_topics(logger, sources()),
    ]
    for what in wrong:
        print(what)
    if not wrong:
        shows_that_it_finds(table, page_1, page_5, thctl, page_ctl, logger)
        print("%d flags, and what is said of them, agree" % len(KEY.findall(table)))
    sys.exit(1 if wrong else 0)


main()
