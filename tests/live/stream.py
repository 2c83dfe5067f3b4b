"""A thctl that goes on, for the tests that read what it prints as it comes."""

import json
import os
import signal
import subprocess

from mesh import END_S, THCTL, SLOW, Failure, wait_for


class Stream:
    """A thctl that goes on. Its lines are read as they come."""

    def __init__(self, mesh, node, *words):
        self.path = os.path.join(mesh.folder, "stream%d" % len(os.listdir(mesh.folder)))
        with open(self.path, "w") as out:
            self.process = subprocess.Popen(
                [THCTL, "--socket", node.socket, *words], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def lines(self):
        """Whole lines so far: each must be there before the stream ends."""
        with open(self.path) as file:
            text = file.read()
        return text[: text.rfind("\n") + 1].splitlines()

    def rows(self):
        return [json.loads(line) for line in self.lines()]

    def wait(self, what, fits, seconds=5):
        """The first JSON row that fits."""
        try:
            return wait_for(what, lambda: next((row for row in self.rows() if fits(row)), None), seconds * SLOW)
        except Failure as problem:
            raise Failure("%s; there were %s" % (problem, self.lines()[-20:])) from None

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(END_S * SLOW)
