"""A node whose address changes keeps its lines, and is silent for no more than a moment.

TH_ROAMS says how often it moves (20).
"""

import os
import threading
import time

import lab
from lab import BAD_DAY, Lab, PORT, SEED, check, expected, way
from mesh import SLOW, main, test, wait_for

ROAMS = int(os.environ.get("TH_ROAMS", "20"))
SPACING_S = 0.1  # from one ping to the next
WAIT_S = 0.15  # for its answer
MOVERS = ["none", "port", "symmetric"]
DOWN_S = 1.0  # and two round trips


class Traffic:
    """Pings one after the other, and notes when each was sent and how long its answer took."""

    def __init__(self, node, other):
        self.node, self.other = node, other
        self.answers = []  # (sent_at, answered_at)
        self.downs = []  # seconds without answer after each move
        self.sent = 0
        self.is_over = False
        self.problem = None
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def run(self):
        params = {"hashname": self.other.hashname, "count": 1, "wait_ms": int(WAIT_S * 1000)}
        with self.node.rpc() as rpc:
            while not self.is_over:
                begun = time.monotonic()
                answer = rpc.answer("ping", params)
                if "result" in answer:
                    self.sent += 1
                    if answer["result"]["received"] == 1:
                        self.answers.append((begun, time.monotonic()))
                elif answer["error"]["code"] != -32004:  # ten a second
                    self.problem = answer
                time.sleep(max(0, begun + SPACING_S - time.monotonic()))

    def answered_after(self, when):
        """When the first answer came to a ping that was sent after a moment; None: not yet."""
        later = [done for sent, done in self.answers[-100:] if sent >= when]
        return later[0] if later else None

    def judge(self, name, limit_s, chance_s):
        """Prints what was measured; returns what is wrong with it, or None. limit_s: of a silence, to which
        two round trips are added; chance_s: to the longest, for what is lost by chance."""
        downs = sorted(self.downs)
        print(
            "        %-36s down %.2f s at least, %.2f in the middle, %.2f at most; %d moves, %d of %d pings answered"
            % (name, downs[0], downs[len(downs) // 2], downs[-1], len(downs), len(self.answers), self.sent),
            flush=True,
        )
        rtt = sorted(done - sent for sent, done in self.answers)[len(self.answers) * 9 // 10]
        if self.problem:
            return "%s: %s" % (name, self.problem)
        limit = limit_s * SLOW + 2 * rtt
        if downs[len(downs) // 2] > limit or downs[-1] > limit + chance_s:
            return "%s: down for %.2f s, more than %.2f" % (name, downs[-1], limit + chance_s)
        return None


def line_age_s(node, other):
    for peer in node.call("peers"):
        if peer["hashname"] == other.hashname and peer["line"]:
            return peer["line_age_ms"] / 1000
    return 0


class Pair:
    """A node whose host, or the NAT box before it, moves, one that it talks with, and a seed of theirs."""

    def __init__(self, mesh, number, kind, other_kind, pause_s, faults):
        self.name = "%s to %s" % (kind, other_kind)
        self.here = mesh.host("h%d" % number, kind, faults=faults)
        self.there = mesh.host("t%d" % number, other_kind)
        self.by = expected(kind, other_kind)
        self.port = PORT + number
        self.first = 60 + 20 * number  # of the numbers of the addresses that it goes round
        self.pause_s = pause_s
        self.chance_s = 4 * WAIT_S if faults else 0  # one ping in ten has no answer: once in 10,000
        self.problems = []

    def meet(self, mesh):
        flags = ["--log-level", "debug"]
        seeds = mesh.seed("seed-" + self.name.replace(" ", "-"), self.port).export_seeds()
        self.other = mesh.telehashd("other-" + self.there.name, self.there, seeds, *flags, port=self.port)
        wait_for("%s: other is ready" % self.name, self.other.is_ready, 20 * SLOW)
        self.node = mesh.telehashd("node-" + self.here.name, self.here, seeds, *flags, port=self.port)
        self.node.call("connect", {"hashname": self.other.hashname})
        self.wait_for_way(40)

    def wait_for_way(self, seconds):
        wait_for(
            lambda: "%s: %s, not %s" % (self.name, way(self.node, self.other), self.by),
            lambda: way(self.node, self.other)[0] == way(self.other, self.node)[0] == self.by,
            seconds * SLOW,
        )

    def run(self):
        try:
            self.roam()
        except Exception as problem:  # told by the main thread
            self.problems.append("%s: %s" % (self.name, problem))

    def roam(self):
        begun = time.monotonic()
        first = line_age_s(self.node, self.other), line_age_s(self.other, self.node)
        with Traffic(self.node, self.other) as out, Traffic(self.other, self.node) as back:
            wait_for("both are answered", lambda: min(len(out.answers), len(back.answers)) > 5, 10 * SLOW)
            for i in range(ROAMS):
                self.here.move(self.first + i % 20)
                moved = time.monotonic()
                for traffic in (out, back):
                    what = "%s: answered after move %d" % (self.name, i)
                    up = wait_for(what, lambda: traffic.answered_after(moved), 30 * SLOW)
                    traffic.downs.append(up - moved)
                time.sleep(self.pause_s)
            lived = time.monotonic() - begun
            ages = line_age_s(self.node, self.other), line_age_s(self.other, self.node)
        for traffic, who in ((out, "from who moves"), (back, "to who moves")):
            self.problems.append(traffic.judge("%s, %s" % (self.name, who), DOWN_S, self.chance_s))
        for age, before in zip(ages, first):
            if age < lived + before - 1:
                self.problems.append("%s: a line was lost: %.1f s old after %.1f s" % (self.name, age, lived))
        self.wait_for_way(90)


def roam(kinds, pause_s, faults=None):
    """Moves hosts of pairs of kinds of NAT, all at the same time."""
    with Lab() as mesh:
        pairs = [Pair(mesh, i, kind, other, pause_s, faults) for i, (kind, other) in enumerate(kinds)]
        for pair in pairs:
            pair.meet(mesh)
        threads = [threading.Thread(target=pair.run) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wrong = [problem for pair in pairs for problem in pair.problems if problem]
        check(not wrong, "; ".join(wrong))


@test
def host_that_moves_is_heard_at_its_new_address_by_who_lets_everybody_in():
    roam([(kind, other) for other in ("none", "full") for kind in MOVERS], 1.5)


@test
def host_behind_a_bad_cable_moves():
    print("        seed=%s %s" % (SEED, BAD_DAY))
    roam([("none", "none"), ("port", "none")], 1.5, BAD_DAY)


# A NAT that lets in only whom its node spoke to: somebody has to introduce the two once more, and one
# introducer may do so every six seconds (protocol.md 7).
@test
def host_that_moves_is_introduced_again_to_who_is_behind_a_nat_that_does_not():
    roam([(kind, other) for other in ("address", "port", "symmetric") for kind in MOVERS], 6.5)


lab.enter()
main()
