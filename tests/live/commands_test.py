"""Every command of thctl against a mesh of five daemons.

What a command prints with --json must fit tests/live/schema/COMMAND.json, and what it prints for people
must be tests/live/golden/COMMAND.txt once the parts that change are masked. Which commands there are is
asked of thctl itself: one that has no schema, no golden file or no row in CASES fails the test.

    python3 tests/live/commands_test.py --update [COMMAND...]     # writes goldens, and schemas that are missing
"""

import difflib
import json
import os
import re
import subprocess
import sys
import threading

from mesh import THCTL, Failure, Mesh, SLOW, check, main, run, skip, test, thctl, wait_for

try:
    import jsonschema
except ImportError:  # Debian's, when another Python runs this
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import jsonschema
    except ImportError:
        skip("python3-jsonschema is not there (tools/setup test installs it)")

HERE = os.path.dirname(os.path.abspath(__file__))


def file_of(kind, command):
    folder, end = {"schema": ("schema", ".json"), "golden": ("golden", ".txt")}[kind]
    return os.path.join(HERE, folder, command.replace(" ", "_") + end)


def commands():
    """The names of all commands, as thctl knows them."""
    rows = [line.split("\t") for line in run([THCTL, "__words"]).stdout.splitlines()]
    return [row[1] for row in rows if row[0] == "command"]


# --- masking --------------------------------------------------------------------------------------

UNITS = r"(?:ms|s|min|h|d|us|B|kB|MB|GB|TB|%)"
MASKS = [
    (r"telehash://\S+", "URI"),
    (r"/\S*th-live-[^\s;,:]*", "FILE"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "WHEN"),
    (r"\[?[0-9a-f.:]+\]?:\d{2,5}\b(?!\d)", "ADDRESS"),
    (r"\b[0-9a-f]{64}\b", "HASHNAME"),
    (r"\b[0-9a-f]{32}\b", "LINE"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,16}\b", "HASHNAME"),
    (r'"[A-Za-z0-9+/]{40,}=*"', '"KEY"'),
    (r"(?:< )?\b\d+(?:\.\d+)? ?%s(?: \d+ %s)*(?: ago)?\b" % (UNITS, UNITS), "AMOUNT"),
    (r"(?<![A-Za-z_\d])-?\d+(?:\.\d+)*(?![A-Za-z\d])", "N"),
    (r"[#.█░]{8,}", "BAR"),
]
CHANGING = {"-", "yes", "no", "in", "out", "us", "them", "never", "N", "AMOUNT", "AMOUNT to AMOUNT"}


def mask_line(line, in_table):
    for pattern, word in MASKS:
        line = re.sub(pattern, word, line)
    cells = re.split(r" {2,}", line.strip())
    if in_table:  # a cell that may be one thing or another
        cells = ["*" if cell in CHANGING else cell for cell in cells]
    return "  ".join(cells)


def mask(text, case):
    """The text with what changes masked, spaces of alignment as two, and equal lines as one."""
    lines, in_table = [], False
    for line in text.splitlines():
        is_head = bool(re.fullmatch(r"[A-Z][A-Z ]+(?:  +[A-Z][A-Z ]*)+", line.strip()))
        in_table = is_head or (in_table and bool(line.strip()))
        masked = mask_line(line, in_table and not is_head)
        for pattern, word in case.get("mask", ()):
            masked = re.sub(pattern, word, masked)
        if case.get("keep") and not re.search(case["keep"], masked):
            continue
        if not lines or lines[-1] != masked:
            lines.append(masked)
    if case.get("sort"):
        lines = sorted(set(lines))
    return "".join(line + "\n" for line in lines)


# --- schemas --------------------------------------------------------------------------------------

# Keys whose value may be unknown, though it was known when the schema was written.
NULLABLE = set(
    "path rtt_ms csid direction seed first_seen_ms_ago line_age_ms last_rx_ms_ago mtu rx_bytes tx_bytes rx_packets tx_packets "
    "refreshed_ms_ago owner doing doing_ms longest_callback longest_callback_us took_us refused with via told_by gave_up_ms "
    "links lines state server mapped min_ms avg_ms max_ms entries hop took_ms c type opened_by err head line link told said".split()
)
HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def infer(values):
    """A first schema that fits all of these values; null besides something means: may be unknown."""
    values = list(values)
    kinds = {type(value) for value in values}
    nullable = type(None) in kinds
    some = [value for value in values if value is not None]
    if not some:
        return {"type": "null"}
    if kinds <= {dict, type(None)}:
        keys = sorted(set().union(*some))
        schema = {
            "type": "object",
            "required": [key for key in keys if all(key in value for value in some)],
            "properties": {
                key: infer([value[key] for value in some if key in value] + [None] * (key in NULLABLE)) for key in keys
            },
        }
        if keys and all(re.fullmatch("[0-9a-f]{64}", key) for key in keys):
            inner = infer(value[key] for value in some for key in value)
            schema = {"type": "object", "minProperties": 1, "additionalProperties": False, "patternProperties": {"^[0-9a-f]{64}$": inner}}
    elif kinds <= {list, type(None)}:
        inside = [item for value in some for item in value]
        schema = {"type": "array", "items": infer(inside)} if inside else {"type": "array"}
    elif all(isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) for value in some):
        schema = dict(HEX)
    else:
        names = {bool: "boolean", int: "integer", float: "number", str: "string"}
        types = sorted({names[kind] for kind in kinds if kind is not type(None)})
        schema = {"type": types[0] if len(types) == 1 else "number" if types == ["integer", "number"] else types}
        if types == ["integer"]:
            schema["minimum"] = 0
    if nullable:
        schema["type"] = [schema["type"], "null"] if isinstance(schema["type"], str) else schema["type"] + ["null"]
    return schema


def check_json(command, values):
    with open(file_of("schema", command)) as file:
        schema = json.load(file)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    check(values, "%s printed no JSON" % command)
    for value in values:
        problem = jsonschema.exceptions.best_match(validator(schema).iter_errors(value))
        if problem:
            where = "/".join(str(part) for part in problem.absolute_path)
            raise Failure("--json %s does not fit its schema, at /%s: %s" % (command, where, problem.message[:300]))


def check_text(command, text):
    with open(file_of("golden", command), encoding="utf-8") as file:
        golden = file.read()
    if text != golden:
        diff = difflib.unified_diff(golden.splitlines(), text.splitlines(), "golden", "printed", lineterm="", n=1)
        raise Failure("%s prints something else (--update %s writes it):\n%s" % (command, command, "\n".join(diff)))


# --- what is run ----------------------------------------------------------------------------------


class Stage:
    """Five daemons that know each other; commands are asked of one of them."""

    def __init__(self, mesh):
        self.mesh = mesh
        self.nodes = mesh.grow(4, "--capture", "allow")
        mesh.wait_ready(self.nodes, 10 * SLOW)
        self.node, self.other = self.nodes[1], self.nodes[2]
        wait_for("all are linked", lambda: len(self.node.links()) == 4, 20 * SLOW)
        self.uri = thctl(self.nodes[3], "seeds", "export", "--uri").stdout.strip()

    def words(self, words):
        names = {"OTHER": self.other.hashname, "URI": self.uri, "THIRD": self.nodes[3].hashname}
        names["FILE"] = os.path.join(self.mesh.folder, "capture")
        return [names.get(word, word) for word in words]

    def thctl(self, is_json, words, **more):
        return thctl(self.node, *(["--json"] if is_json else []), *self.words(words), **more)


def once(stage, is_json, case):
    for words in case.get("before", ()):
        stage.thctl(False, words)
    asked = stage.thctl(is_json, case["words"], env=dict(os.environ, LC_ALL="C", NO_COLOR="1"))
    check(case.get("code", 0) in (None, asked.returncode), asked)
    return asked.stdout


def stirred(stage, is_json, case):
    """A command that goes on, while pings give it something to show; it ends by itself (--for MS). On a
    busy machine that may be too short for any of them: then it is asked again, for longer."""
    said = ""
    env = dict(os.environ, LC_ALL="C", NO_COLOR="1")
    for for_ms in (400, 2000, 10000):
        words = ["%dms" % for_ms if word == "MS" else word for word in case["words"]]
        command = [THCTL, "--socket", stage.node.socket] + (["--json"] if is_json else []) + stage.words(words)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
            pings = threading.Thread(target=ping_until_ended, args=(stage, process))
            pings.start()
            said, wrong = process.communicate()
            pings.join()
        check(process.returncode == 0, wrong)
        if said.count("\n") >= case["least"]:
            break
    return said


def ping_until_ended(stage, process):
    while process.poll() is None:
        stage.node.poke(stage.other)


def piped(stage, is_json, case):
    """Both ends of a pipe; it carries bytes, with --json and without."""
    is_sender = case["words"][0] == "pipe" and case["words"][1] != "listen"
    sender, listener = (stage.node, stage.other) if is_sender else (stage.other, stage.node)
    ends = [THCTL, "--socket", listener.socket, "pipe", "listen", "golden"]

    def send():  # refused as long as nobody listens
        return thctl(sender, "pipe", listener.hashname, "golden", input="bytes\n")

    with subprocess.Popen(ends, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        process.stdin.close()
        try:
            wait_for("the pipe is taken", lambda: send().returncode == 0 or process.poll() is not None, 40 * SLOW)
            sent = process.stdout.read()
            check(process.wait(10 * SLOW) == 0, "the listener failed")
        finally:
            if process.poll() is None:
                process.kill()
    return json.dumps(sent) if is_json else sent


def text_alone(stage, is_json, case):
    """What has no JSON: its text is a string."""
    said = once(stage, False, case)
    return json.dumps(said) if is_json else said


def stopped(stage, is_json, case):
    """The daemon ends, so each way has one of its own."""
    if not is_json:
        stage.node = stage.nodes[4]
    return once(stage, is_json, case)


CASES = {
    "status": {},
    "health": {"mask": [("links  N, N of them heard of late.*", "links  N"), (r"\bdials  .*", "dials  N")]},
    "reach": {"keep": r"^(IPv|it |listens|next|port|none|stranger|lines)"},
    # What a machine is like differs: only which things are looked at.
    "doctor": {"code": None, "keep": "^VERDICT", "mask": [(r"^\w+  (\w+)  .*", r"VERDICT  \1")], "sort": True},
    "peers": {},
    "buckets": {"mask": [(r"[0-9N^/-]+ of all", "SHARE")], "sort": True},
    "graph": {"sort": True, "mask": [(r"\\nseed", ""), (r"<-|->", "--"), (r", label=\"AMOUNT\"", "")]},
    "lines": {},
    "channels": {"sort": True, "mask": [(r"^HASHNAME  \*  .*", "HASHNAME  CHANNEL")]},
    "drops": {"words": ["drops", "--all"], "sort": True, "mask": [(r"^(\w+)  \*  \S+  ", r"\1  *  *  ")]},
    "watch": {
        "words": ["watch", "--kind", "packet", "--type", "path", "--has", "path", "--for", "MS"],
        "how": stirred,
        "least": 1,
        "mask": [("head=.*", "HEAD"), (r"\{.*\}", "HEAD"), ("opened_by=them", "opened_by=us")],
        "sort": True,
    },
    "capture": {"words": ["capture", "FILE", "--force", "--for", "MS"], "how": stirred, "least": 1},
    "log": {"words": ["log", "--topic", "supervisor", "-n", "200"], "mask": [(r"child=[\w-]+", "child=NAME"), (r"name=[\w-]+", "name=NAME")], "sort": True},
    "seek": {"words": ["seek", "OTHER"], "keep": r"^(seeking|\(bits|WHO|we  |found|a line)", "mask": [("^found after.*", "found after")]},
    "connect": {"words": ["connect", "OTHER"]},
    "ping": {"words": ["ping", "OTHER", "-c", "2", "-i", "0.1"], "mask": [(r"min/avg/max = .*", "min/avg/max = N")]},
    "pipe": {"words": ["pipe", "OTHER", "golden"], "how": piped},
    "pipe listen": {"words": ["pipe", "listen", "golden"], "how": piped},
    "servers": {"sort": True, "mask": [(r"^(\S+)  \S+  (\*|\S+)  \*  .*", r"\1")]},
    "metrics": {"keep": r"^# (TYPE|EOF|UNIT)"},
    "top": {"words": ["top", "servers", "-n", "1"], "keep": "^SERVER|  STATE$", "sort": True, "mask": [(r"^([a-z-]+)  (?:idle|running)  .*", r"\1  STATE")]},
    "trace": {"words": ["trace", "switch", "--for", "MS"], "how": stirred, "least": 20, "keep": "^WHEN", "mask": [(r"^WHEN  (in|out) .*", r"WHEN  \1"), (r"^WHEN  \w+  .*", "WHEN  WAY")], "sort": True},
    "suspend": {"words": ["suspend", "router", "--for", "5s"]},
    "resume": {"words": ["resume", "router"], "before": [["suspend", "router", "--for", "5s"]]},
    "restart": {"words": ["restart", "dialer"]},
    "seeds export": {"words": ["seeds", "export"]},
    "seeds list": {"words": ["seeds", "list"]},
    "seeds add": {"words": ["seeds", "add", "URI"]},
    "seeds remove": {"words": ["seeds", "remove", "THIRD"], "before": [["seeds", "add", "URI"]]},
    "reload": {},
    "help": {"words": ["help", "help"], "how": text_alone},
    "stop": {"how": stopped},  # the last
}


def case_of(command):
    check(command in CASES, "%s has no row in CASES of tests/live/commands_test.py" % command)
    return dict({"words": command.split()}, **CASES[command])


def ordered(names):
    """stop comes last: its daemons are no more."""
    return sorted(names, key=lambda name: name == "stop")


def outcome(stage, command):
    """The JSON values and the masked text."""
    case = case_of(command)
    how = case.get("how", once)
    values = [json.loads(line) for line in how(stage, True, case).splitlines()]
    return values, mask(how(stage, False, case), case)


# --- the tests ------------------------------------------------------------------------------------


# A11
@test
def every_command_has_a_schema_a_golden_file_and_an_example():
    there = commands()
    check(len(there) > 30, there)
    for command in there:
        case_of(command)
        for kind in "schema", "golden":
            check(os.path.exists(file_of(kind, command)), "%s has no %s" % (command, file_of(kind, command)))
        told = run([THCTL, *command.split(), "--help"])
        check(told.returncode == 0 and "\nExample: " in told.stdout, "help of %s has no example (tools/app/ctl_help.c)" % command)
        check(told.stdout == run([THCTL, "help", *command.split()]).stdout, "help %s and %s --help differ" % (command, command))
    for folder in "schema", "golden":
        for name in os.listdir(os.path.join(HERE, folder)):
            command = os.path.splitext(name)[0].replace("_", " ")
            check(command in there, "%s/%s is of no command" % (folder, name))


@test
def slip_of_a_command_or_flag_is_answered_with_the_nearest():
    for words, nearest in (["peeers"], "peers"), (["seeds", "exprot"], "seeds export"), (["help", "capure"], "capture"), (["status", "--jsn"], "--json"), (["--forse"], "--force"):
        asked = run([THCTL, *words])
        check(asked.returncode == 2 and "did you mean %s?" % nearest in asked.stderr, asked)
        check(asked.stderr.count("\n") == 1, asked)
    for words in ["fly"], ["--wings"]:
        asked = run([THCTL, *words])
        check(asked.returncode == 2 and "did you mean" not in asked.stderr, asked)


# A11
@test
def every_command_prints_what_its_schema_and_golden_file_say():
    wrong = []
    with Mesh() as mesh:
        stage = Stage(mesh)
        for command in ordered(commands()):
            try:
                values, text = outcome(stage, command)
                check_json(command, values)
                check_text(command, text)
            except (Failure, OSError, ValueError) as problem:
                wrong.append("%s: %s" % (command, problem))
        check(not wrong, "\n".join(wrong))


def update(names):
    with Mesh() as mesh:
        stage = Stage(mesh)
        for command in ordered(names or commands()):
            values, text = outcome(stage, command)
            with open(file_of("golden", command), "w", encoding="utf-8") as file:
                file.write(text)
            if not os.path.exists(file_of("schema", command)):
                schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "thctl --json " + command}
                schema.update(infer(values))
                with open(file_of("schema", command), "w") as file:
                    json.dump(schema, file, indent=2)
                    file.write("\n")
            print("written: " + command)


if sys.argv[1:2] == ["--update"]:
    update([" ".join(name.split("_")) for name in sys.argv[2:]])
else:
    main()
