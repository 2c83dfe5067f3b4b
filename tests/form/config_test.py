"""What may stand in a configuration file is the same in its table and in the man page.

Keys of telehashd (tools/app/config_table.c): each that may stand in a file is in telehashd.conf.5, marked
with * when a reload applies it. Topics of the log (tools/app/logger.c): each that is logged with is
known, so that thctl log --topic finds it. Nothing more is in the page than in the table. Shows first that
it finds each kind of mistake. Flags and commands: cli_test.py.
"""

import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

KEY = re.compile(r'\{"([a-z-]+)",\s*(?:NULL|"[^"]*"),\s*TH_KEY_([A-Z]+),\s*"(?:[^"\\]|\\.)*",\s*(true|false),')
TOPIC = re.compile(r'TH_LOG\([^,]+,\s*[A-Z]+,\s*"([a-z]+)"')


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def headings(page, section):
    """What the paragraphs of a section are about: the line before each indented one."""
    text = page.split("\n# %s\n" % section, 1)[1].split("\n# ", 1)[0]
    return re.findall(r"^(\*.*)\n\t", text, re.M)


def wrong_keys(table, page):
    keys = {name.replace("-", "_") + ("*" if live == "true" else "") for name, kind, live in KEY.findall(table) if kind != "TASK"}
    shown = {mark.replace("\\", "").strip("*") + ("*" if "\\*" in mark else "") for line in headings(page, "KEYS") for mark in line.split(", ")}
    yield from ("%s is not in telehashd.conf.5" % name for name in sorted(keys - shown))
    yield from ("%s in telehashd.conf.5 is no key" % name for name in sorted(shown - keys))


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


def shows_that_it_finds(table, page, logger):
    row = '{"newly-made", "N", TH_KEY_NUMBER, "8", true, "a", read_k},'
    assert list(wrong_keys(table + row, page)) == ["newly_made* is not in telehashd.conf.5"]
    assert len(list(wrong_keys(table.replace('"info\\"", true', '"info\\"", false'), page))) == 2
    assert list(wrong_keys(table, page.replace("*rcvbuf*", "*rcvbaf*"))) == ["rcvbuf is not in telehashd.conf.5", "rcvbaf in telehashd.conf.5 is no key"]
    assert list(wrong_topics(logger, ['TH_LOG(log, INFO, "swatch", "x")'])) == ["the topic swatch is not in th_log_topics"]


def main():
    table, logger = read("tools", "app", "config_table.c"), read("tools", "app", "logger.c")
    page = read("tools", "man", "telehashd.conf.5.scd")
    wrong = [*wrong_keys(table, page), *wrong_topics(logger, sources())]
    for what in wrong:
        print(what)
    if not wrong:
        shows_that_it_finds(table, page, logger)
        print("%d flags, and what is said of them, agree" % len(KEY.findall(table)))
    sys.exit(1 if wrong else 0)


main()
