"""Reliable channels with the JavaScript switch: each side opens them, each side echoes."""

import os
import subprocess
import threading

from foreign import SLOW, MixedMesh, check, wait_linked
from mesh import BUILD, main, test

THCTL = os.path.join(BUILD, "thctl")
PIPE_S = 60


def pipe(node, *words):
    return subprocess.Popen([THCTL, "--socket", node.socket, "pipe", *words],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def linked(mesh):
    seed = mesh.foreign("js-seed")
    node = mesh.ours("node", seed)
    wait_linked(node, seed)
    return seed, node


def echo(process):
    """Sends back what comes from a pipe, and its end."""
    while True:
        data = process.stdout.read1(65536)
        if not data:
            break
        process.stdin.write(data)
        process.stdin.flush()
    process.stdin.close()


@test
def foreign_node_echoes_a_stream_of_ours():
    with MixedMesh() as mesh:
        seed, node = linked(mesh)
        for size, kind in ((1, "_echo"), (1000, "_echo"), (100000, "_echo"), (1, "_sock"), (100000, "_sock")):
            data = os.urandom(size)
            with pipe(node, seed.hashname, kind) as process:
                out, err = process.communicate(data, timeout=PIPE_S * SLOW)
            check(out == data, "%d of %d bytes came back: %s" % (len(out), size, err.decode()))
            check(process.returncode == 0, "it ended with %d: %s" % (process.returncode, err.decode()))


def echo_foreign(packets, size, kind="_echo"):
    with MixedMesh() as mesh:
        seed, node = linked(mesh)
        process = pipe(node, "listen", kind)
        try:
            thread = threading.Thread(target=echo, args=(process,), daemon=True)
            thread.start()
            # Who opens one sooner than ours listens is refused: it says so, and begins again.
            while True:
                answer = seed.call("stream", hashname=node.hashname, type=kind, packets=packets, size=size)
                if answer["error"] != "unknown type":
                    break
            thread.join(PIPE_S * SLOW)
            check(answer["error"] is None and answer["same"], "%s" % answer)
            check(answer["bytes"] == packets * size, "%s" % answer)
            check(process.wait(PIPE_S * SLOW) == 0, "it ended with %d" % process.returncode)
        finally:
            process.kill()
            process.wait()


@test
def ours_echoes_a_stream_of_a_foreign_node():
    echo_foreign(packets=40, size=900)


@test
def ours_takes_the_sockets_of_a_foreign_node():
    """What tests/embed/forward.c connects to a server. The foreign node puts a `_` before a type that has none."""
    echo_foreign(packets=40, size=900, kind="_sock")


@test
def foreign_node_that_sends_more_than_any_window_is_asked_for_what_was_dropped():
    echo_foreign(packets=250, size=200)


main()
