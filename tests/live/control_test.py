"""The control socket: every method's shape, who may what, and clients that behave badly."""

import grp
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
import time

from mesh import Mesh, Rpc, SLOW, Stopwatch, THCTL, check, main, test, thctl, wait_for

NUMBER = (int, float)
TEXT = str
LIST = list


def shape(value, **keys):
    """Each key is there and of its type; a type in a tuple with None may be null."""
    for key, kind in keys.items():
        check(key in value, "no %s in %s" % (key, value))
        kinds = kind if isinstance(kind, tuple) else (kind,)
        found = value[key]
        good = (found is None and None in kinds) or (
            found is not None
            and isinstance(found, tuple(k for k in kinds if k))
            and not (isinstance(found, bool) and bool not in kinds)
        )
        check(good, "%s is %r" % (key, found))


def three(mesh):
    nodes = mesh.grow(2)
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


# A10, A11
@test
def every_method_answers_in_its_shape():
    with Mesh() as mesh:
        seed, node, other = three(mesh)
        with node.rpc() as rpc:
            status = rpc.call("status")
            shape(status, hashname=TEXT, state=TEXT, links=int, lines=int, uptime_ms=int, listen=LIST)
            shape(status, mapped=(TEXT, None), control=dict)
            shape(status, advertised=LIST, observed=LIST, addresses=LIST, warnings=LIST, version=TEXT)
            check(status["listen"] == status["addresses"], "loopback alone must be offered: %s" % status)
            health = rpc.call("health")
            shape(health, alive=bool, healthy=bool, summary=TEXT, state=(TEXT, None), state_ms=(int, None))
            shape(health, links=(int, None), links_heard=(int, None), heard_ms_ago=(int, None))
            shape(health, recent_dials=(int, None), recent_dials_failed=(int, None), reasons=LIST)
            doctor = rpc.call("doctor")
            shape(doctor, version=TEXT, pid=int, owner=TEXT, group=TEXT, socket=TEXT, checks=LIST, checks_left_out=int)
            for check_row in doctor["checks"]:
                shape(check_row, check=TEXT, verdict=TEXT, text=TEXT, next=(TEXT, None))
                check(check_row["verdict"] in ("ok", "warn", "bad", "unknown"), "%s" % check_row)
            reach = rpc.call("reach")
            shape(reach, families=LIST, port_map=dict, relayed_lines=int, bridged_lines=int, asked=int)
            for family in reach["families"]:
                shape(family, family=TEXT, verdict=TEXT, nat=(TEXT, None), by_strangers=(bool, None), text=TEXT)
                shape(family, next=TEXT, listen=LIST, mapped=(TEXT, None), ports_preserved=(bool, None), seen=LIST)
                shape(family, stranger=(dict, None), direct_lines=int)
            wait_for("somebody sees it", lambda: rpc.call("reach")["families"][0]["seen"], 10 * SLOW)
            peers = rpc.call("peers")
            check({peer["hashname"] for peer in peers} == {seed.hashname, other.hashname}, "%s" % peers)
            for peer in peers:
                shape(peer, hashname=TEXT, line=bool, link=bool, direction=TEXT, seed=bool, bucket=int, csid=TEXT)
                shape(peer, path=TEXT, rtt_ms=(int, None), first_seen_ms_ago=int, line_age_ms=int)
                shape(peer, last_rx_ms_ago=int, mtu=int)
                shape(peer, rx_bytes=int, tx_bytes=int, rx_packets=int, tx_packets=int)
            for bucket in rpc.call("buckets"):
                shape(bucket, bucket=int, links=int, spares=int, refreshed_ms_ago=(int, None))
            for line in rpc.call("lines"):
                shape(line, hashname=TEXT, up=bool, pending=bool, csid=TEXT, path=TEXT, channels=int, mtu=int)
            names = set()
            for server in rpc.call("servers"):
                names.add(server["name"])
                shape(server, name=TEXT, state=TEXT, doing=(TEXT, None), doing_ms=(int, None), thread=TEXT)
                shape(server, mailbox=int, mailbox_peak=int, mailbox_max=int, refused=int, messages=int)
                shape(server, longest_callback_us=(int, None), longest_callback=(TEXT, None), restarts=int)
            check({"switch", "router", "dialer", "bootstrap", "control", "events"} <= names, "%s" % names)
            metrics = rpc.call("metrics")
            shape(metrics, version=TEXT, links=int, lines=int, states=LIST, uptime_ms=int, packets=LIST, bytes=LIST)
            shape(metrics, drops=LIST, dials=LIST, dials_running=int, dial_duration=dict, servers=LIST)
            shape(metrics, udp_kernel_drops=(int, None))
            check(metrics["lines"] == 2 and {"state": "ready", "now": True} in metrics["states"], "%s" % metrics)
            seek = rpc.call("seek", {"hashname": "0" * 64})
            shape(seek, target=TEXT, found=bool, took_ms=int, asked=int, hops=(int, None), steps=LIST, closest=LIST, ways=LIST)
            check(not seek["found"] and seek["asked"] == 2 and len(seek["closest"]) == 2, "%s" % seek)
            for step in seek["steps"]:
                shape(step, asked=TEXT, answered=bool, rtt_ms=(int, None), entries=(int, None), via=(TEXT, None))
            ping = rpc.call("ping", {"hashname": other.hashname, "count": 3, "interval_ms": 100})
            shape(ping, hashname=TEXT, path=TEXT, probe=TEXT, sent=int, received=int, lost=int, rtt_ms=LIST)
            shape(ping, min_ms=float, avg_ms=float, max_ms=float)
            check(ping["received"] == 3 and len(ping["rtt_ms"]) == 3 and ping["lost"] == 0, "%s" % ping)
            check(0 < ping["min_ms"] <= ping["avg_ms"] <= ping["max_ms"], "%s" % ping)
            connect = rpc.call("connect", {"hashname": other.hashname})
            shape(connect, hashname=TEXT, result=TEXT, path=TEXT, took_ms=int, ways=LIST)
            check(connect["result"] == "reached", "%s" % connect)
            entry = rpc.call("seeds.export")
            shape(entry[node.hashname], paths=LIST, parts=dict, keys=dict)
            methods = {method["name"] for method in rpc.call("methods")}
            check({"status", "seek", "ping", "stop", "seeds.export"} <= methods, "%s" % methods)


@test
def a_node_alone_says_null_where_it_knows_nothing():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            wait_for("it is alone", lambda: rpc.call("status")["state"] == "alone", 10 * SLOW)
            check(rpc.call("peers") == [] and rpc.call("lines") == [], "peers out of nowhere")
            seek = rpc.call("seek", {"hashname": "ab" * 32})
            check(seek["found"] is False and seek["hops"] is None and seek["steps"] == [], "%s" % seek)
            ping = rpc.call("ping", {"hashname": "ab" * 32, "timeout_ms": 500})
            check(ping["received"] == 0 and ping["min_ms"] is None and ping["path"] is None, "%s" % ping)
            connect = rpc.call("connect", {"hashname": "ab" * 32, "timeout_ms": 500})
            check(connect["result"] == "not_found" and connect["path"] is None, "%s" % connect)


@test
def prefixes_name_peers_and_only_one():
    with Mesh() as mesh:
        nodes = mesh.grow(9)
        mesh.wait_ready(nodes, 5 * SLOW)
        node = nodes[1]
        peer = next(iter(node.links()))
        with node.rpc() as rpc:
            check(rpc.call("ping", {"hashname": peer[:16].upper(), "count": 1})["hashname"] == peer, "a prefix")

            names = sorted(node.links())
            twins = [a[:1] for a, b in zip(names, names[1:]) if a[0] == b[0]]
            if twins:
                error = rpc.answer("connect", {"hashname": twins[0]})["error"]
                check(error["code"] == -32002 and len(error["data"]["candidates"]) >= 2, "%s" % error)
            free = next(d for d in ("%04x" % n for n in range(65536)) if not any(n.startswith(d) for n in names))
            error = rpc.answer("connect", {"hashname": free})["error"]
            check(error["code"] == -32002 and error["data"]["candidates"] == [], "%s" % error)
            for wrong in ("", "xyz", "a" * 65, None, 7):
                check(rpc.answer("connect", {"hashname": wrong})["error"]["code"] == -32602, "%r" % wrong)
            check(rpc.answer("ping", {"hashname": node.hashname})["error"]["code"] == -32602, "ourselves")


@test
def mistakes_are_answered_with_the_codes_of_json_rpc():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            for line, code in (
                (b"nonsense\n", -32700),
                (b"[]\n", -32600),
                (b'{"id":1,"method":"status"}\n', -32600),
                (b'{"jsonrpc":"2.0","id":[],"method":"status"}\n', -32600),
                (b'{"jsonrpc":"2.0","id":1}\n', -32600),
                (b'{"jsonrpc":"2.0","id":1,"method":"status","params":[1]}\n', -32600),
                (b'{"jsonrpc":"2.0","id":"x","method":"fly"}\n', -32601),
                (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"hashname":"ab","count":0}}\n', -32002),
            ):
                rpc.send_raw(line)
                answer = rpc.receive()
                check(answer["error"]["code"] == code, "%s: %s" % (line, answer))
            error = rpc.answer("fly")["error"]
            check(error["data"]["version"] == rpc.call("status")["version"], "%s" % error)
            # Without an id nothing is answered; the next answer is the next request's.
            rpc.send_raw(b'{"jsonrpc":"2.0","method":"status"}\n\n')
            check("result" in rpc.answer("methods"), "a notification was answered")


@test
def many_requests_in_one_piece_are_all_answered():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            ids = {rpc.send("status") for _ in range(200)}
            while ids:
                answer = rpc.receive()
                check("result" in answer, "%s" % answer)
                ids.remove(answer["id"])


@test
def the_last_answer_comes_also_when_the_client_has_closed_its_half():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            rpc.send("status")
            rpc.socket.shutdown(socket.SHUT_WR)
            check("result" in rpc.receive(), "no answer")
            check(rpc.receive() is None, "it was not closed")


@test
def probes_are_ten_a_second_and_thctl_waits_for_its_turn():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as rpc:
            begun = time.monotonic()
            for _ in range(40):  # in one piece, so that they come faster than ten a second
                rpc.send("seek", {"hashname": "ab" * 32})
            answers = [rpc.receive() for _ in range(40)]
            took = time.monotonic() - begun
            busy = [answer for answer in answers if answer.get("error", {}).get("code") == -32004]
            check(40 - (10 + 10 * took + 1) <= len(busy) <= 30, "%d of 40 in %.1f s were too many" % (len(busy), took))
        result = thctl(node, "--json", "seek", "ab" * 32)
        check(result.returncode == 1 and json.loads(result.stdout)["found"] is False, result.stderr)


@test
def drops_are_counted_by_reason_and_by_the_server_that_dropped():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        check(node.call("drops") == [], "%s" % node.call("drops"))
        host, port = node.call("status")["listen"][0].rsplit(":", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(3):
                stranger.sendto(b"\x00\xff nonsense", (host, int(port)))
        rows = wait_for("three are counted", lambda: sum(row["count"] for row in node.call("drops")) == 3 and node.call("drops"), 5 * SLOW)
        for row in rows:
            shape(row, reason=TEXT, count=int, meaning=TEXT, server=TEXT)
        check({row["server"] for row in rows} == {"switch"}, "%s" % rows)

        every = node.call("drops", {"all": True})
        never = [row for row in every if row["count"] == 0]
        check([row for row in every if row["count"]] == rows == node.call("drops", {"all": False}), "%s" % every)
        check(len(never) > 20 and all(row["server"] is None and row["meaning"] for row in never), "%s" % never)
        check(len({row["reason"] for row in every}) == len(every), "a reason is there twice")

        text, whole = thctl(node, "drops"), thctl(node, "drops", "--all")
        check(text.returncode == 0 and rows[0]["reason"] in text.stdout and never[0]["reason"] not in text.stdout, "%s" % text)
        check(whole.returncode == 0 and all(row["reason"] in whole.stdout for row in every), "%s" % whole)
        check(json.loads(thctl(node, "--json", "drops").stdout) == rows, "--json is not the result")
        check(json.loads(thctl(node, "--json", "drops", "--all").stdout) == every, "--json is not the result")


def as_nobody(action):
    """Runs action in a process of another user, in our group. Returns what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(os.getgid())
            os.setuid(65534)
            os.write(writing, json.dumps(action()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)


NOBODY = ["setpriv", "--reuid=65534", "--regid=%d" % os.getgid(), "--clear-groups"]

# Connects 80 times, says how many are answered, and stays until its input ends.
CROWD = """
import socket, sys
clients, served = [], 0
for _ in range(80):
    client = socket.socket(socket.AF_UNIX)
    client.connect(sys.argv[1])
    clients.append(client)
    try:
        client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"methods"}\\n')
        served += b'"result"' in client.recv(1 << 20)
    except OSError:
        pass
print(served, flush=True)
sys.stdin.read()
"""


def thctl_as(user, node, *words):
    return subprocess.run(
        user + [THCTL, "--socket", node.socket, *words], capture_output=True, text=True, timeout=30 * SLOW, check=False
    )


@test
def the_group_may_look_and_probe_but_not_steer():
    if os.getuid() != 0:
        print("        (needs root to be somebody else: left out)")
        return
    with Mesh() as mesh:
        node = mesh.node("a").start()
        os.chmod(mesh.folder, 0o711)
        os.chown(node.socket, 0, os.getgid())

        def look():
            with Rpc(node.socket) as rpc:
                return [
                    rpc.answer("status"),
                    rpc.answer("seek", {"hashname": "ab" * 32}),
                    rpc.answer("stop"),
                    rpc.answer("connect", {"hashname": "ab" * 32}),
                ]

        status, seek, stop, connect = as_nobody(look)
        check("result" in status and "result" in seek, "%s %s" % (status, seek))
        for refused in (stop, connect):
            error = refused["error"]
            check(error["code"] == -32001 and error["data"] == {"group": "root", "owner": "root"}, "%s" % refused)
        check(node.call("status")["hashname"] == node.hashname, "it stopped")
        check(node.call("status")["control"]["not_permitted"] == 2, "not counted")


@test
def every_change_needs_the_owner_and_every_look_does_not():
    if os.getuid() != 0:
        print("        (needs root to be somebody else: left out)")
        return
    with Mesh() as mesh:
        node = mesh.node("a").start()
        os.chmod(mesh.folder, 0o711)
        methods = node.call("methods")

        def try_all():
            codes = {}
            for method in methods:
                with Rpc(node.socket) as rpc:
                    answer = rpc.answer(method["name"], {"hashname": "ab" * 32, "server": "router"})
                    codes[method["name"]] = answer.get("error", {}).get("code")
            return codes

        codes = as_nobody(try_all)
        changes = {"connect", "stop", "server.trace", "server.suspend", "server.resume", "server.restart"}
        for method in methods:
            is_refused = codes[method["name"]] == -32001
            check(is_refused == (method["access"] == "admin"), "%s: %s" % (method, codes[method["name"]]))
            if is_refused:
                changes.discard(method["name"])
        check(not changes, "these are for everybody: %s" % changes)


@test
def probes_are_ten_a_second_for_all_together():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as one, node.rpc() as two:
            begun = time.monotonic()
            for _ in range(30):
                one.send("seek", {"hashname": "ab" * 32})
                two.send("seek", {"hashname": "cd" * 32})
            answers = [one.receive() for _ in range(30)] + [two.receive() for _ in range(30)]
            took = time.monotonic() - begun
            busy = [a["error"]["code"] for a in answers if "error" in a]
            check(set(busy) == {-32004} and 60 - len(busy) <= 10 + 10 * took + 1, "%d in %.1f s" % (60 - len(busy), took))
            check(one.call("status")["control"]["probes_refused"] == len(busy), "not counted")


@test
def thctl_says_which_group_to_join_and_whose_rights_are_needed():
    if os.getuid() != 0:
        print("        (needs root to be somebody else: left out)")
        return
    with Mesh() as mesh:
        node = mesh.node("a").start()
        os.chmod(mesh.folder, 0o711)

        def as_other(*words, groups="--clear-groups"):
            return thctl_as(["setpriv", "--reuid=65534", "--regid=65534", groups], node, *words)

        os.chown(node.socket, 0, grp.getgrnam("adm").gr_gid)
        check(stat.S_IMODE(os.stat(node.socket).st_mode) == 0o660, "its mode")
        outside = as_other("status")
        check(outside.returncode == 1 and outside.stdout == "", "%s" % outside)
        check("(no permission; join the group adm, or be root)" in outside.stderr, outside.stderr)
        inside = as_other("status", groups="--groups=adm")
        check(inside.returncode == 0 and node.hashname in inside.stdout, "%s" % inside)
        change = as_other("stop", groups="--groups=adm")
        check(change.returncode == 1 and "; be root (the group " in change.stderr, "%s" % change)
        os.chmod(mesh.folder, 0o700)
        private = as_other("status")
        check("(no permission; be root)" in private.stderr, private.stderr)


@test
def others_leave_places_for_the_owner():
    if os.getuid() != 0:
        print("        (needs root to be somebody else: left out)")
        return
    with Mesh() as mesh:
        node = mesh.node("a").start()
        os.chmod(mesh.folder, 0o711)

        crowd = subprocess.Popen(
            NOBODY + [sys.executable, "-c", CROWD, node.socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        served = int(crowd.stdout.readline())
        check(served == 56, "%d of 80 others are served" % served)
        status = thctl(node, "--json", "status")
        control = json.loads(status.stdout)["control"]
        check(control["clients"] == 57 and control["refused"] == 24, "%s" % control)
        outside = thctl_as(NOBODY, node, "status")
        check(outside.returncode == 1 and "56 clients are connected already" in outside.stderr, "%s" % outside)
        crowd.stdin.close()
        check(crowd.wait(30 * SLOW) == 0, "the crowd failed")


# D1, D3
@test
def clients_that_vanish_or_send_too_much_harm_nobody():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as steady:
            for _ in range(300):
                node.rpc().close()
            for _ in range(50):
                client = node.rpc()
                client.send("seek", {"hashname": "ab" * 32})
                client.send("status")
                client.close()
            for _ in range(10):
                client = node.rpc()
                client.send_raw(b'{"jsonrpc":"2.0","id":1,"meth')
                client.close()
            with node.rpc() as long:
                try:
                    long.send_raw(b"x" * 70000)
                    check(long.receive()["error"]["code"] == -32600, "an endless line was not refused")
                    check(long.receive() is None, "and goes on")
                except OSError:
                    pass  # it was closed while we were still sending
            check("result" in steady.answer("status"), "others were disturbed")


@test
def a_client_that_does_not_read_is_not_read_either():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as greedy:
            greedy.socket.settimeout(0.5)
            sent = 0
            request = b'{"jsonrpc":"2.0","id":1,"method":"methods"}\n'
            try:
                while sent < 200000:
                    greedy.send_raw(request * 100)
                    sent += 100
            except OSError:
                pass
            check(sent < 200000, "it took requests without end")
            check(node.call("status")["hashname"] == node.hashname, "others were disturbed")
            with open("/proc/%d/status" % node.process.pid) as status:
                peak = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
            check(peak < 64 * 1024 * (8 if SLOW > 1 else 1), "%d kB" % peak)


@test
def sixty_four_clients_are_served_and_one_more_is_told():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        clients = [node.rpc() for _ in range(64)]
        for client in clients:
            check("result" in client.answer("status"), "one of 64 is not served")
        extra = node.rpc()
        answer = extra.receive()
        check(answer["error"]["code"] == -32004 and extra.receive() is None, "%s" % answer)
        extra.close()
        clients.pop().close()

        def is_served():
            with node.rpc() as rpc:
                try:
                    return "result" in (rpc.answer("status") or {})
                except OSError:
                    return False

        wait_for("a place is free again", is_served, 5 * SLOW)
        for client in clients:
            client.close()


# D2
@test
def without_file_descriptors_clients_wait_and_those_connected_are_served():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        pid = node.process.pid
        steady = node.rpc()
        check("result" in steady.answer("status"), "not served")
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = max(int(fd) for fd in os.listdir("/proc/%d/fd" % pid)) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))

        waiting = [node.rpc() for _ in range(3)]
        for client in waiting:
            client.send("status")
        warned = wait_for(
            "the failed accept is told",
            lambda: [w for w in steady.call("status")["warnings"] if "file descriptor" in w],
            5 * SLOW,
        )
        check(len(warned) == 1, "%s" % warned)

        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for client in waiting:
            check("result" in client.receive(), "one that waited was not served")
            client.close()
        steady.close()
        check(node.log().count("WARN  control: paused") == 1, node.log())


# D1, D2, D3
@test
def a_thousand_clients_at_once_with_64_descriptors_stop_nothing():
    with Mesh() as mesh:
        other = mesh.node("other").start()
        limits = ("prlimit", "--nofile=64:64")
        node = mesh.node("few").start("--seeds", other.export_seeds(), wrapper=limits)
        mesh.wait_ready([node], 10 * SLOW)
        pid = node.process.pid
        steady = [node.rpc() for _ in range(3)]

        def crowd():
            """Clients that connect and drop: at once, after half a request, or with an answer on its way."""
            clients = []
            n = 0
            while n < 1000 or not is_enough.is_set():
                n += 1
                client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                client.settimeout(30 * SLOW)
                clients.append(client)
                try:
                    client.connect(node.socket)
                    if n % 3:
                        client.send(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n'[: n % 50])
                except OSError:
                    pass
                if len(clients) == 100:
                    for one in clients:
                        one.close()
                    clients = []

            crowds.append(n)

        crowds, is_enough = [], threading.Event()
        noise = [threading.Thread(target=crowd) for _ in range(2)]
        for thread in noise:
            thread.start()
        pings = asked = 0
        while any(thread.is_alive() for thread in noise):
            for one in steady:
                check("result" in one.answer("status"), "a client that it had is not served")
                asked += 1
            ping = other.call("ping", {"hashname": node.hashname, "count": 3, "interval_ms": 100, "wait_ms": 10000})
            check(ping["received"] == 3, "UDP is not answered: %s" % ping)
            pings += ping["received"]
            if pings >= 30:
                is_enough.set()
        for thread in noise:
            thread.join()
        check(asked and pings, "nothing was asked meanwhile")

        with node.rpc() as new:
            check("result" in new.answer("status"), "a new client is not served")

        def is_over():
            text = node.log()
            return 0 < text.count("control: paused") == text.count("control: recovered") and text

        quiet = wait_for("trouble is over", is_over, 20 * SLOW)
        # Between two crowds there may be calm for long enough, when few of the clients get a turn.
        check(quiet.count("control: paused") <= 3, quiet)
        control = steady[0].call("status")["control"]
        check("not_saved" not in quiet, "clients took the descriptors of others: %s" % quiet)
        check(control["accept_failures"] > 0 and control["clients"] <= 4, "%s" % control)
        check(not [w for w in steady[0].call("status")["warnings"] if "descriptor" in w], "it still warns")
        check(node.process.pid == pid and node.process.poll() is None, "it is another one")
        print("        %d clients came and went; meanwhile %d requests and %d pings were answered; %s"
              % (sum(crowds), asked, pings, quiet[quiet.index("control: recovered"):].splitlines()[0]))
        for one in steady:
            one.close()


# D1, D3
@test
def ten_megabytes_without_an_end_are_refused_early_and_cost_no_memory():
    with Mesh() as mesh:
        node = mesh.node("a").start()

        def resident():
            with open("/proc/%d/status" % node.process.pid) as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

        with node.rpc() as steady:
            steady.call("status")
            before, sent = resident(), 0
            for _ in range(8):
                with node.rpc() as long:
                    try:
                        for _ in range(160):
                            long.send_raw(b"x" * 65536)
                            sent += 65536
                    except OSError:
                        pass  # it let us go
                    try:
                        check(long.receive()["error"]["code"] == -32600, "not refused")
                    except OSError:
                        pass
            check(sent < 8 * 10 * 1024 * 1024, "it took all of it")
            check(resident() - before < 4096 * (8 if SLOW > 1 else 1), "%d kB more" % (resident() - before))
            check(steady.call("status")["control"]["lines_too_long"] == 8, "not counted")


# A11
@test
def thctl_names_what_it_tried_and_ends_with_the_right_code():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        nowhere = mesh.node("nowhere")

        gone = thctl(nowhere, "status")
        check(gone.returncode == 1 and nowhere.socket in gone.stderr, gone.stderr)
        for words in ((), ("fly",), ("seek",), ("seek", "xyz"), ("status", "more"), ("--what",), ("ping", "ab", "-c", "x")):
            result = thctl(node, *words)
            check(result.returncode == 2 and result.stderr and not result.stdout, "%s: %s" % (words, result))
        unknown = thctl(node, "ping", "abcd")
        check(unknown.returncode == 1 and "abcd" not in unknown.stdout, "%s" % unknown)
        missing = thctl(node, "seek", "ab" * 32)
        check(missing.returncode == 1 and "not found" in missing.stdout, "%s" % missing)
        helped = thctl(node, "help")
        check(helped.returncode == 0 and "seeds export" in helped.stdout and not helped.stderr, helped.stderr)
        export = thctl(node, "seeds", "export")
        check(json.loads(export.stdout).keys() == {node.hashname} and "private" in export.stderr, "%s" % export)
        for command in ("status", "peers", "buckets", "lines", "servers"):
            text, value = thctl(node, command), thctl(node, "--json", command)
            check(text.returncode == 0 and "\033" not in text.stdout and text.stdout, "%s" % text)
            check(json.loads(value.stdout) is not None and value.stdout.count("\n") == 1, "%s" % value)


@test
def a_daemon_that_hangs_is_named_with_its_pid():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        node.signal(19)  # SIGSTOP
        watch = Stopwatch()
        result = thctl(node, "--timeout", "0.5", "status")
        took = watch.seconds()
        node.signal(18)  # SIGCONT
        check(result.returncode == 1 and took < 5 * SLOW, "after %.1f s" % took)
        check("telehashd does not answer (pid %d); see its log" % node.process.pid in result.stderr, result.stderr)


main()
