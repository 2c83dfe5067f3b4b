"""What the tests of telehash-web share: the program beside a node, and requests as they are on the wire."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess

from mesh import BUILD, END_S, SLOW, check, skip, wait_for

WEB = os.path.join(BUILD, "telehash-web")


def need_web():
    if not os.path.exists(WEB):
        skip("telehash-web was not built: libmicrohttpd is not there")


class Web:
    """A telehash-web on a free port, for the control socket of a node."""

    def __init__(self, socket_path, *flags, listen="127.0.0.1:0"):
        self.process = subprocess.Popen(
            [WEB, "--socket", socket_path, "--listen", listen, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        head = self.process.stdout.readline() + self.process.stdout.readline()
        check(head, "it ended: %s" % (self.process.stderr.read() if not head else ""))
        found = re.search(r"http://(127\.0\.0\.1|\[::1\]):(\d+)/", head)
        self.port = int(found.group(2)) if found else 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20 * SLOW)

    def ask(self, path, method="GET", body=None, timeout=None, **headers):
        """The status, the headers and the body. A header is named with _ for -; one that is None is not sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout or 20 * SLOW)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            headers.setdefault("Host", "127.0.0.1:%d" % self.port)
            if body is not None:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def api(self, what):
        status, _, body = self.ask("/api/" + what)
        return status, json.loads(body)

    def seek(self, hashname, **headers):
        headers.setdefault("Content_Type", "application/json")
        body = hashname if isinstance(hashname, bytes) else json.dumps({"hashname": hashname}).encode()
        return self.ask("/api/seek", "POST", body, timeout=30 * SLOW, **headers)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S * SLOW)

    def wait_health(self, status, seconds):
        wait_for("/healthz %d" % status, lambda: self.ask("/healthz")[0] == status, seconds)
