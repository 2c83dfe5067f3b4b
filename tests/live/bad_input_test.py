"""Wrong flags and wrong files: tables of what an operator may get wrong.

Each row is one command and the words that its one line must have (rows.py says what else is looked
at): what is wrong, where, and what to do. All end with 2, but for what is in use and may pass.
"""

import base64
import hashlib
import json
import os
import shutil

from mesh import THCTL, Mesh, check, main, telehashd, test
from rows import Steady, Table, changes, put, snapshot

LONG = "x" * 108  # one more than the path of a socket may have


def made_state(mesh, name="state"):
    """A state directory as a daemon leaves it."""
    state = os.path.join(mesh.folder, name)
    made = telehashd("--state-dir", state, "--init")
    check(made.returncode == 0, made.stderr)
    put(os.path.join(state, "state.json"), '{"format":1,"at":1700000000000}\n')
    return state, json.loads(made.stdout)


# --- flags ----------------------------------------------------------------------------------------

BASE = "--state-dir {state} --socket {socket} --listen 127.0.0.1:0 "

FLAGS = (
    # what is none
    ("--nonsense", "--nonsense", "--help"),
    ("surplus", "surplus", "--help"),
    ("--", "--", "--help"),
    ("''", '""', "--help"),
    ("-x", "-x", "--help"),
    ("--kk 4", "--kk"),
    ("--init=yes", "--init", "takes no value"),
    ("--print-hashname surplus", "surplus"),
    ("$'--non\nsense'", "--non?sense"),
    # without a value
    ("--listen", "--listen", "ADDR:PORT"),
    ("--advertise", "--advertise", "HOST:PORT"),
    ("--seeds", "--seeds", "FILE"),
    ("--k", "--k N"),
    ("--links-max", "--links-max N"),
    ("--allow", "--allow WHO"),
    ("--bridge", "--bridge WHO"),
    ("--bridge-rate", "--bridge-rate BYTES"),
    ("--threads", "--threads 1"),
    ("--log-level", "--log-level LEVEL"),
    # numbers
    ("--k 1", "--k 1", "2 to 64"),
    ("--k 65", "--k 65", "2 to 64"),
    ("--k many", "--k many", "2 to 64"),
    ("--k 4x", "--k 4x", "2 to 64"),
    ("--k -4", "--k -4", "2 to 64"),
    ("--k ' 4'", "--k", "2 to 64"),
    ("--k ''", '--k ""', "2 to 64"),
    ("--k 99999999999999999999", "--k 99999999999999999999", "2 to 64"),
    ("--k=", '--k ""', "2 to 64"),
    ("--links-max 1", "--links-max 1", "2 to 4096"),
    ("--links-max 4097", "--links-max 4097", "2 to 4096"),
    ("--links-max few", "--links-max few", "2 to 4096"),
    ("--links-max 4", "--links-max 4", "--k"),
    ("--k 64 --links-max 63", "--links-max 63", "64"),
    ("--lan=maybe", "--lan"),
    ("--port-map 42424", "42424"),
    ("--allow ''", '--allow ""', "FILE"),
    ("--allow /nowhere/friends", "--allow /nowhere/friends", "64 hex digits"),
    ("--bridge friends", "--bridge friends", "all"),
    ("--bridge all --bridge-rate 10", "--bridge-rate 10", "1000 to 1073741824"),
    ("--bridge-rate 5000", "--bridge-rate 5000", "--bridge"),
    ("--rcvbuf 1", "--rcvbuf 1", "4096 to 1073741824"),
    ("--rcvbuf 4M", "--rcvbuf 4M", "4096 to 1073741824"),
    ("--log-format xml", "--log-format xml", "text nor json"),
    ("--log-levle info", "--log-levle", "did you mean --log-level?"),
    ("--seed ''", '--seed ""', "telehash://"),
    ("--seed http://example.org", "--seed http://example.org", "telehash://"),
    ("--seed telehash://abc", "--seed telehash://abc", "64 hex digits"),
    ("--seed telehash://" + "ab" * 32, "no key"),
    ("--seed telehash://" + "ab" * 32 + "/3a=AAAA/127.0.0.1:9", "3a=AAAA"),
    ("--seed telehash://" + "ab" * 32 + "/3a=" + "A" * 43 + "/127.0.0.1:9", "another hashname"),
    ("--threads 3", "--threads 3", "1"),
    ("--threads one", "--threads one", "1"),
    ("--log-level loud", "--log-level loud", "error, warn, info, debug"),
    ("--log-level INFO", "--log-level INFO", "error, warn, info, debug"),
    ("--log-level ''", '--log-level ""', "error, warn, info, debug"),
    # addresses to listen on
    ("--listen 42424", "--listen 42424", "ADDR:PORT"),
    ("--listen 127.0.0.1", "--listen 127.0.0.1", "ADDR:PORT"),
    ("--listen 127.0.0.1:", "--listen 127.0.0.1:", "ADDR:PORT"),
    ("--listen :1", "--listen :1", "ADDR:PORT"),
    ("--listen 127.0.0.1:0x", "--listen 127.0.0.1:0x", "ADDR:PORT"),
    ("--listen 127.0.0.1:+1", "--listen 127.0.0.1:+1", "ADDR:PORT"),
    ("--listen 127.0.0.1:70000", "--listen 127.0.0.1:70000", "ADDR:PORT"),
    ("--listen localhost:1", "--listen localhost:1", "ADDR:PORT"),
    ("--listen 999.0.0.1:1", "--listen 999.0.0.1:1", "ADDR:PORT"),
    ("--listen [::1:1", "--listen [::1:1", "ADDR:PORT"),
    ("--listen ::1:1", "--listen ::1:1", "ADDR:PORT"),
    ("--listen ''", '--listen ""', "ADDR:PORT"),
    ("--listen 224.0.0.1:0", "--listen 224.0.0.1:0", "multicast"),
    ("--listen [fe80::1]:0", "--listen [fe80::1]:0", "link-local"),
    ("--listen 127.0.0.1:9 --listen 127.0.0.1:9", "--listen 127.0.0.1:9", "already"),
    (" ".join("--listen 127.0.0.1:0" for _ in range(8)), "--listen", "more than 8"),
    # addresses for others
    ("--advertise 192.0.2.1", "--advertise 192.0.2.1", "HOST:PORT"),
    ("--advertise 192.0.2.1:0", "--advertise 192.0.2.1:0", "HOST:PORT"),
    ("--advertise 192.0.2.1:70000", "--advertise 192.0.2.1:70000", "HOST:PORT"),
    ("--advertise '192.0.2.1: 1'", "--advertise", "HOST:PORT"),
    ("--advertise :42424", "--advertise :42424", "HOST:PORT"),
    ("--advertise ''", '--advertise ""', "HOST:PORT"),
    ("--advertise 2001:db8::1:42424", "--advertise 2001:db8::1:42424", "[2001:db8::1]:42424"),
    ("--advertise [2001:db8::1:42424", "--advertise [2001:db8::1:42424", "HOST:PORT"),
    ("--advertise 'my host:1'", "--advertise my host:1", "HOST:PORT"),
    ("--advertise 300.1.1.1:1", "--advertise 300.1.1.1:1", "HOST:PORT"),
    ("--advertise 0.0.0.0:42424", "--advertise 0.0.0.0:42424", "others"),
    ("--advertise [::]:42424", "--advertise [::]:42424", "others"),
    ("--advertise 169.254.7.7:42424", "--advertise 169.254.7.7:42424", "others"),
    ("--advertise [fe80::1]:42424", "--advertise [fe80::1]:42424", "others"),
    ("--advertise " + "a" * 300 + ":1", "--advertise aaaa", "too long"),
    (" ".join("--advertise 192.0.2.%d:1" % n for n in range(1, 10)), "192.0.2.9:1", "more than 8"),
    # said twice
    ("--k 4 --k 4", "--k", "twice"),
    ("--links-max 64 --links-max 65", "--links-max", "twice"),
    ("--socket {socket}", "--socket", "twice"),
    ("--state {state}", "--state", "twice"),
    ("--threads 1 --threads 1", "--threads", "twice"),
    ("--log-level info --log-level debug", "--log-level", "twice"),
    # files
    ("--seeds ''", '--seeds ""', "FILE"),
    ("--seeds {folder}/missing", "--seeds {folder}/missing", "no such file"),
    ("--seeds {folder}", "--seeds {folder}", "no regular file"),
    ("--seeds {file}/below", "--seeds {file}/below", "no regular file"),
    ("--seeds /dev/null", "--seeds /dev/null", "no regular file"),
    ("--seeds --init", "--seeds FILE"),
    (" ".join("--seeds {seeds}" for _ in range(17)), "--seeds", "more than 16"),
    ("--identity", "--identity FILE"),
    ("--identity ''", '--identity ""', "file"),
    ("--identity {folder}/missing", "--identity {folder}/missing", "no such file"),
    ("--identity {folder}", "--identity {folder}", "no regular file"),
    ("--identity {file}", "--identity {file}", "JSON"),
    ("--identity {seeds}", "--identity {seeds}", "others may read", "mode 644"),
    ("--identity {folder}/missing --init", "--identity {folder}/missing", "no such file"),
    ("--identity {file} --identity {file}", "--identity {file}", "one identity"),
)

PLACES = (
    ("--state-dir ''", '--state-dir ""', "folder"),
    ("--state-dir {file}", "{file}", "no directory", "--state-dir"),
    ("--state-dir {file} --init", "{file}", "no directory", "--state-dir"),
    ("--state-dir {file}/below", "{file}/below", "no directory", "--state-dir"),
    ("--state-dir /proc/nowhere/state", "/proc/nowhere/state", "--state-dir"),
    ("--state-dir /proc/nowhere/state --init", "/proc/nowhere/state", "--state-dir"),
    ("--state-dir {folder}/" + "y" * 300, "too long", "--state-dir"),
    ("--state-dir {folder}/" + "y/" * 2500, "too long", "--state-dir"),
    ("--socket ''", '--socket ""', "file"),
    ("--socket {folder}/" + LONG, "--socket {folder}/", "107", "shorter"),
    ("--socket {file}", "{file}", "no socket", "--socket"),
    ("--socket {folder}", "{folder}", "no socket", "--socket"),
    ("--socket {folder}/link", "{folder}/link", "no socket", "--socket"),
    ("--socket {file}/below", "{file}/below", "folder", "--socket"),
    ("--socket /proc/nowhere/c.sock", "/proc/nowhere/c.sock", "folder", "--socket"),
)


def in_places(mesh):
    """The table's folder, with one of everything in it that must not be touched."""
    state, entry = made_state(mesh)
    places = {"folder": mesh.folder, "state": state, "socket": os.path.join(mesh.folder, "run", "c.sock")}
    os.mkdir(os.path.join(mesh.folder, "run"))
    for name, content, mode in (("file", "mine\n", 0o600), ("seeds", json.dumps(entry), 0o644)):
        places[name] = os.path.join(mesh.folder, name)
        put(places[name], content, mode)
    os.symlink("file", os.path.join(mesh.folder, "link"))
    return Table(**places)


def unescaped(text):
    """$'…' of a shell, which shlex does not know."""
    return ["--non\nsense"] if text.startswith("$'") else None


@test
def wrong_flags_are_refused_and_touch_nothing():
    """Neither files nor the daemon whose state and socket they name."""
    with Mesh() as mesh:
        table = in_places(mesh)
        node = mesh.node("running").start()
        table.places.update(state=node.state, socket=node.socket)
        table.steady = Steady(node)
        for flags, *words in FLAGS:
            table.row(2, table.words(BASE) + (unescaped(flags) or table.words(flags)), *words)
            if "--k " in flags:
                table.row(2, table.words(BASE + flags + " --init"), *words)
        table.end()


@test
def wrong_flags_leave_no_trace_of_a_node_that_never_was():
    with Mesh() as mesh:
        table = in_places(mesh)
        fresh = "--state-dir {folder}/new/state --socket {folder}/new.sock --listen 127.0.0.1:0 "
        for flags, *words in FLAGS:
            if "{state}" not in flags and "{socket}" not in flags and "$'" not in flags:
                table.row(2, fresh + flags, *words)
        for flags, *words in PLACES:
            if "--socket" in flags:
                table.row(2, "--state-dir {folder}/new --listen 127.0.0.1:0 " + flags, *words, allowed=("new", "new/lock"))
                shutil.rmtree(os.path.join(mesh.folder, "new"), ignore_errors=True)
        table.end()


@test
def wrong_places_are_refused_and_left_as_they_are():
    with Mesh() as mesh:
        table = in_places(mesh)
        for flags, *words in PLACES:
            base = "--state-dir {state} " if "--socket" in flags else "--socket {socket} "
            table.row(2, base + "--listen 127.0.0.1:0 " + flags, *words)
        for name, value, word in (
            ("TELEHASH_SOCKET", "/" + LONG, "TELEHASH_SOCKET"),
            ("RUNTIME_DIRECTORY", "/" + LONG, "RUNTIME_DIRECTORY"),
            ("STATE_DIRECTORY", "{file}:/elsewhere", "{file}"),
        ):
            env = {"TELEHASH_SOCKET": "", "RUNTIME_DIRECTORY": "", "STATE_DIRECTORY": "{state}"}
            env[name] = value
            env = {key: text.format_map(table.places) for key, text in env.items()}
            socket = "--socket {socket} " if name == "STATE_DIRECTORY" else ""
            table.row(2, socket + "--listen 127.0.0.1:0", word, env=env, name=name)
        table.end()


# --- configuration files ----------------------------------------------------------------------------

# What the file says, and the words of the complaint.
CONFIGS = (
    ("", "line 1"),
    ("{", "line 1"),
    ("nonsense", "line 1"),
    ("[]", "line 1", "a list"),
    ("{}{}", "line 1"),
    ("{\n  \"k\": 8,\n}", "line 3"),
    ("{\n  'k': 8\n}", "line 2"),
    ("{\n  \"k\" 8\n}", "line 2"),
    ("{\n  \"k\": 8, // again\n  \"k\": 9\n}", "line 3", "duplicate"),
    ("/* no comment */ {}", "line 1"),
    ("{\n\n  \"links\": 8\n}", "line 3: links: unknown key"),
    ("{\n  \"log-level\": \"info\"\n}", "line 2: log-level: unknown key; did you mean log_level?"),
    ("{\n  \"sedes\": []\n}", "line 2: sedes: unknown key; did you mean seeds?"),
    ("{\n  \"init\": true\n}", "line 2: init: unknown key"),
    ("{\n  \"config\": \"b\"\n}", "line 2: config: unknown key"),
    ("{\n  // the table\n  \"k\": 1\n}", "line 3: k 1: is no number 2 to 64"),
    ("{\n  \"k\": \"8\"\n}", "line 2: k: is no whole number (without quotes)"),
    ("{\n  \"k\": 8.5\n}", "line 2: k: is no whole number"),
    ("{\n  \"k\": [8]\n}", "line 2: k: is no whole number"),
    ("{\n  \"threads\": true\n}", "line 2: threads: is no whole number"),
    ("{\n  \"threads\": 2\n}", "line 2: threads 2: only 1 is known"),
    ("{\n  \"k\": 16,\n  \"links_max\": 8\n}", "line 3: links_max 8: is below the 16 links"),
    ("{\n  \"log_level\": 7\n}", "line 2: log_level: is no text in quotes"),
    ("{\n  \"log_level\": \"loud\"\n}", "line 2: log_level loud: is none of error, warn, info, debug"),
    ("{\n  \"log_format\": \"xml\"\n}", "line 2: log_format xml"),
    ("{\n  \"advertise\": {}\n}", "line 2: advertise: is neither a text in quotes nor a list"),
    ("{\n  \"advertise\": [\n    \"a:1\",\n    \"b\"\n  ]\n}", "line 4: advertise b: is no HOST:PORT"),
    ("{\n  \"advertise\": [\n    \"a:1\", [],\n    \"b\"\n  ]\n}", "line 3: advertise: is neither"),
    ("{\n  \"seed\": \"telehash://00\"\n}", "line 2: seed telehash://00: no hashname"),
    ("{\n  \"seeds\": \"{folder}/missing\"\n}", "{folder}/missing", "no such file"),
    ("{\n  \"identity\": \"{seeds}\"\n}", "{seeds}", "others may read"),
    ("{\n  \"bridge_rate\": 5000\n}", "line 2: bridge_rate 5000: is of no use without --bridge"),
    ("{\n  \"rcvbuf\": 99999999999\n}", "line 2: rcvbuf 99999999999: is no number 4096 to 1073741824"),
    ("{ \"k\": 8 }\0", "byte 0"),
    ("{ \"state_dir\": \"\\u0000\" }", "line 1"),
    ("\xff", "line 1"),
    (" " * (2 << 20), "too big"),
)


@test
def a_wrong_configuration_is_refused_with_line_key_and_reason():
    with Mesh() as mesh:
        table = in_places(mesh)
        path = os.path.join(mesh.folder, "a.conf")
        for n, (text, *words) in enumerate(CONFIGS):
            for place in ("folder", "seeds"):
                text = text.replace("{%s}" % place, table.places[place])
            put(path, text.encode("latin-1"))
            # The one word that a text in a test may not have as it is: braces.
            for flags in ("--check-config {folder}/a.conf", BASE + "--config {folder}/a.conf"):
                if n % 5 == 0 or "check" in flags:  # they share their reader
                    table.row(2, flags, *words, name="configuration %d %s" % (n, flags[:8]))
        for flags, *words in (
            ("--config {folder}/missing", "{folder}/missing", "no such file"),
            ("--check-config {folder}/missing", "{folder}/missing", "no such file"),
            ("--config {folder}", "{folder}", "no regular file"),
            ("--config ''", '--config ""', "file"),
            ("--config", "--config needs a value"),
            ("--print-config=all", "--print-config takes no value"),
        ):
            table.row(2, BASE + flags, *words)
        table.end()


@test
def a_wrong_configuration_is_no_reload_and_changes_nothing():
    with Mesh() as mesh:
        table = in_places(mesh)
        path = os.path.join(mesh.folder, "a.conf")
        good = '{ "seeds": "%s", "log_level": "warn" }' % table.places["seeds"]
        put(path, good)
        node = mesh.node("a", "--config", path).start()
        table.places["control"] = node.socket
        table.steady = Steady(node)
        for n, (text, *words) in enumerate(CONFIGS):
            for place in ("folder", "seeds"):
                text = text.replace("{%s}" % place, table.places[place])
            put(path, text.encode("latin-1"))
            words = words if len(words[-1]) < 60 else [word[:60] for word in words]
            command = ["--socket", node.socket, "reload"]
            table.row(2, command, *words, "nothing was changed", program=THCTL, name="reload %d" % n, allowed=("a", "a/*", "a.*"))
        put(path, good)
        check(node.call("reload")["changed"] == [], "something was changed")
        check("ERROR settings: not reloaded" in node.log(), node.log())  # the same twice is said once
        table.end()


# --- what is in use -------------------------------------------------------------------------------


@test
def what_is_in_use_is_named_and_left_alone():
    with Mesh() as mesh:
        node = mesh.node("first").start()
        address = node.call("status")["listen"][0]
        table = in_places(mesh)
        table.places.update(theirs=node.state, their_socket=node.socket, address=address)
        os.mkdir(os.path.join(mesh.folder, "full"))
        its_own = ("first", "first/*", "first.out", "first.err")  # it goes on and may save meanwhile
        for command, *words in (
            ("--state-dir {theirs} --socket {socket} --listen 127.0.0.1:0", "{theirs}", "--state-dir", "thctl stop"),
            ("--state-dir {state} --socket {their_socket} --listen 127.0.0.1:0", "{their_socket}", "--socket", "thctl stop"),
            ("--state-dir {state} --socket {socket} --listen {address}", "{address}", "--listen"),
            ("--state-dir {state} --socket {socket} --listen 127.0.0.1:0 --listen {address}", "{address}", "--listen"),
            ("--state-dir {theirs} --socket {their_socket} --listen {address}", "{theirs}", "--state-dir"),
            (BASE + "--init --advertise no-such-host.invalid:1", "--advertise no-such-host.invalid:1", "name"),
        ):
            table.row(1, command, *words, allowed=its_own)
        fresh = "--state-dir {folder}/new --listen 127.0.0.1:0 --socket "
        table.row(1, fresh + "{their_socket}", "{their_socket}", allowed=its_own + ("new", "new/lock"))
        check(node.call("status")["hashname"] == node.hashname, "the first one was disturbed")
        table.end()


# --- files of the state directory -----------------------------------------------------------------


def identity_with(good, **changed):
    value = dict(json.loads(good), **changed)
    return json.dumps({key: text for key, text in value.items() if text is not None})


def other_key(good):
    """A secret that is whole, but not of this public key."""
    return base64.b64encode(hashlib.sha256(good).digest()).decode()


# What is written, its mode, and the words of the complaint.
IDENTITIES = (
    (lambda good: b"", 0o600, "JSON"),
    (lambda good: b"\n", 0o600, "JSON"),
    (lambda good: good[: len(good) // 2], 0o600, "JSON"),
    (lambda good: good + b"x", 0o600, "JSON"),
    (lambda good: b"\0" * 100, 0o600, "JSON"),
    (lambda good: bytes(range(256)), 0o600, "JSON"),
    (lambda good: b"[]", 0o600, "3a"),
    (lambda good: b"{}", 0o600, "3a"),
    (lambda good: identity_with(good, **{"3a_secret": None}), 0o600, "3a_secret"),
    (lambda good: identity_with(good, **{"3a": None}), 0o600, "3a"),
    (lambda good: identity_with(good, **{"3a": 7}), 0o600, "3a"),
    (lambda good: identity_with(good, **{"3a": "!" * 44}), 0o600, "base64"),
    (lambda good: identity_with(good, **{"3a": "AAAA"}), 0o600, "base64"),
    (lambda good: identity_with(good, **{"3a_secret": "A" * 4000}), 0o600, "base64"),
    (lambda good: identity_with(good, **{"3a_secret": other_key(good)}), 0o600, "3a"),
    (lambda good: good + b" " * (10 << 20), 0o600, "too big"),
    (lambda good: good, 0o644, "mode 644", "chmod 600"),
    (lambda good: good, 0o640, "mode 640", "chmod 600"),
    (lambda good: good, 0o602, "mode 602", "chmod 600"),
)


@test
def a_broken_identity_is_refused_and_never_written_over():
    with Mesh() as mesh:
        table = in_places(mesh)
        path = os.path.join(table.places["state"], "identity.json")
        with open(path, "rb") as file:
            good = file.read()
        secret = json.loads(good)["3a_secret"]
        for n, (content, mode, *words) in enumerate(IDENTITIES):
            put(path, content(good), mode)
            for task in ("", "--init", "--print-hashname"):
                said = table.row(2, BASE + task, "{state}/identity.json", *words, name="identity %d %s" % (n, task))
                check(secret not in said, "the secret is in the complaint")
        os.remove(path)
        os.mkdir(path)
        table.row(2, BASE, "{state}/identity.json", "no regular file", name="identity.json is a folder")
        table.row(2, BASE + "--init", "{state}/identity.json", "no regular file", name="the same, --init")
        os.rmdir(path)
        os.symlink("nowhere", path)
        table.row(2, BASE, "{state}/identity.json", name="identity.json points nowhere")
        table.end()


OTHER_FILES = (
    ("peers.json", b'{"format":2,"peers":{}}', "newer"),
    ("peers.json", b'{"format":99999999999}', "newer"),
    ("state.json", b'{"format":2,"at":1}', "newer"),
    ("peers.json", b" " * (10 << 20), "too big"),
    ("state.json", b"x" * (10 << 20), "too big"),
    ("peers.json", None, "no regular file"),
    ("state.json", None, "no regular file"),
    ("lock", None, "lock"),
)


@test
def files_of_a_newer_telehashd_and_what_is_no_file_are_refused():
    with Mesh() as mesh:
        table = in_places(mesh)
        state = table.places["state"]
        for file, content, word in OTHER_FILES:
            path = os.path.join(state, file)
            kept = path + ".kept"
            if os.path.exists(path):
                os.rename(path, kept)
            if content is None:
                os.mkdir(path)
            else:
                put(path, content)
            table.row(2, BASE, "{state}", file, word, name="%s %r" % (file, content and content[:30]))
            shutil.rmtree(path) if content is None else os.remove(path)
            if os.path.exists(kept):
                os.rename(kept, path)

        # Whichever is read first: nothing is kept aside by a start that is refused.
        put(os.path.join(state, "peers.json"), b"broken")
        put(os.path.join(state, "state.json"), b'{"format":2,"at":1}')
        table.row(2, BASE, "{state}/state.json", "newer", name="broken peers and newer state")
        put(os.path.join(state, "state.json"), b"broken")
        put(os.path.join(state, "peers.json"), b'{"format":2}')
        table.row(2, BASE, "{state}/peers.json", "newer", name="newer peers and broken state")
        table.row(2, BASE + "--seeds {folder}/missing", "{folder}/missing", name="newer state and no seeds")
        table.end()


# What is kept aside, and goes on without it.
BROKEN = (
    ("peers.json", b""),
    ("peers.json", b"nonsense"),
    ("peers.json", b"[]"),
    ("peers.json", b"{}"),
    ("peers.json", b'{"format":"1","peers":{}}'),
    ("peers.json", b'{"format":1}'),
    ("peers.json", b'{"format":1,"peers":[]}'),
    ("peers.json", b'{"format":1,"peers":{"00":{}}}'),
    ("peers.json", b"[" * 100000),
    ("state.json", b'{"format":1}'),
    ("state.json", b'{"format":1,"at":-1}'),
    ("state.json", b'{"format":1,"at":"soon"}'),
    ("state.json", b'{"format":0,"at":1}'),
    ("state.json", bytes(range(256))),
)


@test
def what_it_remembered_and_is_broken_is_kept_aside_and_it_starts():
    with Mesh() as mesh:
        state, _ = made_state(mesh, "a")
        for n, (file, content) in enumerate(BROKEN):
            path = os.path.join(state, file)
            put(path, content)
            before = snapshot(state)
            node = mesh.node("a").start()
            aside = [name for name in os.listdir(state) if name.startswith(file + ".broken-")]
            check(len(aside) == 1, "%s %r: %s" % (file, content[:30], aside))
            check("kept aside as " + aside[0] in node.log(), node.log())
            node.stop()
            with open(os.path.join(state, aside[0]), "rb") as kept:
                check(kept.read() == content, "%s %r is not what was kept" % (file, content[:30]))
            os.remove(os.path.join(state, aside[0]))
            wrong = changes(before, snapshot(state), (file, "state.json", "lock"))
            check(not wrong, "row %d: %s" % (n, wrong))
        check(node.log().count("kept aside") == len(BROKEN), node.log())
        print("        %d rows" % len(BROKEN))


# --- seeds files ----------------------------------------------------------------------------------


def rolled(parts):
    """The hashname that parts make."""
    roll = b""
    for csid in sorted(parts):
        roll = hashlib.sha256(roll + csid.encode()).digest()
        roll = hashlib.sha256(roll + parts[csid].encode()).digest()
    return roll.hex()


def seed(n=1, paths=None, parts=None, keys=None, hashname=None):
    """One entry, good but for what is said."""
    key = hashlib.sha256(b"key %d" % n).digest()
    parts = {"3a": hashlib.sha256(key).hexdigest()} if parts is None else parts
    keys = {"3a": base64.b64encode(key).decode()} if keys is None else keys
    paths = [{"type": "ipv4", "ip": "127.0.0.1", "port": 9}] if paths is None else paths
    return {hashname or rolled(parts): {"paths": paths, "parts": parts, "keys": keys}}


def seeds(count):
    return {name: entry for n in range(count) for name, entry in seed(n).items()}


def without(name):
    entry = seed()
    for value in entry.values():
        del value[name]
    return entry


GOOD = list(seed())[0]
SEEDS = (
    (b"", "line 1"),
    (b"nonsense", "line 1"),
    (b"[]", "list"),
    (b"7", "line 1"),
    (b'"text"', "line 1"),
    (json.dumps(seed()).encode()[:-1], "line 1"),
    (json.dumps(seed()).encode() + b"x", "line 1"),
    (b"\xef\xbb\xbf{}", "line 1"),
    (b"\0" * 10, "line 1"),
    (bytes(range(256)), "line"),
    (b"[" * 100000, "line"),
    ({"a": {}}, '"a"', "hashname"),
    ({GOOD[:63]: seed()[GOOD]}, GOOD[:63], "hashname"),
    ({GOOD + "0": seed()[GOOD]}, GOOD, "hashname"),
    ({"g" + GOOD[1:]: seed()[GOOD]}, "g" + GOOD[1:], "hashname"),
    ({GOOD: 7}, GOOD, "parts"),
    ({GOOD: {}}, GOOD, "parts"),
    ({GOOD: []}, GOOD, "parts"),
    (without("parts"), GOOD, "parts"),
    (seed(parts={"3a": "short"}, hashname=GOOD), GOOD, "parts"),
    (seed(parts=[], hashname=GOOD), GOOD, "parts"),
    (seed(hashname="ab" * 32), "ab" * 32, "another hashname"),
    (without("keys"), GOOD, "3a"),
    (seed(keys={"3a": 7}), GOOD, "base64"),
    (seed(keys={"3a": "AAAA"}), GOOD, "base64"),
    (seed(keys={"3a": base64.b64encode(b"k" * 32).decode()}), GOOD, "fingerprint"),
    (seed(parts={"1a": "ab" * 32}), "3a"),
    (seed(parts={"2a": "ab" * 32}, keys={"2a": "AAAA"}), "3a"),
    (seed(paths="127.0.0.1:9"), GOOD, "paths"),
    (dict(seed(1), **seed(2, hashname="cd" * 32)), "cd" * 32),
    (seeds(300), "256"),
    (b" " * (10 << 20), "too big"),
)


@test
def wrong_seeds_files_are_refused_with_the_entry_that_is_wrong():
    with Mesh() as mesh:
        table = in_places(mesh)
        path = os.path.join(mesh.folder, "wrong.json")
        for n, (content, *words) in enumerate(SEEDS):
            put(path, content if isinstance(content, bytes) else json.dumps(content), 0o644)
            table.row(2, BASE + "--seeds {folder}/wrong.json", "--seeds {folder}/wrong.json", *words, name="seeds %d" % n)
        table.row(2, BASE + "--seeds {seeds} --seeds {folder}/wrong.json", "wrong.json", name="a good one first")
        table.end()


@test
def a_good_seeds_file_is_taken_by_the_same_rules():
    with Mesh() as mesh:
        path = os.path.join(mesh.folder, "good.json")
        put(path, json.dumps(seeds(256)))
        node = mesh.node("a", "--seeds", path).start()
        code, _ = node.stop()
        check(code == 0, "ended with %d" % code)


main()
