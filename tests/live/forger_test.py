"""The weakness of CS3a, used: whoever sees one handshake computes the key that authenticates the opens
of both sides, and can then speak as either. No line that works may suffer from it.

Two daemons meet over a path that we watch. TH_SEED repeats the moments and kinds of the forged opens.
"""

import json
import os
import random
import subprocess
import time

from forge import cs3a, forger, poly1305, salsa, steal, wire, x25519
from mesh import THCTL, Mesh, SLOW, check, main, test, thctl, wait_for

DELAY_S = max(0.1, 0.02 * SLOW)  # of the watched path, each way: a forged open pends for twice that
STORM_S = 27  # longer than the 25 s from one keepalive of a link to the next
STORM_STRIKES = 60
AHEAD_MS = 120000  # an open may be dated this far ahead
VECTORS = os.path.join(os.path.dirname(__file__), "..", "vectors", "data", "cs3a.json")
BEGUN = time.monotonic()


def say(text, *values):
    print("[%6.2f s] %s" % (time.monotonic() - BEGUN, text % values), flush=True)


def show(title, text):
    print("           %s" % title)
    for line in text.splitlines():
        print("             | " + line)


# --- the forger's own arithmetic ----------------------------------------------------------------------


def hexes(text):
    return bytes.fromhex(text)


@test
def the_forgers_primitives_agree_with_the_rfcs_and_with_libsodium():
    # RFC 7748, 5.2
    point = x25519.multiply(
        hexes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
        hexes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
    )
    check(point == hexes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"), "X25519")
    # RFC 8439, 2.5.2
    key = hexes("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    tag = poly1305.tag(b"Cryptographic Forum Research Group", *poly1305.split_key(key))
    check(tag == hexes("a8061dc1305136c6c22b8baf0c0127a9"), "Poly1305")
    # libsodium's crypto_core_hsalsa20 and crypto_secretbox_easy
    key, nonce = bytes(range(32)), bytes(range(24))
    derived = salsa.hsalsa20(key, nonce[:16])
    check(derived == hexes("f2a52d7cea2bb6babc32b07f89e22487a063c2481084ff41b8190fb7839d501c"), "HSalsa20")
    plain = b"a box for the forger, of more than one block: " + bytes(range(64))
    box = salsa.seal(key, nonce, plain)
    check(
        box
        == hexes(
            "23de8ff4f4692817e0e5a0fd5feaee243fdf5a20bfeac47fc91cfb560daf2cf820c223ada005508937cf08e630e7"
            "d589e2b5d5ba2bd5d560d5e283f24046ab4221426c9af590d446b6142bb0146e87e4ce93eb0c1301d1f40ee99dcc"
            "d46ca8a3d4f0f6deb43906d1b313b2270c14d79fb36930b369b56a511551ed72a6c0"
        ),
        "secretbox",
    )
    check(salsa.unseal(key, nonce, box) == plain, "secretbox does not open")
    check(salsa.unseal(key, nonce, box[:-1] + b"\0") is None, "secretbox opens what was changed")


@test
def two_opens_of_the_vectors_give_their_key_away():
    with open(VECTORS) as file:
        vectors = json.load(file)
    opens = [hexes(vectors[name]["packet"]) for name in ("open_A_to_B", "open_B_to_A")]
    found, _ = steal.candidates(*opens, random.Random(1))
    check(found == [poly1305.split_key(hexes(vectors["open_A_to_B"]["mac_key"]))], "found %s" % found)

    # The same seals, byte for byte, what the vectors' owner sealed with his static secret.
    secret = hexes(vectors["keys"]["A_line"]["secret"])
    box_key = cs3a.before(hexes(vectors["keys"]["B_static"]["public"]), secret)
    message = x25519.public(secret) + salsa.seal(
        box_key, cs3a.OPEN_NONCE, hexes(vectors["open_A_to_B"]["inner"])
    )
    check(cs3a.OPEN_HEAD + poly1305.tag(message, *found[0]) + message == opens[0], "another open")


# --- what the nodes say -------------------------------------------------------------------------------


def asked(node, *words):
    answer = thctl(node, "--json", *words)
    check(answer.returncode == 0, "thctl %s: %s" % (" ".join(words), answer.stderr))
    return json.loads(answer.stdout)


def drops(node):
    counts = {}
    for row in asked(node, "drops"):
        check(set(row) == {"reason", "count", "meaning", "server"}, "%s" % row)
        counts[row["reason"]] = counts.get(row["reason"], 0) + row["count"]
    return counts


class Watch:
    """A node's relation to the other one, as it was when all was well, and whether it is so still."""

    def __init__(self, node, other, path):
        self.node, self.other, self.path = node, other, path
        self.begun = time.monotonic()
        self.logged = len(node.log())
        self.born = self._look()[1:]
        self.dropped = drops(node)

    def _look(self):
        """The peer's row, and when its line was made: not before, and not after."""
        before = time.monotonic()
        rows = [row for row in asked(self.node, "peers") if row["hashname"] == self.other.hashname]
        check(len(rows) == 1 and rows[0]["line"], "%s has no line: %s" % (self.node.name, rows))
        age = rows[0]["line_age_ms"] / 1000
        return rows[0], before - age - 0.01, time.monotonic() - age + 0.01

    def check_untouched(self):
        row, *born = self._look()
        lines = [line for line in asked(self.node, "lines") if line["hashname"] == self.other.hashname]
        check(row["link"], "%s: the link has ended" % self.node.name)
        check(row["path"] == self.path, "%s: the path is %s, not %s" % (self.node.name, row["path"], self.path))
        is_same = born[0] <= self.born[1] and self.born[0] <= born[1]
        check(is_same, "%s: the line is another one: %s" % (self.node.name, row))
        check(len(lines) == 1 and lines[0]["up"] and lines[0]["path"] == self.path, "%s" % lines)
        check(lines[0]["channels"] >= 1, "%s: the link's channel has gone" % self.node.name)
        for line in self.node.log()[self.logged :].splitlines():
            check(" down peer=" not in line and "link_down" not in line, "%s: %s" % (self.node.name, line))

    def new_drops(self):
        """What was counted since the last time this was asked or waited for."""
        now = drops(self.node)
        new = {reason: n - self.dropped.get(reason, 0) for reason, n in now.items()}
        return {reason: n for reason, n in new.items() if n}

    def expect(self, **wanted):
        """Waits for these counts, and that no other open_… was counted."""

        def opens():
            # A forged open from the watched path is answered there: the honest peer gets an open again,
            # maybe only now.
            passed_over = {"open_repeat"} - set(wanted)
            new = self.new_drops().items()
            return {reason: n for reason, n in new if reason.startswith("open_") and reason not in passed_over}

        wait_for(
            lambda: "%s counts %s, not %s" % (self.node.name, opens(), wanted),
            lambda: opens() == wanted,
            5 * SLOW,
        )
        say("  %s counted %s", self.node.name, ", ".join("%s %d" % pair for pair in sorted(wanted.items())))
        self.dropped = drops(self.node)


class Pings:
    """Pings from one node to another in the background, all of which must be answered."""

    def __init__(self, node, other, count):
        self.name = "%s to %s" % (node.name, other.name)
        self.process = subprocess.Popen(
            [THCTL, "--socket", node.socket, "--json", "ping", other.hashname, "-c", str(count), "-i", "0.5"],
            stdout=subprocess.PIPE,
            text=True,
        )

    def check(self):
        result = json.loads(self.process.communicate(timeout=60 * SLOW)[0])
        say(
            "pings from %s: %d sent, %d answered, rtt %.1f ms",
            self.name, result["sent"], result["received"], result["avg_ms"] or 0,
        )  # fmt: skip
        check(result["received"] == result["sent"] > 0, "pings from %s: %s" % (self.name, result))


# --- the scene ----------------------------------------------------------------------------------------


class Scene:
    """Two daemons that met over a watched path, and the forger who watched."""

    def __init__(self, mesh, path):
        self.path = path
        self.second = mesh.node("second", "--advertise", path.front_address).start()
        path.second = self._address(self.second)
        seeds = self.second.export_seeds()
        self.first = mesh.node("first", "--seeds", seeds, "--advertise", path.back_address).start()
        mesh.wait_ready([self.first, self.second], 10 * SLOW)
        self.nodes = {"first": self.first, "second": self.second}
        wait_for("both are linked", self.are_linked, 10 * SLOW)
        self.watches = {
            "first": Watch(self.first, self.second, path.front_address),
            "second": Watch(self.second, self.first, path.back_address),
        }
        say("first and second are linked; the only path between them is watched")
        show("first's peers:", thctl(self.first, "peers").stdout)

    @staticmethod
    def _address(node):
        host, port = node.call("status")["listen"][0].rsplit(":", 1)
        return host, int(port)

    def are_linked(self):
        return self.second.hashname in self.first.links() and self.first.hashname in self.second.links()

    def steal(self, rng):
        """Everything that the forger has: what was on the wire, and two seeds entries."""
        seen = list(self.path.seen)
        opens = [next(s for s in seen if s.to == to and cs3a.is_open(s.datagram)) for to in ("second", "first")]
        say("seen on the wire: %d datagrams; the opens have %d and %d bytes", len(seen),
            len(opens[0].datagram), len(opens[1].datagram))  # fmt: skip
        begun = time.monotonic()
        found, looked_at = steal.candidates(opens[0].datagram, opens[1].datagram, rng)
        took = time.monotonic() - begun
        check(len(found) == 1, "keys found: %d" % len(found))
        self.mac_key = found[0]
        say("the MAC key from two tags in %.2f s: of %d roots one is clamped", took, looked_at)
        say("  r = %032x", self.mac_key[0])
        say("  s = %032x", self.mac_key[1])
        identities = {name: cs3a.Identity(node.call("seeds.export")) for name, node in self.nodes.items()}
        addresses = {name: self._address(node) for name, node in self.nodes.items()}
        self.genuine = {s.to: s.datagram for s in opens}
        self.victims = forger.know(seen, identities, addresses)

    def strike(self, name, ahead_ms, line=None):
        return forger.Strike(self.mac_key, self.victims[name], forger.milliseconds() + ahead_ms, line)

    def check_untouched(self):
        for watch in self.watches.values():
            watch.check_untouched()


# --- the strikes --------------------------------------------------------------------------------------


def strike_from_the_future(scene):
    say("opens dated 121 s, an hour and a thousand years ahead, to both, from addresses of the forger's own")
    for name, watch in scene.watches.items():
        strikes = [scene.strike(name, ahead) for ahead in (AHEAD_MS + 1000, 3600 * 1000, 10**12 * 31)]
        for strike in strikes:
            strike.send()
        watch.expect(open_future=3)
        for strike in strikes:
            check(strike.hear(0.1) == [], "%s answers an open from the future" % name)
            strike.close()
    scene.check_untouched()


def strike_with_a_new_line(scene):
    say("opens with a new line, dated within the limit: each pends until the peer answers on the old line")
    for name, watch in scene.watches.items():
        for ahead in (0, 60000, AHEAD_MS - 2000):
            strike = scene.strike(name, ahead)
            strike.send()
            watch.expect(open_forged=1)
            heard = strike.hear(0.2 * SLOW)
            check(("open", scene.victims[name].line_key) in heard, "%s did not answer: %s" % (name, heard))
            probes = [head for what, value in heard if what == "line" and value for head in value[:1]]
            check([head["type"] for head in probes] == ["path"], "no `path` under the forged keys: %s" % heard)
            strike.close()
        say("  %s answers with its open, and asks `path` under the forged line's keys: %s", name, probes[0])
    scene.check_untouched()


def strike_while_another_pends(scene):
    say("three opens at once: one pends, the others are refused")
    for name, watch in scene.watches.items():
        strikes = [scene.strike(name, ahead) for ahead in (1000, 2000, 3000)]
        for strike in strikes:
            strike.send()
        watch.expect(open_forged=1, open_pending=2)
        for strike in strikes:
            strike.close()
    scene.check_untouched()


def speak_on_the_forged_line(scene):
    say("path, seek, link and peer on the forged line, while it pends and after it was found forged")
    for name, watch in scene.watches.items():
        strike = scene.strike(name, 1000)
        early, late = strike.requests(), strike.requests()
        strike.send(strike.open, *early)
        watch.expect(open_forged=1)
        before = watch.new_drops().get("line_crypt", 0)
        strike.send(*late)
        wait_for(
            "%s refuses what comes on the forged line later" % name,
            lambda: watch.new_drops().get("line_crypt", 0) - before == len(late),
            5 * SLOW,
        )
        heard = [value[0] for what, value in strike.hear(0.2 * SLOW) if what == "line" and value]
        answers = [head for head in heard if "type" not in head]
        check(len(answers) == 1 and answers[0]["end"], "answers on the forged line: %s" % answers)
        check(answers[0]["path"]["port"] == strike.socket.getsockname()[1], "%s" % answers)
        say("  %s answered `path` alone: %s; later packets do not decrypt", name, answers[0])
        strike.close()
    scene.check_untouched()


def strike_by_halves(scene):
    say("the line id of the living line with a new key; an open that is too old; a genuine one again")
    for name, watch in scene.watches.items():
        peer = scene.victims[name].peer
        strikes = [scene.strike(name, 1000, peer.line), scene.strike(name, -600000)]
        for strike in strikes:
            strike.send()
        strikes[1].send(scene.genuine[name])
        watch.expect(open_same_id=1, open_old=1, open_repeat=1)
        for strike in strikes:
            strike.close()
    scene.check_untouched()


def storm(scene, rng):
    say("%d opens in %d s at any moment, both ways, from the watched path too, while both ping each other",
        STORM_STRIKES, STORM_S)  # fmt: skip
    pings = [Pings(scene.first, scene.second, 2 * STORM_S), Pings(scene.second, scene.first, 2 * STORM_S)]
    moments = sorted(rng.uniform(0, STORM_S) for _ in range(STORM_STRIKES))
    sent, on_path, open_strikes = {"first": 0, "second": 0}, 0, []
    begun = time.monotonic()
    for i, moment in enumerate(moments):
        aheads = (1, 5000, 60000, AHEAD_MS - 5000, AHEAD_MS + 5000, 86400000, 10**14)
        names = rng.choice((["first"], ["second"], ["first", "second"]))
        strikes = [scene.strike(name, rng.choice(aheads)) for name in names]
        is_on_path, has_requests = rng.random() < 0.4, rng.random() < 0.5
        requests = [strike.requests() if has_requests else [] for strike in strikes]
        time.sleep(max(0, begun + moment - time.monotonic()))
        for strike, more in zip(strikes, requests):
            if is_on_path:
                strike.send_on(scene.path, strike.open, *more)
            else:
                strike.send(strike.open, *more)
            sent[strike.victim.name] += 1
            on_path += is_on_path
        open_strikes += strikes
        if i % 6 == 5:
            scene.check_untouched()
    for strike in open_strikes:
        strike.close()
    for ping in pings:
        ping.check()
    say("  %d to first, %d to second, %d of them from the watched path", sent["first"], sent["second"], on_path)
    for name, watch in scene.watches.items():

        def counted():
            new = watch.new_drops()
            return sum(new.get(reason, 0) for reason in ("open_future", "open_forged", "open_pending"))

        wait_for(lambda: "%s counts %s" % (name, watch.new_drops()), lambda: counted() == sent[name], 5 * SLOW)
        new = {reason: n for reason, n in watch.new_drops().items() if reason.startswith("open_")}
        say("  %s counted %s", name, ", ".join("%s %d" % pair for pair in sorted(new.items())))
        check(new.get("open_forged", 0) > 0 and new.get("open_future", 0) > 0, "%s counts %s" % (name, new))
        watch.dropped = drops(watch.node)
    scene.check_untouched()


def check_that_the_key_was_right(scene):
    for name, watch in scene.watches.items():
        check("open_mac" not in drops(watch.node), "%s found a wrong authenticator" % name)
    say("open_mac is 0 on both: every forged open was authentic. One with another key, to see it counted:")
    for name, watch in scene.watches.items():
        r, s = scene.mac_key
        wrong = forger.Strike((r, s ^ 1), scene.victims[name], forger.milliseconds())
        wrong.send()
        watch.expect(open_mac=1)
        wrong.close()


def restart_the_second(scene):
    say("second is restarted: its open is older than many forged ones, and is believed")
    flags, (host, port) = scene.second.flags, scene.path.second
    scene.second.stop()
    flags[flags.index("--listen") + 1] = "%s:%d" % (host, port)
    begun = time.monotonic()
    scene.second.start()
    wait_for("first and second are linked again", scene.are_linked, 45 * SLOW)
    say("  linked again after %.1f s", time.monotonic() - begun)
    for ping in (Pings(scene.first, scene.second, 3), Pings(scene.second, scene.first, 3)):
        ping.check()


@test
def who_computed_the_key_can_forge_opens_and_harms_no_line():
    seed = int(os.environ.get("TH_SEED", random.randrange(10**6)))
    rng = random.Random(seed)
    say("TH_SEED=%d", seed)
    with Mesh() as mesh, wire.Wire(DELAY_S) as path:
        scene = Scene(mesh, path)
        scene.steal(rng)
        strike_with_a_new_line(scene)
        strike_from_the_future(scene)
        strike_while_another_pends(scene)
        speak_on_the_forged_line(scene)
        strike_by_halves(scene)
        storm(scene, rng)
        check_that_the_key_was_right(scene)
        say("in the end")
        for node in scene.nodes.values():
            show("%s's peers:" % node.name, thctl(node, "peers").stdout)
            show("%s's drops:" % node.name, thctl(node, "drops").stdout)
        restart_the_second(scene)


main()
