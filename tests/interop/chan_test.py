"""Channels of the library with the JavaScript switch, whose unreliable ones they are: each side opens them."""

import os
import subprocess
import threading

from foreign import SLOW, MixedMesh, check
from mesh import BUILD, main, test, wait_for


class Program:
    """tests/interop/chan.c, running; what it prints is kept line by line."""

    def __init__(self, seed):
        self.lines = []
        self.process = subprocess.Popen([os.path.join(BUILD, "tests", "interop", "chan"), seed.seeds_path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20 * SLOW)
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()

    def read(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def wait_lines(self, begin, count=1):
        """What follows in the lines that begin so, once there are as many."""

        def found():
            lines = [line[len(begin):] for line in list(self.lines) if line.startswith(begin)]
            return lines if len(lines) >= count else None

        return wait_for(lambda: "%d times %r in %s" % (count, begin, self.lines), found, 20 * SLOW)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@test
def foreign_node_echoes_a_packet_with_its_json():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")
        with Program(seed) as program:
            program.wait_lines("ready")
            for count in (1, 2, 3):
                program.say("open %s %s" % (seed.hashname, "body" * count))
                got = program.wait_lines("got ", count)[-1]
                check(got == '{"n":[1,2.5,"x"]} ' + "body" * count, "%s came back" % got)
                check(program.wait_lines("over ", count)[-1].startswith("no error"), "%s" % program.lines)


@test
def ours_echoes_a_packet_of_a_foreign_node():
    with MixedMesh() as mesh:
        seed = mesh.foreign("js-seed")
        with Program(seed) as program:
            hashname = program.wait_lines("hashname ")[0]
            program.wait_lines("ready")
            for count in (1, 2, 3):
                answer = seed.call("echo", hashname=hashname, text="hello %d" % count)
                check(answer["error"] is None and answer["text"] == "hello %d" % count, "%s" % answer)
                check(program.wait_lines("echoed ", count)[-1] == '{"n":1} hello %d' % count, "%s" % program.lines)


main()
