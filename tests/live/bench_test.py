"""thbench: its lines have the promised shape, and it says no to what it does not know. Not how fast."""

import json
import os

from mesh import BUILD, check, main, run, test

THBENCH = os.path.join(BUILD, "thbench")
MEMBERS = "suite name value unit min max reference reference_value ratio goal rounds".split()


@test
def each_figure_is_one_json_object_of_all_members():
    done = run([THBENCH, "--rounds", "1", "--json", "memory"])
    check(done.returncode == 0, "exit %d: %s" % (done.returncode, done.stderr))
    figures = {}
    for line in done.stdout.splitlines():
        figure = json.loads(line)
        check(list(figure) == MEMBERS, line)
        check(figure["suite"] == "memory" and figure["rounds"] == 1, line)
        check(0 < figure["min"] <= figure["value"] <= figure["max"] and figure["goal"] > 0, line)
        check(figure["reference"] is None and figure["ratio"] is None, line)
        figures[figure["name"]] = figure

    check("rss_idle" in figures and "rss_idle_one_thread" in figures, done.stdout)
    is_said = "size_library left out" in done.stderr
    check(("size_library" in figures) != is_said, "neither taken nor said: " + done.stderr)


@test
def help_names_every_suite():
    done = run([THBENCH, "--help"])
    check(done.returncode == 0 and done.stderr == "", done.stderr)
    for word in ("packets", "run-time", "streams", "memory", "seek_cpu", "--json", "--rounds"):
        check(word in done.stdout, "no %s in %s" % (word, done.stdout))


@test
def wrong_words_are_named_and_nothing_is_measured():
    for words in (["--fast"], ["speed"], ["--rounds"], ["--rounds", "0"], ["memory", "--rounds", "1x"]):
        done = run([THBENCH, *words])
        check(done.returncode == 2, "%s: exit %d" % (words, done.returncode))
        check(done.stdout == "" and "thbench --help" in done.stderr, "%s: %s" % (words, done.stderr))


main()
