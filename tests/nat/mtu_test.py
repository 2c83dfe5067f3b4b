"""How large a datagram may be is found out where large ones are wanted, and nowhere else.

What is wanted is said by pings that carry much; what ICMP says of sizes is dropped before it comes.
"""

import time

import lab
from lab import Lab, check, inside, ip
from mesh import SLOW, main, test, wait_for

SAFE = 1232  # bytes of a datagram that pass everywhere
LARGE = 1250  # bytes of a ping that fits only the best of paths


def mtu(node, other):
    for line in node.call("lines"):
        if line["hashname"] == other.hashname and line["up"]:
            return line["mtu"]
    return None


def ping(node, other, size):
    params = {"hashname": other.hashname, "count": 1, "wait_ms": 300, "size": size}
    return node.call("ping", params)["received"]


def want_large(node, other, seconds):
    """Sends large pings for a while, one a second. Returns how many were answered."""
    end = time.monotonic() + seconds
    got = 0
    while time.monotonic() < end:
        begun = time.monotonic()
        got += ping(node, other, LARGE)
        time.sleep(max(0, begun + 1 - time.monotonic()))
    return got


def drops(node):
    return {row["reason"]: row["count"] for row in node.call("drops")}


class Two:
    """Two nodes without NAT that know each other; the cable of the first is what is told."""

    def __init__(self, mesh, families="4", faults=None):
        self.here = mesh.host("here", families=families, faults=faults)
        self.there = mesh.host("there", families=families)
        listen = "0.0.0.0:%d" if families == "4" else "[::]:%d"
        address = None if families == "4" else ["--listen", "[2001:db8::1]:%d" % lab.PORT]
        seeds = mesh.seed(listen=address).export_seeds()
        self.other = mesh.telehashd("other", self.there, seeds, listen=listen)
        self.node = mesh.telehashd("node", self.here, seeds, listen=listen)
        wait_for("they are linked", lambda: self.other.hashname in self.node.links(), 20 * SLOW)

    def settle(self, seconds):
        want_large(self.node, self.other, seconds * SLOW)
        return mtu(self.node, self.other)


@test
def link_of_1500_carries_the_most_after_one_round_trip():
    for families, most in (("4", 1472), ("6", 1452)):
        with Lab() as mesh:
            two = Two(mesh, families)
            check(mtu(two.node, two.other) == SAFE, "probed though nobody wanted it")
            check(ping(two.node, two.other, 1000) == 1, "a small ping was lost")
            check(mtu(two.node, two.other) == SAFE, "probed for a small ping")
            ping(two.node, two.other, 1200)
            wait_for("it is known", lambda: mtu(two.node, two.other) == most, 3 * SLOW)
            check(ping(two.node, two.other, 1200) == 1, "a large ping was lost")
            check(mtu(two.other, two.node) == SAFE, "the other side probed too, and wants nothing")


@test
def link_of_1420_without_icmp_is_found_by_halves():
    for families, most in (("4", 1392), ("6", 1372)):
        with Lab() as mesh:
            two = Two(mesh, families, {"mtu": 1420})
            found = two.settle(20)
            print("        IPv%s: %d of %d" % (families, found, most))
            check(most - 8 < found <= most, "%d, not just below %d" % (found, most))
            check(ping(two.node, two.other, found - 148 - 64) == 1, "what is proven did not pass")


@test
def interface_of_1280_refuses_and_nothing_is_said():
    with Lab() as mesh:
        two = Two(mesh)
        ip("link set out mtu 1280", "here")
        found = two.settle(12)
        check(1244 < found <= 1252, "%d, not just below 1252" % found)
        refused = drops(two.node).get("too_big", 0)
        check(1 <= refused < 20, "%d datagrams were refused" % refused)
        check("too" not in two.node.log().lower(), "the log speaks of it")


@test
def router_of_1280_whose_icmp_is_dropped_is_found_too():
    with Lab() as mesh:
        here, there = mesh.host("here", "port"), mesh.host("there")
        ip("link set out mtu 1280", here.box)
        inside(here.box, "nft", "add rule ip box here icmp type destination-unreachable drop")
        inside(here.box, "nft", "add chain ip box said { type filter hook output priority filter; }")
        inside(here.box, "nft", "add rule ip box said icmp type destination-unreachable counter drop")
        seeds = mesh.seed().export_seeds()
        other = mesh.telehashd("other", there, seeds)
        node = mesh.telehashd("node", here, seeds)
        wait_for("they are linked", lambda: other.hashname in node.links(), 20 * SLOW)
        want_large(node, other, 25 * SLOW)
        found = mtu(node, other)
        check(1244 < found <= 1252, "%d, not just below 1252" % found)
        check("packets 0" not in inside(here.box, "nft", "list chain ip box said"), "nothing was too large")


@test
def forged_icmp_does_not_make_packets_small():
    """A router between that says 600 is not believed: it might be anybody."""
    with Lab() as mesh:
        two = Two(mesh)
        check(two.settle(2) == 1472, "not 1472 at first")
        inside("here", "ip", "route", "add", two.there.address, "dev", "out", "mtu", "600")  # what the kernel makes of it
        check(ping(two.node, two.other, LARGE) == 1, "a large ping was lost")
        check(mtu(two.node, two.other) == 1472, "%d" % mtu(two.node, two.other))


@test
def black_hole_that_opens_is_noticed_and_the_line_stays():
    with Lab() as mesh:
        two = Two(mesh, "4", {})
        check(two.settle(2) == 1472, "not 1472 at first")
        age = next(p["line_age_ms"] for p in two.node.call("peers") if p["hashname"] == two.other.hashname)
        two.here.link.set(mtu=1400)
        begun = time.monotonic()
        while mtu(two.node, two.other) == 1472:
            ping(two.node, two.other, LARGE)
            time.sleep(0.2)
            check(time.monotonic() - begun < 15 * SLOW, "still 1472")
        print("        noticed after %.1f s" % (time.monotonic() - begun))
        found = two.settle(15)
        check(1364 < found <= 1372, "%d, not just below 1372" % found)
        new_age = next(p["line_age_ms"] for p in two.node.call("peers") if p["hashname"] == two.other.hashname)
        check(new_age > age + 10000, "the line is a new one")


lab.enter()
main()
