#!/usr/bin/env python3
"""What is on disk survives a kill at any moment, and a full disk is a nuisance, no more.

TH_KILLS=n in the environment kills n times instead of 30, TH_SEED=n at other moments.
"""

import json
import os
import random
import signal
import time

from mesh import READ_ONLY, SLOW, SMALL_DISK, Failure, Mesh, check, main, test, wait_for, with_mounts

KILLS = int(os.environ.get("TH_KILLS", "30"))
SEED = int(os.environ.get("TH_SEED", "1"))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def look_at_disk(node, kept):
    """Checks the state directory of a dead node against what it has been known to say."""
    check(read(os.path.join(node.state, "identity.json")) == kept["identity"], "another identity")
    check(node.log().count("kept aside") == 0, node.log())
    for file in ("peers.json", "state.json", "ages.json"):
        path = os.path.join(node.state, file)
        if not os.path.exists(path):
            check(file not in kept, "%s is gone" % file)
            continue
        kept[file] = json.loads(read(path))  # a torn one is no JSON
        check(kept[file]["format"] == 1, "%s: %s" % (file, kept[file]))
        check(os.stat(path).st_mode & 0o777 == 0o600, "%s is for others too" % file)
    at = kept.get("state.json", {"at": 0})["at"]
    check(at >= kept["at"], "at went back from %d to %d" % (kept["at"], at))
    kept["at"] = at


# A4
@test
def killed_at_any_moment_it_loses_nothing_and_joins_again():
    draws = random.Random(SEED)
    print("        replay with TH_SEED=%d" % SEED)
    with Mesh() as mesh:
        seed, node = mesh.grow(1)
        mesh.wait_ready([seed, node], 5 * SLOW)
        kept = {"identity": read(os.path.join(node.state, "identity.json")), "at": 0}
        check(node.stop()[0] == 0, "did not end well")
        look_at_disk(node, kept)
        check(list(kept["peers.json"]["peers"]) == [seed.hashname], "%s" % kept["peers.json"])
        node.flags = [flag for flag in node.flags if not flag.endswith("seeds.json") and flag != "--seeds"]

        for _ in range(KILLS):
            node.start(wait=False)
            if draws.random() < 0.5:  # at its start
                time.sleep(draws.random() * 0.05)
            else:  # while it writes at its end
                node.wait_started()
                node.signal(signal.SIGTERM)
                time.sleep(draws.random() * 0.03)
            node.kill()
            look_at_disk(node, kept)

        # The seed has a line on trial of one that was killed, and for up to 30 s it takes no other.
        node.start()
        mesh.wait_ready([node], 60 * SLOW)
        node.kill()
        node.start()
        mesh.wait_ready([node], 10 * SLOW)
        check(node.links() == {seed.hashname}, "%s" % node.links())
        print("        %d kills" % KILLS)


@test
def a_full_disk_is_named_and_saved_to_again_when_there_is_room():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        node = mesh.node("node", "--seeds", seed.export_seeds())
        os.makedirs(node.state)
        wrapper = with_mounts(SMALL_DISK, node.state)
        if wrapper is None:
            return
        node.start(wrapper=wrapper)
        inside = "/proc/%d/root%s" % (node.process.pid, node.state)
        with open(os.path.join(inside, "filler"), "wb") as filler:
            try:
                filler.write(b"x" * (1 << 20))
                raise Failure("the disk has room")
            except OSError:
                pass
        mesh.wait_ready([node], 5 * SLOW)
        wait_for("it says that the disk is full", lambda: "peers.json: the disk is full" in node.log(), 10 * SLOW)
        check(not os.path.exists(os.path.join(inside, "peers.json")), "there was room")
        check(not os.path.exists(os.path.join(inside, "peers.json.new")), "left a part of it")
        check(node.is_ready(), "a full disk made it leave the mesh")

        os.remove(os.path.join(inside, "filler"))
        directory = os.open(inside, os.O_RDONLY)  # the file system lives as long as this
        code, _ = node.stop()
        peers = os.open("peers.json", os.O_RDONLY, dir_fd=directory)
        check(code == 0 and "saved_again" in node.log(), "%d: %s" % (code, node.log()))
        check(list(json.loads(os.read(peers, 1 << 16))["peers"]) == [seed.hashname], "not what it should remember")
        os.close(peers)
        os.close(directory)


@test
def a_state_directory_that_is_read_only_is_named_and_left_as_it_is():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        node = mesh.node("node", "--seeds", seed.export_seeds()).start()
        mesh.wait_ready([node], 5 * SLOW)
        check(node.stop()[0] == 0, "did not end well")
        before = {name: read(os.path.join(node.state, name)) for name in os.listdir(node.state)}
        wrapper = with_mounts(READ_ONLY, node.state)
        if wrapper is None:
            return
        node.start(wrapper=wrapper, wait=False)
        code = node.process.wait(20 * SLOW)
        last = node.log().splitlines()[-1]
        check(code == 2 and node.state in last and "Read-only file system" in last, "%s: %s" % (code, last))
        after = {name: read(os.path.join(node.state, name)) for name in os.listdir(node.state)}
        check(after == before, "something was changed")
        node.start()
        mesh.wait_ready([node], 40 * SLOW)


main()
