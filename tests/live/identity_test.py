"""telehashd --identity: a key that lies outside the state directory and is only read."""

import json
import os
import stat

from mesh import Mesh, check, main, telehashd, test


def read(path):
    with open(path, "rb") as file:
        return file.read()


def make_key(mesh, name):
    """A key of its own, in a folder of its own. Returns its file and its hashname."""
    state = os.path.join(mesh.folder, name + ".made")
    result = telehashd("--state-dir", state, "--socket", os.path.join(mesh.folder, "s"), "--print-hashname")
    check(result.returncode == 0, result.stderr)
    path = os.path.join(mesh.folder, name)
    os.rename(os.path.join(state, "identity.json"), path)
    os.chmod(path, 0o400)
    return path, result.stdout.strip()


@test
def a_key_elsewhere_is_used_and_nothing_is_written_to_it():
    with Mesh() as mesh:
        key, hashname = make_key(mesh, "key")
        before = read(key), os.stat(key).st_mtime_ns, os.stat(key).st_ino
        node = mesh.node("a", "--identity", key).start()

        check(node.hashname == hashname, "another identity: %s" % node.hashname)
        node.stop()
        check((read(key), os.stat(key).st_mtime_ns, os.stat(key).st_ino) == before, "the key was touched")
        check(stat.S_IMODE(os.stat(key).st_mode) == 0o400, "its mode was changed")
        check("identity.json" not in os.listdir(node.state), "%s" % os.listdir(node.state))


@test
def another_identity_in_the_state_directory_is_left_alone():
    with Mesh() as mesh:
        key, hashname = make_key(mesh, "key")
        node = mesh.node("a").start()
        own, path = node.hashname, os.path.join(node.state, "identity.json")
        before = read(path)
        node.stop()

        node.start("--identity", key)
        check(node.hashname == hashname != own, "not the key that was given")
        node.stop()
        check(read(path) == before, "the identity was changed")
        node.start()
        check(node.hashname == own, "its own identity is gone")


@test
def init_prints_the_entry_of_the_key_and_makes_nothing():
    with Mesh() as mesh:
        key, hashname = make_key(mesh, "key")
        state = os.path.join(mesh.folder, "state")
        flags = ["--state-dir", state, "--socket", os.path.join(mesh.folder, "s"), "--identity", key]
        entry, name = telehashd(*flags, "--init"), telehashd(*flags, "--print-hashname")

        check(entry.returncode == 0 and list(json.loads(entry.stdout)) == [hashname], "%s" % entry)
        check(name.returncode == 0 and name.stdout == hashname + "\n", "%s" % name)
        check(not os.path.exists(state), "a state directory was made")


@test
def a_key_that_is_none_is_refused_in_one_line_and_nothing_is_made():
    with Mesh() as mesh:
        good, _ = make_key(mesh, "key")

        def put(name, content, mode):
            path = os.path.join(mesh.folder, name)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
            return path

        for path, word in (
            (os.path.join(mesh.folder, "missing"), "no such file"),
            (mesh.folder, "no regular file"),
            (put("others", read(good), 0o604), "others may read this secret (mode 604)"),
            (put("group", read(good), 0o640), "others may read this secret (mode 640)"),
            (put("empty", b"", 0o600), "empty"),
            (put("broken", b'{"3a":', 0o600), "broken"),
            (put("half", json.dumps({"3a": json.loads(read(good))["3a"]}).encode(), 0o600), "half"),
            ("", "no name of a file"),
        ):
            for more in ((), ("--init",), ("--print-hashname",)):
                state, socket = os.path.join(mesh.folder, "state"), os.path.join(mesh.folder, "s")
                result = telehashd("--state-dir", state, "--socket", socket, "--identity", path, *more)
                said = result.stderr
                check(result.returncode == 2, "%s: exit %d: %s" % (path, result.returncode, said))
                check(said.startswith("telehashd: --identity ") and said.count("\n") == 1, "%r" % said)
                check(word in said and result.stdout == "", "%r does not say %r" % (said, word))
                check(not os.path.exists(state) and not os.path.exists(socket), "%s: something was made" % path)
        twice = telehashd("--identity", good, "--identity", good)
        check(twice.returncode == 2 and "one identity" in twice.stderr, "%s" % twice)


main()
