"""Each kind of NAT meets each: directly wherever that can be, else through a bridge.

Each pair is a mesh of its own: a seed without NAT, which is a bridge for everybody, and two nodes
that know nobody else. The second is told to connect the first as soon as it runs.
"""

import threading
import time

import lab
from lab import BAD_DAY, KINDS, Lab, PORT, SEED, check, expected, way
from mesh import SLOW, main, test, wait_for

DIRECT_S = 40  # a way that is looked for again after 1, 3, 7, 15 and 30 s
BRIDGED_S = 20  # so long a pair that cannot meet is watched


def connect(node, other):
    result = node.call("connect", {"hashname": other.hashname})
    check(result["result"] == "reached", "connect: %s" % result)
    return result


def ping(node, other):
    answer = node.call("ping", {"hashname": other.hashname, "count": 2, "interval_ms": 200})
    check(answer["received"] > 0, "ping: %s" % answer)


class Pair:
    """Two nodes and their seed, from the start of the second to a verdict."""

    def __init__(self, mesh, a, b, port):
        self.mesh, self.a, self.b, self.port = mesh, a, b, port
        self.name = "%s-%s" % (a.kind, b.kind)
        self.problem = None
        self.connected_s = self.direct_s = self.bridged_s = None
        self.way = (None, None)

    def since(self):
        return time.monotonic() - self.begun

    def run(self):
        try:
            self.meet()
        except Exception as problem:  # told by the main thread
            self.problem = "%s: %s" % (self.name, problem)

    def meet(self):
        seed = self.mesh.seed("seed-" + self.name, self.port)
        seeds = seed.export_seeds()
        flags = ["--log-level", "debug"]
        other = self.mesh.telehashd("b-" + self.name, self.b, seeds, *flags, port=self.port)
        wait_for("%s: b is ready" % self.name, other.is_ready, 20 * SLOW)

        self.begun = time.monotonic()
        node = self.mesh.telehashd("a-" + self.name, self.a, seeds, *flags, port=self.port)
        wait_for("%s: a has met the seed" % self.name, lambda: seed.hashname in node.links(), 20 * SLOW)
        result = connect(node, other)
        self.connected_s = self.since()
        if expected(self.a.kind, self.b.kind) == "bridge":
            last = result["ways"][-1]["kind"] if result["ways"] else None
            check(last in ("relay", "bridge"), "the trace does not end with who is between: %s" % result)
        self.settle(node, other)
        ping(node, other)
        for one in (node, other, seed):
            one.stop()

    def settle(self, node, other):
        """Waits for the direct way, or as long as one is not to come."""
        limit = DIRECT_S * SLOW if expected(self.a.kind, self.b.kind) == "direct" else BRIDGED_S
        while self.since() < limit:
            ways = way(node, other), way(other, node)
            self.way = ways[0][0], ways[1][0]
            if self.way == ("bridge", "bridge") and self.bridged_s is None:
                self.bridged_s = self.since()
            if self.way == ("direct", "direct"):
                self.direct_s = self.since()
                return
            time.sleep(0.05)

    def verdict(self):
        def seconds(value):
            return "      -" if value is None else "%6.2fs" % value

        return "%-10s %-10s %-7s %-7s  connected %s  bridged %s  direct %s" % (
            (self.a.kind, self.b.kind, *self.way)
            + (seconds(self.connected_s), seconds(self.bridged_s), seconds(self.direct_s))
        )

    def wrong(self):
        if self.problem:
            return self.problem
        want = expected(self.a.kind, self.b.kind)
        if self.way != (want, want):
            return "%s: %s, not %s" % (self.name, self.way, want)
        return None


def run_all(pairs):
    threads = [threading.Thread(target=pair.run) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check_every_pair(faults=None):
    """Each kind with each; faults: of the cables of the first."""
    with Lab() as mesh:
        first = [mesh.host("a-" + kind, kind, faults=faults) for kind in KINDS]
        second = [mesh.host("b-" + kind, kind) for kind in KINDS]
        pairs = []
        for turn in range(len(KINDS)):
            now = [Pair(mesh, a, second[(i + turn) % len(KINDS)], PORT + 5 * turn + i) for i, a in enumerate(first)]
            run_all(now)
            for pair in now:
                print("        " + pair.verdict(), flush=True)
            pairs += now
        wrong = [pair.wrong() for pair in pairs if pair.wrong()]
        check(not wrong, "%d of %d pairs: %s" % (len(wrong), len(pairs), "; ".join(wrong)))


# A11
@test
def every_pair_of_nats_connects_directly_or_by_a_bridge():
    check_every_pair()


@test
def every_pair_connects_although_packets_are_lost_late_and_out_of_order():
    print("        seed=%s %s" % (SEED, BAD_DAY))
    check_every_pair(BAD_DAY)


@test
def box_of_each_kind_lets_in_what_its_name_says():
    with Lab() as mesh:
        for port, kind in enumerate(KINDS, PORT):
            host = mesh.host("h-" + kind, kind)
            got = lab.what_comes_in(host, port)
            check(got == lab.COMES_IN[kind], "%s: %s" % (kind, got))


def meet(mesh, here, there, seed_listen, listens, want):
    """Two nodes with a seed of their own, until both reach each other as wanted. Returns their paths."""
    seed = mesh.seed(listen=seed_listen)
    seeds = seed.export_seeds()
    other = mesh.telehashd("other", there, seeds, listen=listens[1])
    wait_for("other is ready", other.is_ready, 20 * SLOW)
    node = mesh.telehashd("node", here, seeds, listen=listens[0])
    wait_for("node has met the seed", lambda: seed.hashname in node.links(), 20 * SLOW)
    connect(node, other)
    wait_for(
        lambda: "%s: %s and %s" % (want, way(node, other), way(other, node)),
        lambda: way(node, other)[0] == way(other, node)[0] == want,
        DIRECT_S * SLOW,
    )
    ping(node, other)
    return way(node, other)[1], way(other, node)[1]


@test
def two_behind_one_nat_meet_in_their_own_net():
    for kind in ("port", "symmetric"):
        with Lab() as mesh:
            host = mesh.host("first", kind)
            second = mesh.beside(host, "second", "192.168.1.3")
            paths = meet(mesh, host, second, None, ["0.0.0.0:%d"] * 2, "direct")
            check(all(path.startswith("192.168.1.") for path in paths), "%s: %s" % (kind, paths))


@test
def two_with_ipv6_alone_meet():
    with Lab() as mesh:
        here, there = mesh.host("here", families="6"), mesh.host("there", families="6")
        meet(mesh, here, there, ["--listen", "[2001:db8::1]:%d" % PORT], ["[::]:%d"] * 2, "direct")


@test
def ipv4_alone_meets_ipv6_alone_by_a_bridge_with_both():
    listen = ["--listen", "[2001:db8::1]:%d" % PORT, "--listen", "198.18.0.1:%d" % PORT]
    with Lab() as mesh:
        here, there = mesh.host("here", families="4"), mesh.host("there", families="6")
        meet(mesh, here, there, listen, ["0.0.0.0:%d", "[::]:%d"], "bridge")


@test
def two_that_only_have_a_relay_ask_another_linked_node_for_a_bridge():
    """Their introducer forwards for nobody; one that does comes later."""
    with Lab() as mesh:
        here, there, third = mesh.host("here", "symmetric"), mesh.host("there", "symmetric"), mesh.host("third")
        seed = mesh.node("seed", "--listen", "198.18.0.1:%d" % PORT).start()
        seeds = seed.export_seeds()
        other = mesh.telehashd("other", there, seeds)
        wait_for("other is ready", other.is_ready, 20 * SLOW)
        node = mesh.telehashd("node", here, seeds)
        wait_for("node has met the seed", lambda: seed.hashname in node.links(), 20 * SLOW)
        connect(node, other)
        time.sleep(3)
        ways = way(node, other)[0], way(other, node)[0]
        check(ways == ("relay", "relay"), "without a bridge: %s" % (ways,))

        bridge = mesh.telehashd("bridge", third, seeds, "--bridge", "all")
        begun = time.monotonic()
        want = "bridge:" + bridge.hashname
        wait_for(
            lambda: "%s: %s and %s" % (want, way(node, other), way(other, node)),
            lambda: way(node, other)[1] == way(other, node)[1] == want,
            90 * SLOW,
        )
        print("        over the bridge %.1f s after its start" % (time.monotonic() - begun))
        answer = node.call("ping", {"hashname": other.hashname, "count": 20, "interval_ms": 100})
        check(answer["received"] == 20, "ping: %s" % answer)


lab.enter()
main()
