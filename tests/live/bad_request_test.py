"""Wrong commands of thctl, daemons that are none, and wrong requests on the control socket."""

import json
import os
import signal
import socket
import threading
import time

from mesh import Mesh, SLOW, Stopwatch, THCTL, check, main, run, telehashd, test, wait_for
from rows import Steady, Table, put

NAME = "ab" * 32

# --- thctl ----------------------------------------------------------------------------------------

WORDS = (
    ("fly", "unknown command fly", "thctl help"),
    ("''", '""', "thctl help"),
    ("seeds", "unknown command seeds", "thctl help"),
    ("seeds add", "telehash://", "seeds add"),
    ("seeds remove", "hashname", "seeds remove"),
    ("seeds list all", "too many words after seeds list"),
    ("seeds list --uri", "seeds export", "seeds list"),
    ("status --qr", "seeds export", "status"),
    ("reload now", "too many words after reload"),
    ("seeds import", "unknown command seeds", "thctl help"),
    ("status more", "too many words after status"),
    ("help more", "unknown command more", "thctl help"),
    ("a b c d e f g h i j k l m n o p q r s t u v w x y z", "too many words"),
    ("--what status", "--what"),
    ("--json=yes status", "--json=yes"),
    ("-q status", "-q"),
    ("status --socket", "--socket"),
    ("status --timeout", "--timeout"),
    ("seek", "hashname", "seek"),
    ("connect", "hashname", "connect"),
    ("ping", "hashname", "ping"),
    ("trace", "server", "trace"),
    ("suspend", "server", "suspend"),
    ("seek " + NAME + " " + NAME, "too many words after seek"),
    ("seek ''", '""', "64 hex digits"),
    ("seek " + NAME + "a", NAME + "a", "64 hex digits"),
    ("seek xyz", "xyz", "64 hex digits"),
    ("seek 0x" + NAME[2:], "0x" + NAME[2:], "64 hex digits"),
    ("seek '" + NAME[:-1] + " '", "64 hex digits"),
    ("connect g" + NAME[1:], "g" + NAME[1:], "64 hex digits"),
    ("ping -", "-", "64 hex digits"),
    ("--timeout 0 status", "--timeout cannot be 0", "seconds"),
    ("--timeout -1 status", "--timeout cannot be -1", "seconds"),
    ("--timeout soon status", "--timeout cannot be soon", "seconds"),
    ("--timeout 5s status", "--timeout cannot be 5s", "seconds"),
    ("--timeout nan status", "--timeout cannot be nan", "seconds"),
    ("--timeout inf status", "--timeout cannot be inf", "seconds"),
    ("--timeout 3601 status", "--timeout cannot be 3601", "3600"),
    ("--timeout '' status", '--timeout cannot be ""', "seconds"),
    ("ping ab -c 0", "-c cannot be 0", "1 to 1000"),
    ("ping ab -c 1001", "-c cannot be 1001", "1 to 1000"),
    ("ping ab -c -4", "-c cannot be -4", "1 to 1000"),
    ("ping ab -c 4x", "-c cannot be 4x", "1 to 1000"),
    ("ping ab -c", "-c"),
    ("ping ab -i 0.01", "-i cannot be 0.01", "seconds, 0.1 to 3600"),
    ("ping ab -i often", "-i cannot be often", "seconds, 0.1 to 3600"),
    ("ping ab -W 0", "-W cannot be 0", "seconds, 0.001 to 60"),
    ("ping ab -W 61", "-W cannot be 61", "seconds, 0.001 to 60"),
    ("status -c 3", "ping", "status"),
    ("--all status", "--all", "status"),
    ("status --for 3s", "--for", "status"),
    ("suspend switch --for 0s", "--for cannot be 0s", "30s"),
    ("suspend switch --for 2h", "--for cannot be 2h", "30s"),
    ("suspend switch --for 3x", "--for cannot be 3x", "30s"),
    ("status --kind opened", "filters", "status"),
    ("status -f", "log", "status"),
    ("status --level debug", "log", "status"),
    ("peers --topic dialer", "log", "peers"),
    ("log -n 0", "-n cannot be 0", "1 to 512"),
    ("log -n 513", "-n cannot be 513", "1 to 512"),
    ("log --level", "--level"),
    ("log --level ''", '--level cannot be ""', "error, warn, info or debug"),
    ("log --for 3s", "log -f"),
    ("log dialer", "too many words after log"),
    ("watch --kind nonsense", "nonsense", "opened"),
    ("watch --type nonsense", "nonsense", "seek"),
    ("watch --peer xyz", "xyz", "hex digits"),
    ("watch --is seek", "--is cannot be seek", "K=V"),
    ("watch --kind ''", '--kind cannot be ""'),
    ("watch --kind state --peer ab", "peer"),
    ("--socket '' status", '--socket ""'),
    ("--socket {folder}/" + "x" * 108 + " status", "107", "shorter"),
)


@test
def wrong_words_are_refused_before_anything_is_asked():
    with Mesh() as mesh:
        table = Table(folder=mesh.folder)
        for command, *words in WORDS:
            own = [] if "--socket" in command else ["--socket", os.path.join(mesh.folder, "nobody")]
            table.row(2, own + table.words(command), *words, program=THCTL)
        table.row(2, ["fl\ny"], "fl?y", program=THCTL, name="a line break")
        table.end()


@test
def wrong_words_leave_a_daemon_that_hears_them_as_it_is():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        table = Table(steady=Steady(node), folder=mesh.folder)
        for command, *words in WORDS:
            own = [] if "--socket" in command else ["--socket", node.socket]
            table.row(2, own + table.words(command), *words, program=THCTL)
        table.end()


@test
def without_a_daemon_every_place_is_named_that_was_tried():
    with Mesh() as mesh:
        table = Table(folder=mesh.folder, file=os.path.join(mesh.folder, "file"))
        put(table.places["file"], b"mine")
        for command, *words in (
            ("--socket {folder}/missing status", "{folder}/missing", "--socket PATH"),
            ("--socket {folder}/no/folder status", "{folder}/no/folder", "--socket PATH"),
            ("--socket {file} status", "{file}", "--socket PATH"),
            ("--socket {file}/below status", "{file}/below", "--socket PATH"),
            ("--socket {folder} status", "{folder}", "--socket PATH"),
            ("--json --socket {folder}/missing peers", "{folder}/missing", "--socket PATH"),
            ("--socket {folder}/missing watch", "{folder}/missing", "--socket PATH"),
            ("--socket {folder}/missing ping ab", "{folder}/missing", "--socket PATH"),
        ):
            table.row(1, command, *words, program=THCTL)
        home = {"XDG_RUNTIME_DIR": mesh.folder, "TELEHASH_SOCKET": "", "HOME": mesh.folder}
        if not os.path.exists("/run/telehash/telehashd.sock"):
            table.row(1, "status", "{folder}/telehash/telehashd.sock", "/run/telehash/telehashd.sock", env=home, program=THCTL)
        env = dict(home, TELEHASH_SOCKET=os.path.join(mesh.folder, "said"))
        table.row(1, "status", "{folder}/said", env=env, program=THCTL)
        env = dict(home, TELEHASH_SOCKET="/" + "x" * 108)
        table.row(2, "status", "TELEHASH_SOCKET", "107", env=env, program=THCTL)
        table.end()


def twins(mesh):
    """Two nodes whose hashnames begin with the same digit: of 17 two do."""
    made = {}
    for n in range(17):
        node = mesh.node("twin%d" % n)
        digit = telehashd("--state-dir", node.state, "--print-hashname").stdout[0]
        if digit in made:
            return made[digit], node, digit
        made[digit] = node
    raise AssertionError("no two of 17 begin alike")


@test
def what_a_daemon_refuses_is_told_in_its_words():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        one, other, digit = twins(mesh)
        for twin in one, other:
            twin.start("--seeds", node.export_seeds())
        wait_for("both are linked", lambda: len(node.links()) == 2, 10 * SLOW)
        free = next(d for d in "0123456789abcdef" if d not in (node.hashname[0], digit))
        table = Table(folder=mesh.folder, socket=node.socket, own=node.hashname, free=free, twin=digit)
        table.steady = Steady(node, is_alone=False)
        for code, command, *words in (
            (1, "ping {twin}", "2 peers begin like that", "more digits", one.hashname, other.hashname),
            (1, "connect {twin}", "2 peers begin like that", "more digits"),
            (1, "seek {twin}", "2 peers begin like that", "more digits"),
            (1, "ping {free}", "no peer begins like that", "64 digits"),
            (1, "connect {free}", "no peer begins like that", "64 digits"),
            (1, "seek {free}" + "0" * 62, "no peer begins like that", "64 digits"),
            (2, "ping {own}", "this node itself"),
            (2, "connect {own}", "this node itself"),
            (2, "trace nobody", "no server is called nobody", "switch"),
            (2, "suspend nobody", "no server is called nobody", "switch"),
            (2, "resume ''", "no server is called", "switch"),
            (2, "restart nobody", "no server is called nobody", "switch"),
            (2, "trace control", "control"),
            (2, "suspend control", "control"),
            (2, "restart control", "control"),
            (2, "seeds add ''", '""', "telehash://"),
            (2, "seeds add http://example.org", "http://example.org", "telehash://"),
            (2, "seeds add telehash://{own}", "no key"),
            (2, "seeds add telehash://{own}/3a=AAAA/127.0.0.1:9", "3a=AAAA"),
            (2, "seeds add telehash://{own}/127.0.0.1:9", "no key"),
            (2, "seeds remove {own}", "no seed begins like that", "seeds list"),
            (2, "seeds remove ''", '""', "no hashname"),
            (2, "seeds remove xyz", "xyz", "no hashname"),
            (2, "log --topic dialr", "dialer"),
            (2, "log -f --level loud", "error, warn, info, debug"),
            (2, "suspend supervisor", "supervisor"),
        ):
            # They go on meanwhile, and write their logs.
            table.row(code, "--socket {socket} " + command, *words, program=THCTL, allowed=("*",))
        table.end()


class Impostor:
    """Listens on a socket and says what it likes to whoever comes: say(connection, request)."""

    def __init__(self, path, say):
        self.say = say
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                try:
                    request = connection.recv(65536)
                    if request == b"end":
                        return
                    self.say(connection, request)
                except OSError:
                    pass  # it has heard enough

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(self.path)
            last.sendall(b"end")
        self.thread.join()
        self.listener.close()
        os.remove(self.path)


def until_closed(connection):
    while connection.recv(65536):
        pass


def says(*pieces):
    """Sends pieces, then waits until the other side has gone."""

    def say(connection, _):
        for piece in pieces:
            connection.sendall(piece)
        until_closed(connection)

    return say


def answers(is_asked_twice=False, **members):
    """JSON-RPC answers with the id of the request, but for what is said. is_asked_twice: thctl asks
    for the servers before it asks what takes long."""

    def say(connection, request):
        while request:
            while request and not request.endswith(b"\n"):
                request += connection.recv(65536)
            question = json.loads(request)
            answer = dict({"jsonrpc": "2.0", "id": question["id"]}, **members)
            if question["method"] == "servers" and is_asked_twice:
                answer["result"] = []
            connection.sendall(json.dumps(answer).encode() + b"\n")
            request = connection.recv(65536)

    return say


def floods(connection, _):
    while True:
        connection.sendall(b"x" * 65536)


LATE = "does not answer (pid {pid})"
NONE = "{impostor} is no telehashd"
IMPOSTORS = (
    ("closes at once", lambda connection, _: None, "closed the connection"),
    ("half a line, then closed", lambda connection, _: connection.sendall(b'{"jsonrpc"'), "closed the connection"),
    ("says nothing", says(), LATE),
    ("half a line", says(b'{"jsonrpc"'), LATE),
    ("garbage", says(b"220 mail ready\r\n"), NONE),
    ("binary", says(bytes(range(256)) + b"\n"), NONE),
    ("not UTF-8", says(b'{"jsonrpc":"2.0","id":1,"result":"\xff"}\n'), NONE),
    ("an empty line", says(b"\n"), NONE),
    ("a number", says(b"7\n"), NONE),
    ("a list", says(b"[]\n"), NONE),
    ("a line without end", floods, NONE),
    ("deep", says(b"[" * 100000 + b"\n"), NONE),
    ("another id", answers(id=77, result={}), LATE),
    ("an id that is a text", answers(id="1", result={}), LATE),
    ("neither result nor error", answers(), NONE),
    ("an error that is none", answers(error=7), "error"),
    ("an error without words", answers(error={}), "error"),
    ("an error with a line break", answers(error={"code": 1, "message": "two\nlines\033[31m"}), "two?lines?[31m"),
    ("an error with strange data", answers(error={"code": 1, "message": "m", "data": {"candidates": [7, None]}}), "m"),
    ("an error with a long text", answers(error={"code": 1, "message": "m" * 60000}), "mmm"),
)
LONG = ("seek", "connect", "ping")
SHAPES = (
    *(7, "text", None, True, [], {}, [7], [[]], [{}], {"hashname": 7}, [{"hashname": None, "rtt_ms": "x"}]),
    {"listen": [7], "warnings": [None], "closest": [7], "steps": [{}], "rtt_ms": ["x"], "found": True},
)
COMMANDS = "status peers buckets lines channels drops servers".split() + [
    "seeds export", "seeds export --uri", "seeds list", "reload", "log", "seeds add x", "seeds remove ab", "seek " + NAME, "connect " + NAME, "ping -c 1 " + NAME, "suspend x", "resume x", "restart x",
    "watch --for 10ms", "trace x --for 10ms",
]


@test
def what_is_no_daemon_is_told_and_waited_for_no_longer_than_asked():
    with Mesh() as mesh:
        path = os.path.join(mesh.folder, "impostor")
        table = Table(folder=mesh.folder, impostor=path, pid=os.getpid())
        for name, say, *words in IMPOSTORS:
            with Impostor(path, say):
                watch = Stopwatch()
                # What is no daemon is told when it shows; only who says too little is waited for.
                timeout = "0.3" if LATE in words else "20"
                table.row(1, "--socket {impostor} --timeout %s status" % timeout, *words, program=THCTL, name=name)
                took = watch.seconds()
                check(took < 3 * SLOW, "%s: after %.1f s" % (name, took))
        table.end()


@test
def a_result_of_another_shape_harms_nobody():
    with Mesh() as mesh:
        path = os.path.join(mesh.folder, "impostor")
        rows = 0
        for shape in SHAPES:
            for command in COMMANDS:
                rows += 1
                with Impostor(path, answers(command.split()[0] in LONG, result=shape)):
                    ended = run([THCTL, "--socket", path, "--timeout", "0.3"] + command.split())
                    what = "%s of %s: exit %d, %r" % (command, shape, ended.returncode, ended.stderr)
                    check(ended.returncode in (0, 1), what)
                    check("\n" not in ended.stderr.rstrip("\n") and "(null)" not in ended.stdout + ended.stderr, what)
        print("        %d rows" % rows)


@test
def a_daemon_that_stands_still_is_named_with_its_pid():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        table = Table(folder=mesh.folder, socket=node.socket)
        node.signal(signal.SIGSTOP)
        try:
            for command in ("status", "servers", "ping " + NAME, "--json ping " + NAME, "seek " + NAME, "watch", "stop"):
                watch = Stopwatch()
                word = "telehashd does not answer (pid %d); see its log" % node.process.pid
                table.row(1, "--socket {socket} --timeout 0.3 " + command, word, program=THCTL)
                took = watch.seconds()
                check(took < 3 * SLOW, "%s: after %.1f s" % (command, took))
        finally:
            node.signal(signal.SIGCONT)
        table.end()


# --- requests -------------------------------------------------------------------------------------


def req(method="status", **more):
    value = dict({"jsonrpc": "2.0", "id": 1, "method": method}, **more)
    return json.dumps({key: item for key, item in value.items() if item is not Ellipsis}).encode()


def ask(method, **params):
    return req(method, params=params)


# A line, the code of the error that answers it, its id, and a word that its message must have.
REQUESTS = (
    (b"nonsense", -32700, None, "JSON"),
    (b"{", -32700, None, "JSON"),
    (req() + b"}", -32700, None, "JSON"),
    (b"7", -32700, None, "JSON"),
    (b'"status"', -32700, None, "JSON"),
    (b"\0", -32700, None, "JSON"),
    (bytes(range(11, 256)), -32700, None, "JSON"),
    (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700, None, "JSON"),
    (b'{"jsonrpc":"2.0","id":1,"method":"status","method":"stop"}', -32700, None, "JSON"),
    (b"[" * 60000, -32700, None, "JSON"),
    (b"[]", -32600, None, "one object"),
    (b"[" + req() + b"]", -32600, None, "one object"),
    (b"{}", -32600, None, "jsonrpc"),
    (req(jsonrpc=...), -32600, 1, "jsonrpc"),
    (req(jsonrpc="1.0"), -32600, 1, "jsonrpc"),
    (req(jsonrpc=2.0), -32600, 1, "jsonrpc"),
    (req(method=...), -32600, 1, "method"),
    (req(method=None), -32600, 1, "method"),
    (req(method=7), -32600, 1, "method"),
    (req(method=["status"]), -32600, 1, "method"),
    (req(id=[]), -32600, None, "id"),
    (req(id={}), -32600, None, "id"),
    (req(id=True), -32600, None, "id"),
    (req(params="text"), -32600, 1, "params"),
    (req(params=7), -32600, 1, "params"),
    (req(params=False), -32600, 1, "params"),
    (req(params=["x"]), -32600, 1, "params"),
    (req("fly"), -32601, 1, "methods"),
    (req(""), -32601, 1, "methods"),
    (req("STATUS"), -32601, 1, "methods"),
    (req("status "), -32601, 1, "methods"),
    (req("fly", id="x"), -32601, "x", "methods"),
    (req("fly", id=None), -32601, None, "methods"),
    (req("fly", id=1.5), -32601, 1.5, "methods"),
    (req("seek"), -32602, 1, "hashname"),
    (req("connect"), -32602, 1, "hashname"),
    (req("ping"), -32602, 1, "hashname"),
    (ask("seek", hashname=7), -32602, 1, "hashname"),
    (ask("seek", hashname=None), -32602, 1, "hashname"),
    (ask("seek", hashname=[NAME]), -32602, 1, "hashname"),
    (ask("seek", hashname=""), -32602, 1, "hashname"),
    (ask("seek", hashname="xyz"), -32602, 1, "hashname"),
    (ask("connect", hashname=NAME + "a"), -32602, 1, "hashname"),
    (ask("connect", hashname="abcd"), -32002, 1, "64 digits"),
    (ask("seek", hashname=NAME, timeout_ms="soon"), -32602, 1, "timeout_ms"),
    (ask("seek", hashname=NAME, timeout_ms=99), -32602, 1, "timeout_ms"),
    (ask("connect", hashname=NAME, timeout_ms=120001), -32602, 1, "timeout_ms"),
    (ask("connect", hashname=NAME, timeout_ms=1.5), -32602, 1, "timeout_ms"),
    (ask("connect", hashname=NAME, timeout_ms=True), -32602, 1, "timeout_ms"),
    (ask("ping", hashname=NAME, timeout_ms=-1), -32602, 1, "timeout_ms"),
    (ask("ping", hashname=NAME, count=0), -32602, 1, "count"),
    (ask("ping", hashname=NAME, count=1001), -32602, 1, "count"),
    (ask("ping", hashname=NAME, count="4"), -32602, 1, "count"),
    (ask("ping", hashname=NAME, interval_ms=99), -32602, 1, "interval_ms"),
    (ask("ping", hashname=NAME, interval_ms=[]), -32602, 1, "interval_ms"),
    (ask("ping", hashname=NAME, wait_ms=0), -32602, 1, "wait_ms"),
    (ask("ping", hashname=NAME, wait_ms=60001), -32602, 1, "wait_ms"),
    (ask("ping", hashname=NAME, probe=7), -32602, 1, "probe"),
    (ask("ping", hashname=NAME, probe="icmp"), -32602, 1, "probe"),
    (ask("drops", all="yes"), -32602, 1, "all"),
    (ask("drops", all=1), -32602, 1, "all"),
    (ask("watch.start", kind=7), -32602, 1, "kind"),
    (ask("watch.start", kind=["opened", 7]), -32602, 1, "kind"),
    (ask("watch.start", kind="nonsense"), -32602, 1, "nonsense"),
    (ask("watch.start", type="nonsense"), -32602, 1, "nonsense"),
    (ask("watch.start", peer=7), -32602, 1, "peer"),
    (ask("watch.start", peer="xyz"), -32602, 1, "xyz"),
    (ask("watch.start", **{"is": []}), -32602, 1, "is"),
    (ask("watch.start", has={}), -32602, 1, "has"),
    (req("watch.stop"), -32602, 1, "id"),
    (ask("watch.stop", id="1"), -32602, 1, "id"),
    (ask("watch.stop", id=77), -32602, 1, "id"),
    (req("seeds.add"), -32602, 1, "uri"),
    (ask("seeds.add", uri=7), -32602, 1, "uri"),
    (ask("seeds.add", uri="telehash://" + "x" * 5000), -32602, 1, "too long"),
    (ask("seeds.add", uri="telehash://"), -32602, 1, "64 hex digits"),
    (ask("seeds.add", uri="telehash://" + NAME + "/3a=" + "A" * 43 + "/127.0.0.1:9"), -32602, 1, "another hashname"),
    (req("seeds.remove"), -32602, 1, "hashname"),
    (ask("seeds.remove", hashname=["ab"]), -32602, 1, "hashname"),
    (ask("seeds.remove", hashname="0"), -32602, 1, "no seed"),
    (ask("seeds.remove", hashname=NAME + "0"), -32602, 1, "no hashname"),
    (ask("log", level="loud"), -32602, 1, "error, warn, info, debug"),
    (ask("log", level=7), -32602, 1, "error, warn, info, debug"),
    (ask("log", topic="dialr"), -32602, 1, "dialer"),
    (ask("log", topic=7), -32602, 1, "dialer"),
    (ask("log.start", level=""), -32602, 1, "error, warn, info, debug"),
    (ask("log.start", topic=["switch", "nothing"]), -32602, 1, "dialer"),
    (ask("log.start", topic=["switch"] * 9), -32602, 1, "more than 8"),
    (ask("log.start", last=-1), -32602, 1, "0 to 512"),
    (ask("log.start", last=513), -32602, 1, "0 to 512"),
    (ask("log.start", last="all"), -32602, 1, "0 to 512"),
    (req("server.trace"), -32602, 1, "server"),
    (ask("server.trace", server=7), -32602, 1, "server"),
    (ask("server.trace", server="nobody"), -32602, 1, "nobody"),
    (ask("server.trace", server="control"), -32602, 1, "control"),
    (req("server.suspend"), -32602, 1, "server"),
    (ask("server.suspend", server="nobody"), -32602, 1, "nobody"),
    (ask("server.suspend", server="control"), -32602, 1, "control"),
    (ask("server.suspend", server="switch", for_ms=0), -32602, 1, "for_ms"),
    (ask("server.suspend", server="switch", for_ms="long"), -32602, 1, "for_ms"),
    (ask("server.suspend", server="switch", for_ms=3600001), -32602, 1, "for_ms"),
    (ask("server.resume", server=None), -32602, 1, "server"),
    (ask("server.restart", server="supervisor"), -32602, 1, "supervisor"),
    (ask("server.restart", server={}), -32602, 1, "server"),
)


def answer_of(rpc, line):
    """The answer to a line; probes are ten a second, so one that came too soon is asked again."""
    while True:
        rpc.send_raw(line + b"\n")
        answer = rpc.receive()
        if (answer or {}).get("error", {}).get("code") != -32004:
            return answer
        time.sleep(0.1)


@test
def wrong_requests_are_answered_with_code_id_and_what_was_meant():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        logged = len(node.log())
        wrong = []
        steady = Steady(node)
        with node.rpc() as rpc:
            version = rpc.call("status")["version"]
            for line, code, its_id, word in REQUESTS:
                answer = answer_of(rpc, line)
                error = (answer or {}).get("error", {})
                keys = {"jsonrpc", "id", "error"}
                if not answer or set(answer) != keys or answer["jsonrpc"] != "2.0":
                    wrong.append("%r is answered %s" % (line[:90], answer))
                elif error.get("code") != code or answer["id"] != its_id or word not in error["message"]:
                    wrong.append("%r (%d, %r, %r) is answered %s" % (line[:90], code, its_id, word, answer))
                elif code == -32601 and error["data"]["version"] != version:
                    wrong.append("%r: no version in %s" % (line, answer))
                wrong += ["%r: %s" % (line[:90], what) for what in steady.changed()]
            check("result" in rpc.answer("status"), "it does not answer any more")
        print("        %d rows" % len(REQUESTS))
        check(not wrong, "%d things are wrong:\n    %s" % (len(wrong), "\n    ".join(wrong)))
        check(node.log()[logged:].count("\n") <= 3, "the log is flooded:\n" + node.log()[logged:])


# What is right, however strange it looks: a line and the id of its answer.
STRANGE = (
    (req(id=0), 0),
    (req(id=-1), -1),
    (req(id=2**53), 2**53),
    (req(id=1.5), 1.5),
    (req(id=None), None),
    (req(id=""), ""),
    (req(id="7"), "7"),
    (req(id="ä\n\"\\"), "ä\n\"\\"),
    (req(id="x" * 60000), "x" * 60000),
    (req(params={}), 1),
    (req(params=[]), 1),
    (req(params=None), 1),
    (req(params={"nobody": "knows"}), 1),
    (req(more="than needed"), 1),
    (b"  " + req() + b" \r", 1),
    (b"\n\r\n\n" + req(), 1),
)


@test
def strange_requests_that_are_right_are_answered_with_their_id():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            for line, its_id in STRANGE:
                rpc.send_raw(line + b"\n")
                answer = rpc.receive()
                check("result" in answer and answer["id"] == its_id, "%r: %r" % (line[:90], answer))
            # Without an id nothing is answered, whether it is right or wrong.
            for silent in (req(id=...), req("fly", id=...), req("seek", id=...), req("drops", id=..., params={"all": 7})):
                rpc.send_raw(silent + b"\n")
            check(rpc.answer("methods")["id"] == rpc.last_id, "a notification was answered")
        print("        %d rows" % len(STRANGE))


@test
def clients_that_misbehave_are_let_go_and_the_others_are_served():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        logged = len(node.log())
        with node.rpc() as steady:
            for line, code in (
                (b"x" * 65536, -32600),
                (b"x" * 200000, -32600),
                (b'{"id":"' + b"y" * 70000 + b'"}\n', -32600),
                (b"\0" * 70000, -32600),
            ):
                with node.rpc() as long:
                    try:
                        long.send_raw(line)
                        answer = long.receive()
                        check(answer["error"]["code"] == code and answer["id"] is None, "%s" % answer)
                        check(long.receive() is None, "it goes on after a line that is too long")
                    except ConnectionError:
                        pass  # it was closed while we were still sending
                check("result" in steady.answer("status"), "others are not served")
            for half in (b"", b"{", req(), req()[:20], b"\xff", b"x" * 60000, req() + b"\n{"):
                for way in (socket.SHUT_WR, socket.SHUT_RDWR, None):
                    with node.rpc() as client:
                        if half:
                            client.send_raw(half)
                        if way is not None:
                            client.socket.shutdown(way)
                        if way == socket.SHUT_WR:
                            last = client.receive()
                            check((last is None) == (b"\n" not in half), "%r: %s" % (half[:30], last))
                check("result" in steady.answer("status"), "others are not served")
        check(node.log()[logged:].count("\n") <= 3, "the log is flooded:\n" + node.log()[logged:])


@test
def a_hundred_connections_at_once_are_all_answered():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        logged = len(node.log())
        for _ in range(3):
            clients = [node.rpc() for _ in range(100)]
            served = refused = 0
            for client in clients:
                try:
                    client.send("status")
                except ConnectionError:
                    pass  # its refusal is there to be read
            for client in clients:
                answer = client.receive()
                served += "result" in answer
                refused += answer.get("error", {}).get("code") == -32004
            for client in clients:
                client.close()
            check(served + refused == 100 and served >= 1 and refused <= 36, "%d served, %d refused" % (served, refused))

        def is_served():
            with node.rpc() as rpc:
                return "result" in (rpc.answer("status") or {})

        wait_for("a place is free", is_served, 5 * SLOW)
        check(node.log()[logged:].count("\n") <= 3, "the log is flooded:\n" + node.log()[logged:])


main()
