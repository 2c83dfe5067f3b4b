"""Start, join, use, stop: valgrind finds no leak and no wrong access."""

import os
import shutil

from mesh import Mesh, TELEHASHD, check, main, run, sanitizer, skip, test, thctl

SLOWER = 10  # valgrind runs one thread at a time


def wrapper(mesh, name):
    return [
        "valgrind",
        "--quiet",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,possible",
        "--show-leak-kinds=definite,possible",
        "--error-exitcode=99",
        "--log-file=" + os.path.join(mesh.folder, name + ".valgrind"),
    ]


def said(mesh, name):
    with open(os.path.join(mesh.folder, name + ".valgrind"), errors="replace") as file:
        return file.read()


@test
def a_node_that_joined_and_was_used_leaves_nothing_behind():
    with Mesh() as mesh:
        seed = mesh.node("seed")
        seed.start(wrapper=wrapper(mesh, "seed"), wait=False)
        seed.wait_started(10 * SLOWER)
        node = mesh.node("node", "--seeds", seed.export_seeds())
        node.start(wrapper=wrapper(mesh, "node"), wait=False)
        node.wait_started(10 * SLOWER)
        mesh.wait_ready([seed, node], 10 * SLOWER)

        for method in ("status", "peers", "buckets", "lines", "servers", "seeds.export", "methods"):
            node.call(method)
        check(node.call("seek", {"hashname": "ab" * 32})["found"] is False, "found what is not there")
        ping = node.call("ping", {"hashname": seed.hashname, "count": 2, "interval_ms": 100, "wait_ms": 20000})
        check(ping["received"] == 2, "%s" % ping)
        check(thctl(node, "--timeout", "60", "seek", seed.hashname).returncode == 0, "seek of the seed")
        node.rpc().send("status")  # and goes without the answer

        for each in (node, seed):
            code, _ = each.stop(60)
            check(code == 0, "%s ended with %d\n%s" % (each.name, code, said(mesh, each.name)))


if shutil.which("valgrind") is None:
    skip("there is no valgrind (tools/setup test installs it)")
if sanitizer():
    skip("valgrind and the sanitizer of this build do not go together")
if "unhandled dwarf" in run(["valgrind", "--quiet", TELEHASHD, "--version"]).stderr:
    skip("this valgrind cannot read what this compiler wrote for debuggers")
main()
