"""Killed at any moment, also while it reloads or its seeds are changed, it loses nothing and joins again.

TH_KILLS=n in the environment kills n times instead of 20, TH_SEED=n at other moments.
"""

import json
import os
import random
import threading
import time

from mesh import SLOW, Mesh, check, main, sanitizer, test, wait_for
from rows import put

KILLS = int(os.environ.get("TH_KILLS", "5" if sanitizer() else "20"))
SEED = int(os.environ.get("TH_SEED", "1"))
JOIN_S = 10 * SLOW
SEEDS, CONFIGURED = 6, 3


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def uri_of(node):
    return list(node.call("seeds.export").values())[0]["uri"]


def is_answered(answer):
    """Whether it was done; no answer at all: it has been killed."""
    if answer is None:
        raise OSError("closed")
    return "result" in answer


class Victim:
    """A node with a configuration file, one seed in it, and one that is added and removed."""

    def __init__(self, mesh, seeds):
        self.path = os.path.join(mesh.folder, "victim.conf")
        self.uris = [uri_of(seed) for seed in seeds]
        self.turn = 0
        self.write_config()
        self.node = mesh.node("victim", "--config", self.path)
        self.may_have = {frozenset()}  # sets of seeds that seeds.json may say
        self.at = 0
        self.had_peers = False

    def write_config(self):
        self.turn += 1
        level = ("info", "warn", "debug")[self.turn % 3]
        text = '{ "seed": %s, // turn %d\n "log_level": "%s" }\n' % (json.dumps(self.uris[:CONFIGURED]), self.turn, level)
        put(self.path + ".new", text, 0o644)
        os.rename(self.path + ".new", self.path)

    def change_seeds(self, rpc):
        """Adds or removes one; until it is answered either may be on the disk."""
        now = next(iter(self.may_have))
        uri = self.uris[CONFIGURED + self.turn % (SEEDS - CONFIGURED)]
        self.turn += 1
        then = now - {uri} if uri in now else now | {uri}
        self.may_have = {now, then}
        answer = rpc.answer("seeds.remove", {"hashname": uri[11:75]}) if uri in now else rpc.answer("seeds.add", {"uri": uri})
        check(is_answered(answer), answer)
        self.may_have = {then}

    def reload(self, rpc):
        self.write_config()
        check(is_answered(rpc.answer("reload")), "not reloaded")

    def is_busy_until_killed(self, action):
        with self.node.rpc() as rpc:
            try:
                while True:
                    action(rpc)
            except OSError:
                pass  # it has been killed

    def look_at_disk(self, identity):
        state = self.node.state
        check(read(os.path.join(state, "identity.json")) == identity, "another identity")
        check("kept aside" not in self.node.log(), self.node.log())
        seeds = read(os.path.join(state, "seeds.json"))
        if seeds is None:
            check(frozenset() in self.may_have, "seeds.json is gone")
        else:
            there = frozenset(json.loads(seeds)["seeds"])
            check(there in self.may_have, "seeds.json says %s, not one of %s" % (there, self.may_have))
            self.may_have = {there}
        at = json.loads(read(os.path.join(state, "state.json")) or '{"at":0}')["at"]
        check(at >= self.at, "at went back")
        self.at = at
        peers = read(os.path.join(state, "peers.json"))
        check(peers is not None or not self.had_peers, "peers.json is gone")
        if peers is not None:
            check(json.loads(peers)["peers"] or not self.had_peers, "it remembers nobody")
            self.had_peers = True


# A4
@test
def killed_while_it_starts_joins_reloads_or_changes_seeds_it_loses_nothing_and_joins_again():
    draws = random.Random(SEED)
    print("        replay with TH_SEED=%d" % SEED)
    longest = {True: 0.0, False: 0.0}  # after one kill; after several before it had joined

    def wait_joined():
        begun = time.monotonic()
        wait_for(
            lambda: "joined after %s: %s" % ("one kill" if is_one_kill else "several", victim.node.log().splitlines()[-3:]),
            victim.node.is_ready,
            JOIN_S,
        )
        longest[is_one_kill] = max(longest[is_one_kill], time.monotonic() - begun)

    with Mesh() as mesh:
        seeds = [mesh.node("seed%d" % n).start() for n in range(SEEDS)]
        victim = Victim(mesh, seeds)
        victim.node.start()
        is_one_kill = True
        identity = read(os.path.join(victim.node.state, "identity.json"))
        for turn in range(KILLS):
            moment = draws.choice(("start", "join", "reload", "seeds"))
            if moment in ("reload", "seeds"):
                wait_joined()
                is_one_kill = True
                action = victim.reload if moment == "reload" else victim.change_seeds
                busy = threading.Thread(target=victim.is_busy_until_killed, args=(action,))
                busy.start()
                time.sleep(draws.random() * 0.05)
                victim.node.kill()
                busy.join()
            elif moment == "join":
                is_one_kill = victim.node.is_ready()
                time.sleep(draws.random() * 0.1)
                victim.node.kill()
            else:
                is_one_kill = False
                victim.node.kill()
                victim.node.start(wait=False)
                time.sleep(draws.random() * 0.03)
                victim.node.kill()
            victim.look_at_disk(identity)
            victim.node.start()
        wait_joined()
        check(victim.node.hashname == victim.node.call("status")["hashname"], "another hashname")
        print(
            "        %d kills, joined again after %.1f s at most, %.1f s when killed several times before"
            % (KILLS, longest[True], longest[False])
        )
        if "TH_KILLS" in os.environ:  # taken when nothing else runs, so by the clock
            check(max(longest.values()) <= JOIN_S, "joined too late: %s" % longest)


main()
