"""The list of requirements in tests/README.md says what is so.

Every id that a test or a comment uses is in the list; every test in the list is there and names the
id in the comment before it; every id has a test or the words "not yet". Shows first that it finds
each kind of mistake, in small trees made for that.
"""

import os
import re
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDERS = ("switch", "dialer", "router", "tools", "tests")
LIST = os.path.join("tests", "README.md")
ID = r"[A-Z][1-9][0-9]?"

# A comment uses an id when it begins with it, "C3", "C2, C3:", "C1 C2:", or says "requirement C3".
IDS_AT_BEGIN = re.compile(r"\W*(%s(?:[, ]+%s)*)(?=\s*(?:[:,]|\*/|$))" % (ID, ID))
IDS_NAMED = re.compile(r"\brequirements? (%s)\b" % ID)
C_COMMENT = re.compile(r"/\*.*?\*/", re.S)
LINE_COMMENT = re.compile(r"^\s*#.*$", re.M)
ROW = re.compile(r"^\| (%s) \|([^|]*)\|([^|]*)\|$" % ID, re.M)


def ids_of(comment):
    """The ids that one comment uses."""
    begin = IDS_AT_BEGIN.match(comment)
    return re.findall(ID, begin.group(1) if begin else "") + IDS_NAMED.findall(comment)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def comments(path, text):
    """The comments of a file, each with the number of its line."""
    pattern = C_COMMENT if path.endswith((".c", ".h")) else LINE_COMMENT
    return [(text.count("\n", 0, match.start()) + 1, match.group().strip()) for match in pattern.finditer(text)]


def sources(root):
    for folder in FOLDERS:
        for path, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(name for name in folders if name not in ("node_modules", "__pycache__"))
            for name in sorted(names):
                if name.endswith((".c", ".h", ".py", ".sh")):
                    yield os.path.relpath(os.path.join(path, name), root)


def label_of(text, function):
    """The comment right before a test function, "" without one; None: there is no such test."""
    in_c = re.search(r"(/\*(?:(?!\*/).)*\*/\n)?^static void %s\(void \*\*state\)" % function, text, re.M | re.S)
    in_python = re.search(r"((?:^#.*\n)*)(?:^@.*\n)+^def %s\(" % function, text, re.M)
    found = in_c or in_python
    return (found.group(1) or "").strip() if found else None


def check_test(root, row, file, functions):
    path = os.path.join(root, "tests", file)
    if not os.path.isfile(path):
        return ["%s: there is no file tests/%s" % (row, file)]
    text, wrong = read(path), []
    for function in functions:
        label = label_of(text, function)
        if label is None:
            wrong.append("%s: tests/%s has no test %s" % (row, file, function))
        elif row not in ids_of(label):
            wrong.append("%s: in tests/%s the comment before %s does not name it" % (row, file, function))
    return wrong


def check_row(root, row, sentence, cell):
    """One row: file names have a dot, the functions of a file follow it, all in `these`."""
    wrong = [] if len(sentence.strip()) > 20 else ["%s: it is not said in a sentence" % row]
    tests = []
    for word in re.findall(r"`([^`]+)`", cell):
        if "." in word:
            tests.append((word, []))
        elif tests:
            tests[-1][1].append(word)
        else:
            wrong.append("%s: %s comes before any file" % (row, word))
    if not tests and "not yet" not in cell:
        wrong.append('%s: it has neither a test nor the words "not yet"' % row)
    for file, functions in tests:
        wrong += check_test(root, row, file, functions)
    return wrong


def check_tree(root):
    """What is wrong in a tree, as lines."""
    rows = ROW.findall(read(os.path.join(root, LIST)))
    listed = [row for row, _, _ in rows]
    wrong = ["%s: it is listed twice" % row for row in sorted(set(listed)) if listed.count(row) > 1]
    if not rows:
        wrong.append("%s has no list of requirements" % LIST)
    for row, sentence, cell in rows:
        wrong += check_row(root, row, sentence, cell)
    for path in sources(root):
        for line, comment in comments(path, read(os.path.join(root, path))):
            for used in ids_of(comment):
                if used not in listed:
                    wrong.append("%s:%d: %s is not listed in %s" % (path, line, used, LIST))
    return wrong


# --- it can fail ----------------------------------------------------------------------------------

GOOD_LIST = (
    "| id | what | shown by |\n|---|---|---|\n"
    "| A1 | The thing does what it should do. | `unit/a_test.c`: `thing_works`, `it_ends`; `live/b_test.py`: `it_runs` |\n"
    "| A2 | Another thing will do so one day. | not yet |\n"
)
GOOD_C = (
    "/* A1 */\nstatic void thing_works(void **state)\n{\n}\n\n"
    "/* A2, A1: also\n * in two lines. C11 and X25519 are no ids. */\nstatic void it_ends(void **state)\n{\n}\n"
    "static void without_a_label(void **state)\n{\n}\n"
)
GOOD_PYTHON = "# A1\n@test\ndef it_runs():\n    pass\n"


def found_in(list_text=GOOD_LIST, c_text=GOOD_C, python_text=GOOD_PYTHON, source="/* (requirements A2) */\n"):
    with tempfile.TemporaryDirectory() as root:
        for path, text in (
            (LIST, list_text),
            ("tests/unit/a_test.c", c_text),
            ("tests/live/b_test.py", python_text),
            ("switch/a.h", source),
        ):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        return check_tree(root)


def check_that_it_can_fail():
    mistakes = (
        ("an id that is not listed", {"c_text": GOOD_C + "/* A3 */\n"}, "a_test.c:14: A3 is not listed"),
        ("the same in a script", {"python_text": GOOD_PYTHON + "# B1: so\n"}, "b_test.py:5: B1 is not listed"),
        ("the same in a source", {"source": "/* see requirement D9. */\n"}, "a.h:1: D9 is not listed"),
        ("a file that is gone", {"list_text": GOOD_LIST.replace("a_test.c", "c_test.c")}, "no file tests/unit/c_test.c"),
        ("a test that is gone", {"list_text": GOOD_LIST.replace("thing_w", "nothing_w")}, "no test nothing_works"),
        ("a script's test that is gone", {"list_text": GOOD_LIST.replace("it_runs", "it_hops")}, "no test it_hops"),
        ("no label", {"list_text": GOOD_LIST.replace("it_ends", "without_a_label")}, "does not name it"),
        ("another label", {"c_text": GOOD_C.replace("/* A1 */", "/* A2 */")}, "before thing_works does not name it"),
        ("neither test nor not yet", {"list_text": GOOD_LIST.replace("not yet", "soon")}, "A2: it has neither"),
        ("no sentence", {"list_text": GOOD_LIST.replace("Another thing will do so one day.", "")}, "A2: it is not said"),
        ("twice", {"list_text": GOOD_LIST + GOOD_LIST}, "A1: it is listed twice"),
        ("no list", {"list_text": "", "c_text": "", "python_text": "", "source": ""}, "no list of requirements"),
    )
    failed = ["a good tree: " + line for line in found_in()]
    for name, change, words in mistakes:
        found = found_in(**change)
        if not any(words in line for line in found):
            failed.append("%s: expected ... %s ..., found %s" % (name, words, found))
    return failed


def main():
    wrong = ["not ok: " + line for line in check_that_it_can_fail()] + check_tree(os.path.normpath(ROOT))
    for line in wrong:
        print(line)
    if wrong:
        print("tests/README.md says how the list of requirements is kept")
    sys.exit(1 if wrong else 0)


main()
