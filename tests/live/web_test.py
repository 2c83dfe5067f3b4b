"""telehash-web: metrics, health and the page over a real daemon, and what it refuses."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from mesh import Mesh, SLOW, Stopwatch, check, main, run, sanitizer, test, thctl, wait_for
from web import WEB, Web, need_web

need_web()


def three(mesh):
    nodes = mesh.grow(2)
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


def promtool(*words, text=None):
    """Nothing when there is no promtool."""
    if shutil.which("promtool") is None:
        print("        left out: promtool is not there (Debian's prometheus)")
        return
    done = subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, "promtool %s: %s %s" % (words, done.stdout, done.stderr))
    if words[1] == "metrics":
        check(done.stdout + done.stderr == "", "promtool warns: %s%s" % (done.stdout, done.stderr))


def openmetrics_families(text):
    """Read by the strict reader of Python's client library; None when that is not there."""
    sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, should this python be another one
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        print("        left out: the strict reader is not there (Debian's python3-prometheus-client)")
        return None
    finally:
        sys.path.pop()
    return {family.name: family for family in text_string_to_metric_families(text)}


NAMES = """build_info links lines state packets_total bytes_total drops_total dials_total dial_duration_seconds_bucket
dial_duration_seconds_sum dial_duration_seconds_count mailbox_depth callback_seconds_max server_restarts_total
udp_kernel_drops_total""".split()


@test
def metrics_are_read_without_a_warning_in_both_formats():
    with Mesh() as mesh:
        nodes = three(mesh)
        with Web(nodes[1].socket) as web:
            status, headers, text = web.ask("/metrics")
            check(status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", "%s" % headers)
            promtool("check", "metrics", text=text)
            wanted = "application/openmetrics-text; version=1.0.0"
            status, headers, opened = web.ask("/metrics", Accept=wanted + ", text/plain;q=0.5")
            check(status == 200 and headers["Content-Type"] == wanted + "; charset=utf-8", "%s" % headers)
            check(headers["Vary"] == "Accept", "%s" % headers)
            families = openmetrics_families(opened)
            if families is not None:
                check(families["telehash_packets"].type == "counter", "%s" % families["telehash_packets"])
                check(families["telehash_dial_duration_seconds"].unit == "seconds", "no unit")
            for body in (text, opened):
                check(body.endswith("\n# EOF\n"), "does not end in EOF")
                for name in NAMES:
                    check(re.search(r"^telehash_%s[{ ]" % name, body, re.M), "no %s in:\n%s" % (name, body))
                for node in nodes:
                    check(node.hashname[:12] not in body, "a hashname is in the metrics")
                check("telehash_links 2\n" in body and 'telehash_state{state="ready"} 1\n' in body, body)
        printed = thctl(nodes[1], "metrics")
        check(printed.returncode == 0 and printed.stdout.endswith("# EOF\n"), printed.stdout)
        promtool("check", "metrics", text=thctl(nodes[1], "metrics", "--prometheus").stdout)


def test_once(function):
    """For what is the same under the sanitizers, and long there."""
    return function if sanitizer() else test(function)


@test_once
def example_rules_and_dashboard_fit_the_metrics():
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "metrics")
    promtool("check", "rules", os.path.join(folder, "telehash.rules.yml"))
    promtool("check", "config", "--syntax-only", os.path.join(folder, "prometheus.yml"))
    promtool("test", "rules", os.path.join(folder, "telehash.rules.test.yml"))
    with open(os.path.join(folder, "telehash.rules.yml")) as file:
        rules = file.read()
    with open(os.path.join(folder, "grafana-dashboard.json")) as file:
        dashboard = json.load(file)
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    check(len(asked) >= 8, "%s" % asked)
    # What Grafana fills in, filled in, each as a rule that promtool reads.
    filled = [re.sub(r"\$__\w+", "5m", text).replace("$instance", ".*") for text in asked]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        named = [{"record": "panel_%d" % i, "expr": text} for i, text in enumerate(filled)]
        json.dump({"groups": [{"name": "panels", "rules": named}]}, file)
        file.flush()
        promtool("check", "rules", file.name)
    for text in asked + [rules]:
        for name in re.findall(r"telehash_(\w+)", text):
            check(name in NAMES + ["dials_running", "uptime_seconds"], "%s is no metric of ours" % name)


@test
def healthz_follows_the_node_and_a_daemon_that_hangs_or_ends():
    with Mesh() as mesh:
        nodes = three(mesh)
        lonely = mesh.node("lonely").start()
        with Web(lonely.socket) as web:
            status, _, body = web.ask("/healthz")
            check(status == 503 and json.loads(body)["healthy"] is False, body)
            check(json.loads(body)["reasons"], "no reason: %s" % body)
        node = nodes[1]
        with Web(node.socket) as web:
            web.wait_health(200, 10 * SLOW)
            check(json.loads(web.ask("/healthz")[2])["healthy"] is True, "not healthy")

            node.signal(signal.SIGSTOP)
            watch = Stopwatch()
            wait_for("503", lambda: web.ask("/healthz")[0] == 503, 10 * SLOW)
            status, headers, body = web.ask("/healthz")
            check(status == 503 and "does not answer" in json.loads(body)["summary"], body)
            check(headers["Retry-After"] == "1", "%s" % headers)
            check(watch.seconds() < 8 * SLOW, "it took %.1f s" % watch.seconds())
            node.signal(signal.SIGCONT)
            web.wait_health(200, 10 * SLOW)

            node.stop()
            web.wait_health(503, 5 * SLOW)
            check(web.ask("/metrics")[0] == 503 and web.api("peers")[0] == 503, "who is gone answers")
            check("no telehashd here" in web.api("status")[1]["error"], "%s" % (web.api("status"),))
            check(web.ask("/")[0] == 200, "no page")
            node.start()
            web.wait_health(200, 20 * SLOW)
            check(web.stop() == 0, "it ended badly")
            said = web.process.stderr.read().splitlines()
            check(len(said) >= 4 and len(said) % 2 == 0, "%s" % said)
            check(["answers again" in line for line in said] == [False, True] * (len(said) // 2), "%s" % said)


@test
def a_daemon_that_hangs_delays_no_other_client():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with Web(node.socket) as web:
            check(web.api("peers")[0] == 200, "no peers")
            time.sleep(1.1)  # what it has is too old then
            node.signal(signal.SIGSTOP)

            def wait():
                try:
                    web.api("peers")
                except OSError:
                    pass  # its end came first

            waiting = [threading.Thread(target=wait) for _ in range(20)]
            for thread in waiting:
                thread.start()
            watch = Stopwatch()
            for _ in range(10):
                check(web.ask("/")[0] == 200, "no page")
            took = watch.seconds()
            check(took < 2 * SLOW, "the page took %.1f s" % took)
            watch = Stopwatch()
            check(web.stop() == 0, "it ended badly")
            took = watch.seconds()
            check(took < 3 * SLOW, "who waits delays the end by %.1f s" % took)
            for thread in waiting:
                thread.join()
            node.signal(signal.SIGCONT)


@test
def a_thousand_scrapes_are_a_few_questions_for_the_daemon():
    with Mesh() as mesh:
        node = mesh.node("a").start()

        def messages():
            return next(row for row in node.call("servers") if row["name"] == "control")["messages"]

        with Web(node.socket) as web:
            web.ask("/metrics")
            before, begun = messages(), time.monotonic()
            with web.connect() as stream:
                request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
                answers = stream.makefile("rb")
                for _ in range(1000):
                    stream.sendall(request)
                    check(answers.readline() == b"HTTP/1.1 200 OK\r\n", "not 200")
                    length = 0
                    while (line := answers.readline()) != b"\r\n":
                        if line.startswith(b"Content-Length:"):
                            length = int(line.split()[1])
                    check(answers.read(length).endswith(b"# EOF\n"), "not whole")
            took = time.monotonic() - begun
            asked = messages() - before
            print("        1000 scrapes in %.1f s: %d messages to the daemon's control server" % (took, asked))
            check(asked < 20 + 20 * took, "%d messages in %.1f s" % (asked, took))


CSP = """default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';
 form-action 'none'; frame-ancestors 'none'""".replace("\n", "")


@test
def page_needs_nothing_from_elsewhere_and_forbids_it():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with Web(node.socket) as web:
            status, headers, page = web.ask("/")
            check(status == 200 and headers["Content-Type"] == "text/html; charset=utf-8", "%s" % headers)
            wanted = re.findall(r'(?:src|href)="([^"#]+)"', page)
            check({"/page.css", "/page.js", "/icon.svg"} <= set(wanted), "%s" % wanted)
            types = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
            for path in wanted:
                status, headers, text = web.ask(path)
                check(status in (200, 503), "%s: %d" % (path, status))
                kind = os.path.splitext(path)[1]
                check(kind == "" or headers["Content-Type"] == types[kind], "%s: %s" % (path, headers))
                foreign = re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s'\"]*", text)
                check(kind == "" or not foreign, "%s asks for %s" % (path, foreign))
            check("<script>" not in page and "style=" not in page and " on" not in re.sub(r">[^<]*<", "><", page), "inline")
            for path in ("/", "/page.js", "/metrics", "/healthz", "/api/peers", "/nowhere"):
                _, headers, _ = web.ask(path)
                check(headers["Content-Security-Policy"] == CSP, "%s: %s" % (path, headers))
                check(headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY", path)
                check(headers["Referrer-Policy"] == "no-referrer", path)
                check("Access-Control-Allow-Origin" not in headers, "%s lets other pages read" % path)
            check(web.ask("/", "HEAD")[2] == "", "HEAD has a body")
            for path in ("status", "health", "peers", "buckets", "servers", "drops", "metrics"):
                check(web.api(path)[0] == 200, path)


@test
def only_our_names_and_our_page_are_answered():
    with Mesh() as mesh:
        nodes = three(mesh)
        with Web(nodes[1].socket, "--host", "node.example") as web:
            port = web.port
            for host in ("localhost", "127.0.0.1", "[::1]:%d" % port, "node.example", "NODE.example:1"):
                check(web.ask("/healthz", Host=host)[0] == 200, host)
            for host in ("evil.example", "evil.example:%d" % port, "127.0.0.1.evil.example", "localhost.", ""):
                for path in ("/", "/metrics", "/api/peers"):
                    check(web.ask(path, Host=host)[0] == 421, host)
                check(web.seek(nodes[2].hashname, Host=host)[0] == 421, host)
            check(web.ask("/", Host=None)[0] == 400, "without Host")

            for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example"):
                check(web.seek(nodes[2].hashname, Origin=origin)[0] == 403, origin)
            check(web.seek(nodes[2].hashname, Sec_Fetch_Site="cross-site")[0] == 403, "cross-site")
            # What a form of another page can send without asking.
            for kind in (None, "text/plain", "application/x-www-form-urlencoded"):
                check(web.seek(nodes[2].hashname, Content_Type=kind)[0] == 415, "%s" % kind)
            status, _, body = web.seek(nodes[2].hashname, Origin="http://127.0.0.1:%d" % port, Sec_Fetch_Site="same-origin")
            check(status == 200 and json.loads(body)["found"] is True, body)


@test
def wrong_requests_are_refused_and_harm_nobody():
    with Mesh() as mesh:
        nodes = three(mesh)
        with Web(nodes[1].socket) as web:
            check(web.ask("/api/seek")[0] == 405 and web.ask("/api/seek")[1]["Allow"] == "POST", "GET seeks")
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
                status, headers, _ = web.ask("/api/peers", method, body=b"")
                check(status == 405 and headers["Allow"] == "GET, HEAD", method)
            for path in ("/nowhere", "/api/", "/api/stop", "/api/reload", "/..", "/../../etc/passwd", "/page.js/", "//"):
                check(web.ask(path)[0] == 404, path)
            for body in (b"", b"{", b"[]", b'{"hashname": 1}', b'{"hashname": "xyz"}', b"\xff\xfe"):
                check(web.seek(body)[0] == 400, "%s" % body)
            check(web.seek(b'{"hashname": "' + b"0" * 5000 + b'"}')[0] == 413, "5,000 bytes")
            time.sleep(1)  # tokens for the next one
            error = web.seek(next(digit for digit in "0123456789abcdef" if digit not in [node.hashname[0] for node in nodes]))
            check(error[0] == 422 and "no peer begins like that" in error[2], "%s" % (error,))
            for head in (b"x" * 20000, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 20000, b"\0\1\2\r\n\r\n"):
                with web.connect() as stream:
                    try:
                        stream.sendall(head + b"\r\n\r\n")
                        stream.shutdown(socket.SHUT_WR)
                        check(not stream.recv(65536).startswith(b"HTTP/1.1 200"), "%s" % head[:20])
                    except OSError as error:  # it has closed already, also before we said that we end
                        check(not isinstance(error, TimeoutError), "nothing is said to %s" % head[:20])
            check(web.ask("/")[0] == 200, "no page")


@test
def lookups_are_bounded_below_what_the_daemon_allows():
    with Mesh() as mesh:
        nodes = three(mesh)
        with Web(nodes[1].socket) as web:
            answers, begun = [], time.monotonic()
            crowd = [threading.Thread(target=lambda: answers.extend(web.seek(nodes[2].hashname) for _ in range(6))) for _ in range(8)]
            for thread in crowd:
                thread.start()
            for thread in crowd:
                thread.join()
            codes = [status for status, _, _ in answers]
            may_be = 5 + 5 * (time.monotonic() - begun) + 1
            check(len(codes) == 48 and set(codes) <= {200, 429} and 5 <= codes.count(200) <= may_be, "%s" % codes)
            check(all(headers["Retry-After"] == "1" for status, headers, _ in answers if status == 429), "no Retry-After")
            check(nodes[1].call("seek", {"hashname": nodes[2].hashname})["found"], "none is left for thctl")


@test
def connections_are_bounded_and_places_come_back():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with Web(node.socket) as web:
            check(web.ask("/")[0] == 200, "no page")
            crowd = [web.connect() for _ in range(80)]
            served = 0
            for stream in crowd:
                stream.settimeout(10 * SLOW)
                try:
                    stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    served += stream.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 503")
                except OSError:
                    pass
            check(40 <= served <= 48, "%d of 80 served" % served)  # of one address
            with open("/proc/%d/status" % web.process.pid) as file:
                threads = int(re.search(r"Threads:\s+(\d+)", file.read()).group(1))
            check(threads <= 64 + 6, "%d threads" % threads)
            for stream in crowd:
                stream.close()

            def is_served():
                try:
                    return web.ask("/")[0] == 200
                except OSError:
                    return False

            wait_for("a place is free again", is_served, 5 * SLOW)


class UnixStream:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect(path)

    def ask(self, path):
        self.socket.sendall(b"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n" % path.encode())
        with self.socket, self.socket.makefile("rb") as file:
            return file.read()


@test
def a_unix_socket_is_private_to_its_group_and_a_stale_one_replaced():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        path = os.path.join(mesh.folder, "web.sock")
        with Web(node.socket, listen="unix:" + path) as web:
            check(os.stat(path).st_mode & 0o777 == 0o660, "mode %o" % os.stat(path).st_mode)
            check(UnixStream(path).ask("/page.js").startswith(b"HTTP/1.1 200"), "no page")
            second = run([WEB, "--listen", "unix:" + path, "--socket", node.socket])
            check(second.returncode == 1 and "somebody listens there" in second.stderr, "%s" % second)
            web.process.kill()  # and leaves its socket
            web.process.wait()
        with Web(node.socket, listen="unix:" + path) as web:
            check(UnixStream(path).ask("/page.js").startswith(b"HTTP/1.1 200"), "no page")
            check(web.stop() == 0 and not os.path.exists(path), "its socket is left behind")
        with open(path, "w") as file:
            file.write("mine")
        third = run([WEB, "--listen", "unix:" + path, "--socket", node.socket])
        check(third.returncode == 2 and "no socket" in third.stderr, "%s" % third)


@test_once
def wrong_flags_are_one_line_and_a_port_in_use_is_another_code():
    rows = [
        (["--lissten", "127.0.0.1:0"], "--lissten: unknown flag"),
        (["stray"], "stray: unknown flag"),
        (["--listen"], "--listen: a value is missing"),
        (["--listen", "example.org:80"], "is no ADDR:PORT"),
        (["--listen=127.0.0.1"], "is no ADDR:PORT"),
        (["--listen", "unix:"], "a path is missing"),
        (["--listen", "unix:/" + "x" * 200], "at most 107 bytes"),
        (["--host", "a b"], "is no name of a host"),
        (["--host="], "is no name of a host"),
        (["--socket", "/" + "x" * 200], "107"),
        (["--host=a"] * 17, "no more than 16 names"),
    ]
    for words, wanted in rows:
        done = run([WEB, *words])
        check(done.returncode == 2 and done.stdout == "", "%s: %s" % (words, done))
        check(wanted in done.stderr and done.stderr.count("\n") == 1, "%s: %s" % (words, done.stderr))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = "127.0.0.1:%d" % taken.getsockname()[1]
        done = run([WEB, "--listen", where])
        check(done.returncode == 1 and where + ": Address already in use" in done.stderr, "%s" % done)
    check(run([WEB, "--help"]).returncode == 0 and run([WEB, "--version"]).stdout.startswith("telehash-web "), "help")


@test
def ends_on_sigterm_and_sigint():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Web("/nowhere/telehashd.sock") as web:
            with web.connect():
                web.process.send_signal(number)
                check(web.process.wait(5 * SLOW) == 0, "ended with %d" % web.process.returncode)


main()
