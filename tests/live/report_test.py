"""thsim report: its page is whole, needs nothing beside it, shows what the results say and no more.

The results are of real runs, small ones; and what thsim would never write.
"""

import copy
import json
import os
import random
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

from mesh import BUILD, SLOW, check, main, run, test
from rows import Table, put

THSIM = os.path.join(BUILD, "thsim")
TOKENS = ("restart/12/1/null=1,lookups=40", "partition/12/2/null=1,lookups=40,length=100000", "servers/2/1/length=2000")
MADE = []
HOSTILE = "\"><script>alert(1)</script>&amp;' \u2028\x1b[31m\x01\n\t\ufffe\uffff \u00e9]]>-->"


def results():
    """What thsim printed of each run; made once."""
    for token in TOKENS[len(MADE) :]:
        done = run([THSIM, "replay", token], timeout=120 * SLOW)
        check(done.returncode == 0, done.stderr)
        MADE.append(json.loads(done.stdout))
    return copy.deepcopy(MADE)


def report(*made, code=0):
    """The page of these results, or with another code the complaint."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, "%d.json" % i) for i in range(len(made))]
        for path, result in zip(paths, made):
            put(path, result if isinstance(result, str) else json.dumps(result))
        done = run([THSIM, "report", *paths])
    check(done.returncode == code, "exit %d: %s" % (done.returncode, done.stderr))
    check((done.stderr == "") == (code == 0), done.stderr)
    return done.stdout if code == 0 else done.stderr


def parsed(page):
    """The tree of a page; any XML parser can read it."""
    check(page.startswith("<!DOCTYPE html>\n"), page[:40])
    return ElementTree.fromstring(page)


def text_of(element):
    return "".join(element.itertext())


def rows_of(page):
    """Of all tables: name of the row -> what its cells say."""
    return {
        text_of(row.find("th")): [text_of(cell) for cell in row.findall("td")]
        for row in parsed(page).iter("tr")
        if row.find("td") is not None
    }


def figures_of(page):
    """Title of a chart -> its charts, in order of the results."""
    found = {}
    for figure in parsed(page).iter("figure"):
        title = figure.find("figcaption/h3")
        found.setdefault(title.text.strip(), []).append(figure)
    return found


def tips_of(figure, kind):
    return [mark.find("title").text for mark in figure.iter() if mark.get("class") == kind]


def clock_ticks(figure):
    """Of an axis of time: the seconds of each tick, and where it stands."""
    ticks = [text for text in figure.iter("text") if re.fullmatch(r"\d+:\d\d", text.text or "")]
    return [
        (60 * int(tick.text.split(":")[0]) + int(tick.text.split(":")[1]), float(tick.get("x"))) for tick in ticks
    ]


def kinds_of(element):
    """The elements of the page, and which attributes they have."""
    return {(part.tag, tuple(sorted(part.attrib))) for part in element.iter()}


@test
def page_is_well_formed_and_needs_nothing_beside_it():
    page = report(*results())
    tree = parsed(page)
    check(tree.tag == "html" and len(list(tree.iter("svg"))) > 20, "no charts")
    for word in ("http", "src=", "href", "url(", "@import", "<script", "<link", "<iframe", "onload"):
        check(word not in page, "the page has %s" % word)
    for word in ("nan", "inf"):
        check(re.search(r'="[^"]*\b-?%s\b' % word, page) is None, "the page draws %s" % word)


@test
def numbers_are_those_of_the_result():
    first = results()[0]
    page = report(first)
    rows, figures = rows_of(page), figures_of(page)

    check(rows["Nodes"] == ["12"] and rows["Random seed"] == ["1"], rows)
    check(rows["Events"] == ["{:,}".format(first["events"])], rows["Events"])
    check(rows["To have it again"] == [first["replay"]], rows["To have it again"])
    check(rows["Hash of its trace"] == [first["trace_hash"]], rows["Hash of its trace"])
    check(rows["Checks"] == ["{:,} made, none failed".format(first["checks"])], rows["Checks"])
    for name, figure in first["figures"].items():
        check(rows[name][0].startswith("%.6g (%s" % (figure["value"], figure["goal_is"])), rows[name])
        check(("reached" if figure["reached"] else "missed") in rows[name][0], rows[name])
    for name, sort in first["messages"]["datagrams"].items():
        if sort["count"]:
            check(rows[name][0].startswith("{:,} ".format(sort["count"])), rows[name])
    check(first["drops"], "nobody dropped anything")
    for name, drop in first["drops"].items():
        check(rows[name] == ["{count:,} of {nodes:,} nodes, {most:,} of {at}".format(**drop)], rows[name])
    for title, member in (("Hops", "hops"), ("Nodes asked", "asked")):
        histogram = first["histograms"][member]
        counts = [int(re.search(r": (\d+) of", tip)[1]) for tip in tips_of(figures[title][0], "bar")]
        check(counts == [count for count in histogram["counts"] if count], "%s: %s" % (title, counts))
    found = sum(first["series"]["found"])
    check("%d of %d lookups" % (found, sum(first["series"]["sent"])) in text_of(figures["Lookups that found their target"][0]), page)


@test
def bars_are_as_high_as_what_they_count():
    first = results()[0]
    figure = figures_of(report(first))["Hops"][0]
    counts = [count for count in first["histograms"]["hops"]["counts"] if count]
    heights = [float(bar.get("height")) for bar in figure.iter() if bar.get("class") == "bar"]
    for count, height in zip(counts, heights):
        check(abs(height / max(heights) - count / max(counts)) < 0.02, "%s: %s" % (counts, heights))


@test
def what_was_done_to_a_run_is_marked_at_its_time():
    first, second = results()[:2]
    for made, note in ((first, first["notes"][0]), (second, second["notes"][0])):
        check(note["what"] and note["at_ms"] < made["virtual_ms"], note)
        for title in ("Lookups that found their target", "Nodes", "Traffic"):
            figure = figures_of(report(made))[title][0]
            lines = [mark for mark in figure.iter() if mark.get("class") == "mark-line"]
            check(lines[0].find("title").text == note["what"], note)
            x = float(re.match(r"M([\d.]+) ", lines[0].get("d"))[1])
            ticks = clock_ticks(figure)
            (first_s, first_x), (last_s, last_x) = ticks[0], ticks[-1]
            at_s = first_s + (x - first_x) / (last_x - first_x) * (last_s - first_s)
            check(abs(at_s - note["at_ms"] / 1000) < 2, "%s is drawn at %.1f s" % (note, at_s))
    check(tips_of(figures_of(report(second))["Nodes"][0], "mark") == ["the net is in two halves"], "no stretch")


@test
def several_results_stand_side_by_side_on_the_same_axes():
    made = results()
    page = report(*made)
    check(rows_of(page)["Nodes"] == ["12", "12", "2"], rows_of(page)["Nodes"])
    for title, figures in figures_of(page).items():
        check(len(figures) == 3, title)
    hops = [[text.text for text in figure.iter("text")] for figure in figures_of(page)["Hops"][:2]]
    check(hops[0] == hops[1], hops)


@test
def run_without_lookups_has_a_page_too():
    page = report(results()[2])
    check("0 lookups" in text_of(figures_of(page)["Hops"][0]), page)


@test
def failed_checks_are_shown():
    first = results()[0]
    first["checks_failed"] = [{"check": "ready", "what": "3 of 12 nodes are not ready"}]
    page = report(first)
    check("1 failed" in rows_of(page)["Checks"][0], rows_of(page)["Checks"])
    check("ready: 3 of 12 nodes are not ready" in text_of(parsed(page)), page)


def poisoned(value):
    """Every text of a result, and every name that is not of its form, made hostile."""
    for name in ("scenario", "replay", "commit", "trace_hash"):
        value[name] += HOSTILE
    value["checks_failed"] = [{"check": HOSTILE, "what": HOSTILE}]
    value["notes"] = [{"at_ms": 1000, "until_ms": 1000 * i, "what": HOSTILE} for i in (1, 5, 9)]
    for holder in (value["figures"], value["drops"], value["messages"]["datagrams"], value["messages"]["ends"]):
        holder[HOSTILE] = next(iter(holder.values()))
    for figure in value["figures"].values():
        figure["goal_is"] = HOSTILE
    for drop in value["drops"].values():
        drop["at"] = HOSTILE
    return value


@test
def nothing_in_a_result_becomes_part_of_the_page():
    clean, page = report(results()[0]), report(poisoned(results()[0]), poisoned(results()[1]))
    tree = parsed(page)
    new = {kind for kind in kinds_of(tree) - kinds_of(parsed(clean)) if kind[0] not in ("ul", "li", "div", "strong")}
    check(new <= {("rect", ("class", "height", "width", "x", "y"))}, new)
    check("alert(1)" in text_of(tree) and "<script" not in page and "\x1b" not in page, "not escaped")


# --- what is no result ----------------------------------------------------------------------------

ODD = (None, True, -1, 0, 0.5, 1e17, 1e308, "", "x" * 5000, [], [1], ["x"], {}, {"x": 1})


def places_in(value, path=()):
    """Every place in a result: the path to it."""
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places_in(part, path + (name,))
    elif isinstance(value, list):
        for i, part in enumerate(value[:3]):
            yield from places_in(part, path + (i,))


@test
def whatever_stands_in_a_result_it_is_refused_or_drawn():
    rng = random.Random(1)
    made = results()[0]
    places = sorted((path for path in places_in(made) if path), key=str)
    refused = 0
    for path in rng.sample(places, 150):
        holder = changed = copy.deepcopy(made)
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = rng.choice(ODD)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(changed, file)
            file.flush()
            done = run([THSIM, "report", file.name])
        what = "%s = %.40r: " % (path, holder[path[-1]])
        check(done.returncode in (0, 2), "%sexit %d: %s" % (what, done.returncode, done.stderr))
        if done.returncode == 2:
            refused += 1
            check(done.stdout == "" and done.stderr.count("\n") == 1, what + done.stderr)
        else:
            parsed(done.stdout)
            check(re.search(r'[" M]-?(nan|inf)\b', done.stdout) is None, what + "draws nonsense")
    check(refused > 50, "%d refused" % refused)


@test
def wrong_words_and_files_are_refused_in_one_line():
    with tempfile.TemporaryDirectory() as folder:
        table = Table(folder=folder)
        made = results()[0]
        less = copy.deepcopy(made)
        del less["histograms"]["hops"]
        uneven = copy.deepcopy(made)
        uneven["series"]["found"].append(1)
        falling = copy.deepcopy(made)
        falling["histograms"]["links_per_node"]["bounds"][1] = 0
        for name, content in (
            ("good", json.dumps(made)),
            ("cut", json.dumps(made)[:-9]),
            ("two", json.dumps(made) * 2),
            ("empty", ""),
            ("binary", b"\xff\xfe\0\0"),
            ("list", "[1,2]"),
            ("object", "{}"),
            ("deep", "[" * 100000),
            ("less", json.dumps(less)),
            ("uneven", json.dumps(uneven)),
            ("falling", json.dumps(falling)),
            ("huge", " " * (17 << 20)),
        ):
            put(os.path.join(folder, name), content)
        for files, *words in (
            ("", "RESULT.json"),
            ("--fast good", "--fast", "no such flag"),
            ("nothing", "nothing", "No such file"),
            (".", "directory"),
            ("cut", "cut", "no JSON", "line 1"),
            ("two", "two", "no JSON"),
            ("empty", "empty", "no JSON"),
            ("binary", "binary", "no JSON"),
            ("deep", "deep", "no JSON"),
            ("list", "list", "no result of thsim run"),
            ("object", "object", "no result of thsim run", '"scenario" is missing'),
            ("less", '"histograms.hops" is missing'),
            ("uneven", '"series"', "different lengths"),
            ("falling", '"histograms.links_per_node" is no histogram'),
            ("huge", "too large"),
            ("good good list", "list", "no result"),
            (" ".join(["good"] * 13), "one more than the 12"),
        ):
            paths = [word if word[0] == "-" else os.path.join(folder, word) for word in files.split()]
            table.row(2, ["report", *paths], *words, "see thsim --help", program=THSIM, name="report " + files)
        table.row(2, ["report", "a\nb\x1b"], "a?b?", program=THSIM)
        table.end()


@test
def page_that_cannot_be_written_is_told():
    with tempfile.NamedTemporaryFile("w") as file, open("/dev/full", "w") as full:
        json.dump(results()[0], file)
        file.flush()
        command = [THSIM, "report", file.name]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60 * SLOW)
    check(done.returncode == 1 and "could not be written" in done.stderr, done.stderr)


@test
def result_may_come_from_standard_input():
    done = run([THSIM, "report", "-"], input=json.dumps(results()[0]))
    check(done.returncode == 0 and rows_of(done.stdout)["Nodes"] == ["12"], done.stderr)


main()
