"""A node whose address changes keeps its lines, and is silent for no more than a moment.

TH_ROAMS says how often it moves (20).
"""

import os
import threading
import time

import lab
from lab import BAD_DAY, Lab, SEED, check, way
from mesh import SLOW, main, test, wait_for

ROAMS = int(os.environ.get("TH_ROAMS", "20"))
SPACING_S = 0.1  # from one ping to the next
WAIT_S = 0.15  # for its answer
PAUSE_S = 1.5  # from the end of a silence to the next move
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


    def judge(self, name, lost_in_a_row):
        """lost_in_a_row: pings that may be lost by chance where there was no silence any more."""
        downs = sorted(self.downs)
        print(
            "        %s, %d moves: down %.2f s at least, %.2f in the middle, %.2f at most; %d of %d pings answered"
            % (name, len(downs), downs[0], downs[len(downs) // 2], downs[-1], len(self.answers), self.sent)
        )
        rtt = sorted(done - sent for sent, done in self.answers)[len(self.answers) * 9 // 10]
        limit = DOWN_S * SLOW + 2 * rtt + SPACING_S + WAIT_S
        check(self.problem is None, "ping: %s" % self.problem)
        middle, most = downs[len(downs) // 2], limit + lost_in_a_row * WAIT_S
        check(middle <= limit, "%s: down for %.2f s in the middle, more than %.2f" % (name, middle, limit))
        check(downs[-1] <= most, "%s: down for %.2f s, more than %.2f" % (name, downs[-1], most))


def line_age_s(node, other):
    for peer in node.call("peers"):
        if peer["hashname"] == other.hashname and peer["line"]:
            return peer["line_age_ms"] / 1000
    return 0


def roam(kind, other_kind="none", by="direct", faults=None):
    """Moves a host, or the NAT box before it, from address to address while its node pings another's."""
    with Lab() as mesh:
        here, there = mesh.host("here", kind, faults=faults), mesh.host("there", other_kind)
        seeds = mesh.seed().export_seeds()
        other = mesh.telehashd("other", there, seeds, "--log-level", "debug")
        wait_for("other is ready", other.is_ready, 20 * SLOW)
        node = mesh.telehashd("node", here, seeds, "--log-level", "debug")
        wait_for("the way is " + by, lambda: way(node, other)[0] == way(other, node)[0] == by, 20 * SLOW)
        begun = time.monotonic()
        first_age = line_age_s(node, other), line_age_s(other, node)

        with Traffic(node, other) as out, Traffic(other, node) as back:
            wait_for("both are answered", lambda: min(len(out.answers), len(back.answers)) > 5, 10 * SLOW)
            for i in range(ROAMS):
                here.move(20 + i % 200)
                moved = time.monotonic()
                for traffic in (out, back):
                    up = wait_for("answered after move %d" % i, lambda: traffic.answered_after(moved), 30 * SLOW)
                    traffic.downs.append(up - moved)
                time.sleep(PAUSE_S)
            lived = time.monotonic() - begun
            ages = line_age_s(node, other), line_age_s(other, node)
        lost_in_a_row = 4 if faults else 0  # one ping in ten has no answer, so this comes once in 10,000
        out.judge("from who moves", lost_in_a_row)
        back.judge("to who moves", lost_in_a_row)
        for age, first in zip(ages, first_age):
            check(age >= lived + first - 1, "a line was lost: %.1f s old after %.1f s" % (age, lived))


@test
def host_without_nat_moves():
    roam("none")


@test
def host_behind_a_nat_gets_another_outer_address():
    roam("port")


@test
def host_behind_a_symmetric_nat_gets_another_outer_address():
    roam("symmetric")


@test
def host_that_talks_over_a_bridge_gets_another_outer_address():
    roam("symmetric", "symmetric", by="bridge")


@test
def host_behind_a_bad_cable_moves():
    print("        seed=%s %s" % (SEED, BAD_DAY))
    roam("none", faults=BAD_DAY)


@test
def host_behind_a_nat_and_a_bad_cable_gets_another_outer_address():
    print("        seed=%s %s" % (SEED, BAD_DAY))
    roam("port", faults=BAD_DAY)


lab.enter()
main()
