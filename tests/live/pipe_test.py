"""thctl pipe joins standard input and output of two machines over a stream."""

import os
import select
import subprocess
import threading

from mesh import BUILD, Mesh, SLOW, check, main, test, thctl, wait_for

THCTL = os.path.join(BUILD, "thctl")


class Pipe:
    """A thctl pipe that runs."""

    def __init__(self, node, *words):
        self.process = subprocess.Popen([THCTL, "--socket", node.socket, "pipe", *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.process.stderr):
            file.close()

    def talk(self, data, seconds=60):
        """Sends all and its end; returns what came, the exit code and what was said."""
        out, err = self.process.communicate(data, timeout=seconds * SLOW)
        return out, self.process.returncode, err.decode()


def talk_in_background(pipe, data):
    said = []
    thread = threading.Thread(target=lambda: said.append(pipe.talk(data)))
    thread.start()
    return thread, said


def two(mesh):
    seed, node = mesh.grow(1)
    mesh.wait_whole([seed, node], 10 * SLOW)
    return seed, node


@test
def bytes_go_both_ways_and_both_ends_end():
    with Mesh() as mesh:
        seed, node = two(mesh)
        there, back = os.urandom(3000000), os.urandom(1000000)
        with Pipe(seed, "listen", "test") as listener:
            thread, heard = talk_in_background(listener, back)
            said = connect_until_heard(node, seed, "test", there)
            thread.join()
            check(said[1] == 0 and heard[0][1] == 0, "%s, %s" % (said[1:], heard[0][1:]))
            check(heard[0][0] == there, "%d of %d bytes came" % (len(heard[0][0]), len(there)))
            check(said[0] == back, "%d of %d bytes came back" % (len(said[0]), len(back)))


def connect_until_heard(node, seed, name, data):
    """The one who listens may not have said so yet: then nobody takes the stream."""

    def connect():
        with Pipe(node, seed.hashname[:8], name) as pipe:
            said = pipe.talk(data)
            return None if "unknown type" in said[2] else said

    return wait_for("%s listens" % name, connect, 20 * SLOW)


@test
def nobody_who_listens_is_said():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with Pipe(node, seed.hashname, "nobody") as pipe:
            out, code, err = pipe.talk(b"hello")
        check(code == 1 and out == b"" and "unknown type" in err, "%d %s" % (code, err))
        with Pipe(node, "0" * 64, "nobody") as pipe:
            out, code, err = pipe.talk(b"hello")
        check(code == 1 and err.startswith("thctl: "), "%d %s" % (code, err))


@test
def wrong_words_are_told_and_end_with_2():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        for words in (["listen"], ["listen", "a b"], ["listen", "x" * 40], [node.hashname], ["xyz", "name"],
                      [node.hashname, "name"]):
            with Pipe(node, *words) as pipe:
                out, code, err = pipe.talk(b"")
                check(code == 2 and err.startswith("thctl: ") and err.count("\n") == 1, "%s: %d %s" % (words, code, err))


@test
def a_second_listener_is_refused_and_the_place_is_free_when_the_first_has_gone():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as first, node.rpc() as second:
            listen(node, first, "_x")
            said = second.answer("pipe.listen", {"type": "_x"})
            check("listens" in said["error"]["message"], said)
            first.close()

            def is_free():
                with node.rpc() as third:
                    third.socket.settimeout(0.2 * SLOW)
                    try:
                        return third.answer("pipe.listen", {"type": "_x"}) is None
                    except TimeoutError:
                        return True  # it waits for somebody

            wait_for("the place is free", is_free, 10 * SLOW)


def listen(node, rpc, name):
    """Begins to listen, as soon as nobody else of this node does."""

    def has_begun():
        rpc.send("pipe.listen", {"type": name})
        with node.rpc() as other:
            said = other.answer("pipe.listen", {"type": name})
        check("listens" in said["error"]["message"], said)
        rpc.socket.settimeout(0.05 * SLOW)
        try:
            return "listens" not in rpc.receive()["error"]["message"]
        except TimeoutError:
            return True
        finally:
            rpc.socket.settimeout(30 * SLOW)

    wait_for("it listens", has_begun, 20 * SLOW)


@test
def whoever_waits_to_listen_when_the_switch_is_restarted_is_told():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        with node.rpc() as first, node.rpc() as second:
            listen(node, first, "_a")
            node.call("status")  # the switch has answered, and is asked for a stream
            check(thctl(node, "suspend", "switch").returncode == 0, "not suspended")
            listen(node, second, "_b")
            check(thctl(node, "restart", "switch").returncode == 0, "not restarted")
            for rpc in (first, second):
                said = rpc.receive()
                check(said and said["error"]["message"] == "the switch is being restarted", said)
        check(node.process.poll() is None and node.call("status")["hashname"] == node.hashname, "it crashed")


@test
def a_listener_that_left_takes_no_place_from_the_next():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with seed.rpc() as first, seed.rpc() as second:
            check(thctl(seed, "suspend", "switch").returncode == 0, "not suspended")
            listen(seed, first, "_x")
            first.close()
            listen(seed, second, "_x")
            check(thctl(seed, "resume", "switch").returncode == 0, "not resumed")
            seed.call("status")
            with Pipe(node, seed.hashname, "_x") as pipe:
                pipe.process.stdin.write(b"hello")
                pipe.process.stdin.flush()
                said = wait_for("it is taken or refused",
                                lambda: readable(second.socket, pipe.process.stderr), 20 * SLOW)
                check(second.socket in said, "refused: nobody listens")


@test
def a_client_that_is_killed_ends_the_other_side():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with Pipe(seed, "listen", "test") as listener:
            while True:
                with Pipe(node, seed.hashname, "test") as pipe:
                    pipe.process.stdin.write(b"first")
                    pipe.process.stdin.flush()
                    came = wait_for("it is taken or refused",
                                    lambda: readable(listener.process.stdout, pipe.process.stderr), 20 * SLOW)
                    if listener.process.stdout not in came:
                        continue  # nobody listened yet
                    check(listener.process.stdout.read1(100) == b"first", "it reads something else")
                    pipe.process.kill()
                    out, code, _ = listener.talk(b"")
                    check((out, code) == (b"", 0), "%s %d" % (out, code))
                    return


def readable(*files):
    return select.select(files, [], [], 1)[0]


main()
