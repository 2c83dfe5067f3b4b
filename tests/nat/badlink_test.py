"""The bad cable of the laboratory does what it is told, no more and no less.

What is lost, doubled or late depends on TH_SEED (1) alone, so these tests end the same way each time;
only what they say of times is measured.
"""

import socket
import threading
import time

import lab
from lab import Lab, check, socket_in
from mesh import SLOW, main, test, wait_for

COUNT = 2000
SIZE = 1000
SO_RCVBUFFORCE = 33  # Python has no name for it


def send_numbered(out, to, numbers, spacing_s=0.0):
    """Datagrams with a number and when they were sent."""
    begun = time.monotonic()
    for i, number in enumerate(numbers):
        out.sendto(b"%d %.6f " % (number, time.monotonic()) + b"." * SIZE, to)
        if spacing_s:
            time.sleep(max(0, begun + (i + 1) * spacing_s - time.monotonic()))


class Receiver:
    """Takes what arrives while others send: [(number, seconds on the way)]."""

    def __init__(self, into, quiet_s):
        self.into = into
        self.quiet_s = quiet_s  # it ends when nothing came for so long after the last was sent
        self.got = []
        self.is_over = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        self.into.settimeout(self.quiet_s)
        while True:
            try:
                number, sent_at = self.into.recv(2048).split()[:2]
                self.got.append((int(number), time.monotonic() - float(sent_at)))
            except socket.timeout:
                if self.is_over:
                    return

    def all(self):
        self.is_over = True
        self.thread.join()
        return self.got


class Pipe:
    """Two sockets at the ends of a bad cable, and what came over it."""

    def __init__(self, mesh, faults):
        self.host = mesh.host("host", faults=faults)
        self.inner = socket_in("host", "0.0.0.0", 1000)
        self.outer = socket_in(None, "198.18.0.1", 1000)
        for end in (self.inner, self.outer):
            end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inner.close()
        self.outer.close()

    def out(self, count=COUNT, spacing_s=0.0005, window=None):
        """From the host to the internet, with no more on the way at once than the window."""
        receiver = Receiver(self.outer, 0.3 * SLOW)
        try:
            for first in range(0, count, window or count):
                numbers = range(first, min(count, first + (window or count)))
                send_numbered(self.inner, ("198.18.0.1", 1000), numbers, spacing_s)
                if window:
                    wait_for("all until now", lambda: len(receiver.got) >= numbers.stop, 10 * SLOW)
        finally:
            got = receiver.all()
        return got


def middle(values):
    return sorted(values)[len(values) // 2]


@test
def good_cable_brings_all_in_order():
    with Lab() as mesh, Pipe(mesh, {}) as pipe:
        got = pipe.out()
        check([number for number, _ in got] == list(range(COUNT)), "%d came" % len(got))
        check(middle([s for _, s in got]) < 0.01 * SLOW, "slow: %.4f s" % middle([s for _, s in got]))


@test
def share_that_is_told_is_lost_in_each_direction():
    with Lab() as mesh, Pipe(mesh, {}) as pipe:
        pipe.host.link.set(">", loss=5)
        got = pipe.out()
        # 5 % of 2,000 are 100, and four times their standard deviation is 39
        check(61 <= COUNT - len(got) <= 139, "%d of %d came" % (len(got), COUNT))
        counts = pipe.host.link.counts()
        check(counts[">"]["lost"] == COUNT - len(got), "says %s" % counts)
        check(counts["<"]["lost"] == 0, "says %s" % counts)
        print("        %d of %d lost" % (COUNT - len(got), COUNT))


@test
def same_seed_loses_the_same():
    def lost():
        with Lab() as mesh, Pipe(mesh, {"loss": 20}) as pipe:
            return {number for number, _ in pipe.out(200)}

    first = lost()
    check(0 < len(first) < 200, "%d came" % len(first))
    check(lost() == first, "others were lost at the second time")


@test
def delay_is_what_is_told():
    with Lab() as mesh, Pipe(mesh, {"delay_ms": 40}) as pipe:
        times = [seconds for _, seconds in pipe.out(400)]
        check(len(times) == 400, "%d came" % len(times))
        check(min(times) >= 0.040, "the quickest took %.4f s" % min(times))
        check(middle(times) < 0.040 + 0.005 * SLOW, "half of them took %.4f s" % middle(times))
        print("        %.4f s at least, %.4f in the middle" % (min(times), middle(times)))


@test
def share_that_is_told_is_overtaken():
    with Lab() as mesh, Pipe(mesh, {"reorder": 10, "reorder_ms": 20}) as pipe:
        numbers = [number for number, _ in pipe.out()]
        check(sorted(numbers) == list(range(COUNT)), "%d came" % len(numbers))
        highest, late = -1, 0
        for number in numbers:
            late += number < highest
            highest = max(highest, number)
        counted = pipe.host.link.counts()[">"]["reordered"]
        check(146 <= counted <= 254, "%d of %d late" % (counted, COUNT))  # 200, four deviations of 13.4
        check(late >= counted - 5, "%d were overtaken, %d were kept" % (late, counted))  # the last by none


@test
def share_that_is_told_comes_twice():
    with Lab() as mesh, Pipe(mesh, {"duplicate": 10}) as pipe:
        numbers = [number for number, _ in pipe.out()]
        check(set(numbers) == set(range(COUNT)), "%d came" % len(set(numbers)))
        check(146 <= len(numbers) - COUNT <= 254, "%d came twice" % (len(numbers) - COUNT))


@test
def rate_and_queue_are_kept():
    faults = {"rate_kbit": 8000, "queue_bytes": 50000}
    with Lab() as mesh, Pipe(mesh, faults) as pipe:
        begun = time.monotonic()
        got = pipe.out(200, spacing_s=0)  # 200 kB at once: 50 kB wait, a megabyte a second passes
        check(40 <= len(got) <= 100, "%d of 200 came through a queue for 50" % len(got))
        check(max(s for _, s in got) >= 0.045, "the last one waited %.3f s" % max(s for _, s in got))
        counts = pipe.host.link.counts()[">"]
        check(counts["queue_full"] == 200 - len(got), "says %s" % counts)
        rate = (len(got) - 1) * (SIZE + 60) / max(s for _, s in got)
        print("        %d of 200 in %.3f s, %.0f kB/s" % (len(got), time.monotonic() - begun, rate / 1000))


@test
def packets_longer_than_its_mtu_vanish():
    with Lab() as mesh, Pipe(mesh, {"mtu": 1280}) as pipe:
        for size in (1252, 1253):  # and 28 for IP and UDP
            pipe.inner.sendto(b"." * size, ("198.18.0.1", 1000))
        wait_for("both are judged", lambda: pipe.host.link.counts()[">"]["came"] == 2, 5 * SLOW)
        check(len(pipe.outer.recv(2048)) == 1252, "the short one did not come first")
        check(pipe.host.link.counts()[">"]["too_big"] == 1, "the long one passed")


@test
def what_cannot_be_understood_is_said():
    with Lab() as mesh, Pipe(mesh, {}) as pipe:
        for command in ("", "loss", "loss five", "loss -1", "loss 5 6", "los 5", "> loss nan"):
            answer = pipe.host.link._ask(command)
            check(answer.startswith("cannot be understood"), "%r: %s" % (command, answer))
        check(pipe.host.link._ask("> loss 5") == "ok", "after all that")


@test
def hundred_megabytes_pass_in_seconds():
    with Lab() as mesh, Pipe(mesh, {"delay_ms": 1}) as pipe:
        begun = time.monotonic()
        total = len(pipe.out(100000, spacing_s=0, window=500))
        took = time.monotonic() - begun
        check(total == 100000, "%d of 100000 came" % total)
        check(took < 30 * SLOW, "took %.1f s" % took)
        print("        %d packets in %.1f s" % (total, took))


lab.enter()
main()
