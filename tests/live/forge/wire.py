"""The path between two nodes: a forwarder that sees every datagram and changes none.

`first` is told the address `front` for `second`; `second` sees datagrams come from `back`.
"""

import collections
import heapq
import itertools
import select
import socket
import threading
import time

Seen = collections.namedtuple("Seen", "at to datagram")  # to: "first" or "second"


def udp_socket():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


def free_port():
    with udp_socket() as sock:
        return sock.getsockname()[1]


class Wire:
    def __init__(self, delay_s):
        self.delay_s = delay_s
        self.front, self.back = udp_socket(), udp_socket()
        self.first, self.second = None, None  # addresses; the first is who sends to the front
        self.seen = []  # appended to by the thread alone
        self.waiting, self.order = [], itertools.count()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()
        self.front.close()
        self.back.close()

    @property
    def front_address(self):
        return "127.0.0.1:%d" % self.front.getsockname()[1]

    @property
    def back_address(self):
        return "127.0.0.1:%d" % self.back.getsockname()[1]

    def send(self, to, datagram):
        """Sends from the address under which that node knows the other one."""
        try:
            if to == "second" and self.second:
                self.back.sendto(datagram, self.second)
            elif to == "first" and self.first:
                self.front.sendto(datagram, self.first)
        except OSError:
            pass  # nobody listens there just now: lost, as on any wire

    def _receive(self, sock):
        try:
            datagram, source = sock.recvfrom(65536)
        except OSError:
            return  # the answer of a port on which nobody listens
        if sock is self.front:
            self.first = source
        to = "second" if sock is self.front else "first"
        now = time.monotonic()
        self.seen.append(Seen(now, to, datagram))
        heapq.heappush(self.waiting, (now + self.delay_s, next(self.order), to, datagram))

    def _carry(self):
        while not self.is_over.is_set():
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, to, datagram = heapq.heappop(self.waiting)
                self.send(to, datagram)
            pause = min(self.waiting[0][0] - now, 0.1) if self.waiting else 0.1
            for sock in select.select([self.front, self.back], [], [], pause)[0]:
                self._receive(sock)
