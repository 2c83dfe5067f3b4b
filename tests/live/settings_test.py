"""What an operator changes while it runs: the configuration that is read again, and the seeds."""

import json
import os
import signal

from mesh import SLOW, SMALL_DISK, Mesh, check, main, test, thctl, wait_for, with_mounts
from rows import put


def said(node, *words):
    done = thctl(node, *words)
    check(done.returncode == 0, "%s: %s" % (words, done))
    return done.stdout


def uri_of(node):
    return list(node.call("seeds.export").values())[0]["uri"]


# --- reload ---------------------------------------------------------------------------------------


def with_file(mesh, text):
    """A node with a configuration file."""
    path = os.path.join(mesh.folder, "a.conf")
    put(path, text, 0o644)
    return mesh.node("a", "--config", path), path


@test
def what_changed_is_said_and_what_of_it_needs_a_restart():
    with Mesh() as mesh:
        node, path = with_file(mesh, '{\n  // quiet\n  "log_level": "warn", "k": 4\n}\n')
        node.start()
        check("no key changed" in said(node, "reload"), "nothing had changed")
        said_of_itself = [line for line in node.log().splitlines() if " watchdog: " not in line]  # of a busy machine
        check(said_of_itself == [], "it is quiet: %s" % said_of_itself)

        put(path, '{ "log_level": "debug", "k": 5, "rcvbuf": 8192 }\n', 0o644)
        lines = said(node, "reload").splitlines()
        check('log_level: was "warn", is "debug"' in lines, lines)
        check("k: was 4, is 5 (needs a restart)" in lines, lines)
        check("rcvbuf: was null, is 8192 (needs a restart)" in lines, lines)
        check('changed key=log_level was="warn" is="debug"' in node.log() and "reloaded" in node.log(), node.log())

        # What still needs a restart is said again; what is in force is not.
        changed = json.loads(said(node, "--json", "reload"))["changed"]
        check([row["key"] for row in changed] == ["k", "rcvbuf"], changed)
        check(all(row["restart"] for row in changed), changed)


@test
def a_broken_file_changes_nothing():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        node, path = with_file(mesh, '{ "log_level": "info", "seed": "%s" }\n' % uri_of(seed))
        node.start()
        mesh.wait_ready([node], 10 * SLOW)
        for text, word in (
            ("{", "line 1"),
            ('{\n\n  "log_levle": "debug" }', "line 3: log_levle: unknown key; did you mean log_level?"),
            ('{ "log_level": "debug",\n "k": 1 }', "line 2: k 1"),
            ('{ "log_level": "debug",\n "seeds": "/nowhere/seeds" }', "/nowhere/seeds"),
        ):
            put(path, text, 0o644)
            done = thctl(node, "reload")
            check(done.returncode == 2 and word in done.stderr, done)
            check("nothing was changed" in done.stderr and done.stderr.count("\n") == 1, done)
        os.remove(path)
        check(thctl(node, "reload").returncode == 2, "there is no file any more")
        check(len(node.call("seeds.list")) == 1 and node.is_ready(), "something was changed")
        check("DEBUG" not in node.log(), "it writes at another level")


@test
def a_file_of_the_system_that_is_gone_opens_no_private_mesh():
    with Mesh() as mesh:
        node = mesh.node("a")
        folder = os.path.join(mesh.folder, "etc", "telehash")
        os.makedirs(folder)
        wrapper = with_mounts('mount --bind "$0" /etc', os.path.dirname(folder))
        if wrapper is None:
            return
        path = os.path.join(folder, "telehashd.conf")
        put(path, '{ "allow": "%s" }\n' % ("ab" * 32), 0o644)
        node.start(wrapper=wrapper)
        check(json.loads(said(node, "--json", "reload"))["changed"] == [], "it had changed")

        os.rename(path, path + ".new")
        done = thctl(node, "reload")
        check(done.returncode == 2 and "/etc/telehash/telehashd.conf: is gone" in done.stderr, done)
        check("nothing was changed" in done.stderr and done.stderr.count("\n") == 1, done)
        os.rename(path + ".new", path)
        check(json.loads(said(node, "--json", "reload"))["changed"] == [], "it was changed")


@test
def a_hangup_reloads_and_the_log_says_what():
    with Mesh() as mesh:
        node, path = with_file(mesh, "{}\n")
        node.start()
        pid = node.process.pid
        put(path, '{ "log_format": "json" }\n', 0o644)
        node.signal(signal.SIGHUP)
        wait_for("it writes JSON", lambda: node.log().rstrip().endswith("}"), 10 * SLOW)
        lines = [json.loads(line) for line in node.log().splitlines() if line.startswith("{")]
        check(any('changed key=log_format was=null is="json"' in line["text"] for line in lines), lines)
        put(path, "broken\n", 0o644)
        node.signal(signal.SIGHUP)
        wait_for("it says what is wrong", lambda: "nothing was changed" in node.log(), 10 * SLOW)
        check(node.call("status")["hashname"] == node.hashname and node.process.pid == pid, "it is another")


# --- seeds ----------------------------------------------------------------------------------------


def address_in(uri):
    return uri.rsplit("/", 1)[1]


# A4
@test
def a_seed_that_is_added_is_joined_and_there_after_a_restart():
    with Mesh() as mesh:
        seed, node = mesh.node("seed").start(), mesh.node("node").start()
        wait_for("it knows nobody", lambda: node.call("status")["state"] == "alone", 10 * SLOW)
        check(seed.hashname in said(node, "seeds", "add", uri_of(seed)), "not added")
        mesh.wait_ready([node], 10 * SLOW)

        node.kill()
        peers = os.path.join(node.state, "peers.json")
        if os.path.exists(peers):
            os.remove(peers)
        node.start()
        mesh.wait_ready([node], 60 * SLOW)  # the seed has its old line on trial for up to 30 s
        rows = json.loads(said(node, "--json", "seeds", "list"))
        check([(row["hashname"], row["from"], row["added"]) for row in rows] == [(seed.hashname, "added", True)], rows)

        check("was removed" in said(node, "seeds", "remove", seed.hashname[:12]), "not removed")
        check(node.call("seeds.list") == [], node.call("seeds.list"))
        check(node.links() == {seed.hashname}, "its link ended")
        code, _ = node.stop()
        node.start()
        check(code == 0 and node.call("seeds.list") == [], "it is there again")


@test
def a_seed_is_known_again_to_a_bootstrap_that_was_restarted():
    with Mesh() as mesh:
        first, second = mesh.node("first").start(), mesh.node("second").start()
        node = mesh.node("node", "--seeds", first.export_seeds()).start()
        uri = uri_of(second)
        second.stop()
        said(node, "seeds", "add", uri)
        said(node, "restart", "bootstrap")
        second.flags = ["--listen", address_in(uri)]
        second.start()
        wait_for("linked with both", lambda: len(node.links()) == 2, 60 * SLOW)


def with_names(mesh, *hosts):
    """A wrapper whose program finds these names and no others; None where that is not allowed."""
    path = os.path.join(mesh.folder, "hosts")
    put(path, "".join("%s\n" % host for host in hosts), 0o644)
    put(os.path.join(mesh.folder, "resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", 0o644)
    script = 'for f in hosts resolv.conf; do mount --bind "$0/$f" "$(readlink -f /etc/$f)" || exit 99; done'
    return with_mounts(script, mesh.folder)


def set_names(mesh, *hosts):
    """In place: a file that is mounted elsewhere cannot be replaced."""
    with open(os.path.join(mesh.folder, "hosts"), "w") as file:
        file.write("".join("%s\n" % host for host in hosts))


@test
def a_name_that_is_not_there_yet_is_joined_when_it_comes_and_kept_when_it_goes():
    with Mesh() as mesh:
        seed = mesh.node("seed").start()
        port = seed.call("status")["listen"][0].rsplit(":", 1)[1]
        uri = uri_of(seed).rsplit("/", 1)[0] + "/seed.test:" + port
        node = mesh.node("node", "--seed", uri)
        wrapper = with_names(mesh)
        if wrapper is None:
            return
        node.start(wrapper=wrapper)
        wait_for("it says so", lambda: "names not found" in node.log(), 10 * SLOW)
        check(node.call("seeds.list")[0]["addresses"] == [], node.call("seeds.list"))

        set_names(mesh, "127.0.0.1 seed.test")
        mesh.wait_ready([node], 30 * SLOW)
        check(node.call("seeds.list")[0]["addresses"] == ["127.0.0.1:" + port], node.call("seeds.list"))

        set_names(mesh)
        said(node, "reload")  # looks names up again at once
        wait_for("it says what it keeps", lambda: "kept=1" in node.log(), 10 * SLOW)
        check(node.call("seeds.list")[0]["addresses"] == ["127.0.0.1:" + port], node.call("seeds.list"))

        set_names(mesh, "127.0.0.2 seed.test")
        wait_for(
            "it knows that it moved",
            lambda: node.call("seeds.list")[0]["addresses"] == ["127.0.0.2:" + port],
            30 * SLOW,
        )
        code, took = node.stop()
        check(code == 0 and took < 5 * SLOW, "%d after %.1f s" % (code, took))


@test
def what_is_exported_by_name_is_a_name():
    with Mesh() as mesh:
        seed = mesh.node("seed", "--advertise", "localhost:42424").start()
        uri = said(seed, "seeds", "export", "--uri").strip()
        check("/localhost:42424" in uri and uri.startswith("telehash://" + seed.hashname), uri)
        node = mesh.node("node", "--seeds", seed.export_seeds()).start()
        row = node.call("seeds.list")[0]
        check("/localhost:42424" in row["uri"] and row["from"].endswith("seed.seeds.json"), row)


@test
def a_full_disk_adds_no_seed_and_says_so():
    with Mesh() as mesh:
        seed, node = mesh.node("seed").start(), mesh.node("node")
        os.makedirs(node.state)
        wrapper = with_mounts(SMALL_DISK, node.state)
        if wrapper is None:
            return
        node.start(wrapper=wrapper)
        inside = "/proc/%d/root%s" % (node.process.pid, node.state)
        said(node, "seeds", "add", uri_of(seed))
        before = open(os.path.join(inside, "seeds.json")).read()
        with open(os.path.join(inside, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        done = thctl(node, "seeds", "remove", seed.hashname)
        check(done.returncode == 1 and "the disk is full; nothing was changed" in done.stderr, done)
        check([row["hashname"] for row in node.call("seeds.list")] == [seed.hashname], "it is gone")
        check(open(os.path.join(inside, "seeds.json")).read() == before, "the file was changed")
        os.remove(os.path.join(inside, "filler"))
        said(node, "seeds", "remove", seed.hashname)


main()
