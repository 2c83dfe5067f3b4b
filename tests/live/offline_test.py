"""Without a network: it goes on, joins by itself when there is one, and the same when it never had one.

The nodes are in network namespaces of their own, joined by a cable that can be pulled. Needs unshare
with a network; is left out where that is not allowed. TH_OFFLINE_S=s pulls the cable for that long
instead of 20 s.
"""

import os
import subprocess
import time

from mesh import SLOW, Mesh, Rpc, check, main, skip, test, thctl, wait_for
from rows import put

OFFLINE_S = float(os.environ.get("TH_OFFLINE_S", "20"))
LAB = "tho%d" % os.getpid()


def ip(*words, ok=True):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    check(not ok or done.returncode == 0, "ip %s: %s" % (" ".join(words), done.stderr))
    return done.returncode == 0


class Cable:
    """Two hosts, a and b, and a cable between them."""

    def __enter__(self):
        for host in "ab":
            ip("netns", "add", LAB + host)
            ip("-n", LAB + host, "link", "set", "lo", "up")
        ip("-n", LAB + "a", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", LAB + "b")
        return self

    def __exit__(self, *_):
        for host in "ab":
            ip("netns", "del", LAB + host, ok=False)

    @staticmethod
    def plug(host):
        ip("-n", LAB + host, "addr", "replace", "192.0.2.%d/24" % (1 + "ab".index(host)), "dev", "wire")
        ip("-n", LAB + host, "link", "set", "wire", "up")

    @staticmethod
    def pull(host):
        """As when the last interface goes: no address, no route, no link."""
        ip("-n", LAB + host, "addr", "flush", "dev", "wire")
        ip("-n", LAB + host, "link", "set", "wire", "down")


def inside(host):
    return ["ip", "netns", "exec", LAB + host]


def hosts(mesh):
    seed = mesh.node("seed", "--listen", "0.0.0.0:4242", "--advertise", "192.0.2.1:4242")
    seed.start(wrapper=inside("a"))
    node = mesh.node("node", "--listen", "0.0.0.0:0", "--listen", "[::]:0", "--seeds", seed.export_seeds())
    return seed, node


# A4
@test
def a_time_without_any_network_ends_nothing_and_it_joins_again_by_itself():
    with Cable() as cable, Mesh() as mesh:
        cable.plug("a")
        cable.plug("b")
        seed, node = hosts(mesh)
        node.start(wrapper=inside("b"))
        mesh.wait_ready([node], 10 * SLOW)
        pid = node.process.pid
        check(node.links() == {seed.hashname}, node.links())

        cable.pull("b")
        begun = time.monotonic()
        # What passes is looked at all the while: the test waits for the time that it is about.
        wait_for("the time is over", lambda: node.process.poll() is not None or time.monotonic() - begun > OFFLINE_S, OFFLINE_S + 5)
        check(node.call("status")["hashname"] == node.hashname and node.process.pid == pid, "it has ended")
        lines = len(node.log().splitlines())
        check(lines < 200 + OFFLINE_S / 2, "%d lines in its log" % lines)

        cable.plug("b")
        begun = time.monotonic()
        wait_for("it has joined again", lambda: node.is_ready() and node.links() == {seed.hashname}, 90 * SLOW)
        if OFFLINE_S > 90:
            check("is=joining" in node.log().split("is=ready", 1)[1], "it had not noticed")
        with Rpc(node.socket) as rpc:
            answer = wait_for(
                "the seed answers",
                lambda: rpc.call("ping", {"hashname": seed.hashname, "count": 1})["received"] == 1,
                90 * SLOW,
            )
        check(answer and node.process.pid == pid, "another process")
        print("        %.0f s without, reached again after %.1f s" % (OFFLINE_S, time.monotonic() - begun))


# A4
@test
def a_first_start_without_a_network_joins_when_it_comes():
    with Cable() as cable, Mesh() as mesh:
        cable.plug("a")
        seed, node = hosts(mesh)
        node.start(wrapper=inside("b"))
        wait_for("it has found nobody", lambda: node.call("status")["state"] == "alone", 30 * SLOW)
        cable.plug("b")
        begun = time.monotonic()
        mesh.wait_ready([node], 60 * SLOW)
        check(node.links() == {seed.hashname}, node.links())
        print("        joined %.1f s after it came" % (time.monotonic() - begun))


# A4
@test
def an_address_that_is_not_there_yet_is_listened_on_when_it_appears():
    with Cable() as cable, Mesh() as mesh:
        cable.plug("b")
        seed = mesh.node("seed", "--listen", "192.0.2.1:4242", "--advertise", "192.0.2.1:4242")
        seed.start(wrapper=inside("a"))
        check(seed.call("status")["listen"] == [], "%s" % seed.call("status")["listen"])
        said = thctl(seed, "doctor").stdout
        check("it does not listen on 192.0.2.1:4242 yet" in said, said)
        node = mesh.node("node", "--listen", "192.0.2.2:0", "--seeds", seed.export_seeds())
        node.start(wrapper=inside("b"))
        begun = time.monotonic()
        # Long enough for several looks: that it waits is said once.
        wait_for("the time is over", lambda: time.monotonic() - begun > 3.5, 10)
        check(seed.log().count("not listening address=192.0.2.1:4242") == 1, seed.log())

        cable.plug("a")
        wait_for("it listens", lambda: seed.call("status")["listen"] == ["192.0.2.1:4242"], 5 * SLOW)
        mesh.wait_ready([node], 60 * SLOW)
        check(node.links() == {seed.hashname}, node.links())
        log = seed.log()
        check(log.count(" listening address=192.0.2.1:4242: it has appeared") == 1, log)
        check(log.count("not listening") == 1, log)


@test
def a_name_to_advertise_that_cannot_be_found_yet_stops_no_start():
    with Cable() as cable, Mesh() as mesh:
        cable.plug("a")
        names = os.path.join(mesh.folder, "hosts")
        put(names, "127.0.0.1 localhost\n")
        sees = inside("a") + ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', names]
        seed = mesh.node("seed", "--listen", "0.0.0.0:4242", "--advertise", "node.example:4242", "--advertise", "192.0.2.9:1")
        seed.start(wrapper=sees)
        status = seed.call("status")
        check(status["advertised"] == ["192.0.2.9:1"], status)
        wait_for("it is said", lambda: "node.example" in seed.log(), 30 * SLOW)
        said = thctl(seed, "doctor").stdout
        check("1 name of --advertise has no address, such as node.example" in said, said)

        put(names, "127.0.0.1 localhost\n192.0.2.1 node.example\n")
        wait_for("it is found", lambda: "192.0.2.1:4242" in seed.call("status")["advertised"], 60 * SLOW)
        check("name of --advertise" not in thctl(seed, "doctor").stdout, thctl(seed, "doctor").stdout)
        check(seed.call("status")["addresses"] == ["192.0.2.9:1", "192.0.2.1:4242"], seed.call("status"))
        entry = seed.call("seeds.export")[seed.hashname]
        check("192.0.2.1" in [path["ip"] for path in entry["paths"]], entry)
        check(seed.log().count("not found name=node.example:4242") == 1, seed.log())


def may_make_networks():
    try:
        with Cable():
            return True
    except Exception:  # neither ip nor the right to use it
        return False


if not may_make_networks():
    skip("this machine lets us make no network namespaces")
main()
