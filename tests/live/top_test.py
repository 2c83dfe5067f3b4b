"""thctl top: rounds of text without a terminal, and on one a screen that keys change."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import termios
import time

from mesh import END_S, Mesh, SLOW, THCTL, check, main, skip, test, thctl

LINES, COLUMNS = 24, 120
# What a VT100 is told: a control sequence, a shift of character sets, or a character.
PIECE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78DM]|([\x00-\x1f\x7f])|(.)", re.S)


class Terminal:
    """A program on a terminal, and the screen that it draws: as much of a VT100 as ncurses uses."""

    def __init__(self, *command):
        self.cells = [[" "] * COLUMNS for _ in range(LINES)]
        self.line = self.column = 0
        self.begun = ""
        self.first, self.last = 0, LINES - 1  # the lines that scroll
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            os.execvpe(command[0], command, dict(os.environ, TERM="vt100"))
        self.code = None

    def control(self, numbers, letter):
        first = int(numbers.split(";")[0] or 0) if numbers.replace(";", "").isdigit() else 0
        if letter in "Hf":
            parts = [int(part or 1) for part in (numbers or "1;1").split(";")]
            self.line, self.column = parts[0] - 1, (parts[1] if len(parts) > 1 else 1) - 1
        elif letter == "r":
            parts = [int(part) for part in numbers.split(";") if part] or [1, LINES]
            self.first, self.last = parts[0] - 1, parts[-1] - 1
            self.line = self.column = 0
        elif letter == "J":
            for line in range(0 if first == 2 else self.line, LINES):
                start = self.column if line == self.line and first != 2 else 0
                self.cells[line][start:] = [" "] * (COLUMNS - start)
        elif letter == "K" and first == 1:
            self.cells[self.line][: self.column + 1] = [" "] * (self.column + 1)
        elif letter == "K":
            self.cells[self.line][self.column :] = [" "] * (COLUMNS - self.column)
        elif letter in "ABCD":
            step = first or 1
            self.line += {"A": -step, "B": step}.get(letter, 0)
            self.column += {"C": step, "D": -step}.get(letter, 0)

    def draw(self, text):
        text = self.begun + text
        cut = re.search(r"\x1b(\[[?0-9;]*|[()])?$", text)  # the rest of it comes with the next
        self.begun = cut.group() if cut else ""
        text = text[: len(text) - len(self.begun)]
        for piece in PIECE.finditer(text):
            whole = piece.group()
            numbers, letter, control, character = piece.groups()
            if letter:
                self.control(numbers, letter)
            elif control == "\r":
                self.column = 0
            elif control == "\n" and self.line == self.last:
                self.cells.insert(self.last + 1, [" "] * COLUMNS)
                self.cells.pop(self.first)
            elif control == "\n":
                self.line = min(self.line + 1, LINES - 1)
            elif whole == "\x1bM" and self.line == self.first:
                self.cells.pop(self.last)
                self.cells.insert(self.first, [" "] * COLUMNS)
            elif control == "\t":
                self.column = min(self.column // 8 * 8 + 8, COLUMNS - 1)
            elif control == "\b":
                self.column = max(self.column - 1, 0)
            elif character and self.line < LINES and self.column < COLUMNS:
                self.cells[self.line][self.column] = character
                self.column += 1

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                return False
            self.draw(data.decode(errors="replace"))
        return True

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.cells)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def wait(self, what, holds):
        ends = time.monotonic() + END_S * SLOW
        while not holds(self.text()):
            check(time.monotonic() < ends and self.read(0.1), "not seen: %s\n%s" % (what, self.text()))

    def wait_end(self):
        ends = time.monotonic() + END_S * SLOW
        while self.code is None and time.monotonic() < ends:
            self.read(0.1)
        check(self.code == 0, "it ended with %s\n%s" % (self.code, self.text()))
        os.close(self.fd)


def two(mesh):
    nodes = mesh.grow(2)
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


@test
def keys_switch_sort_and_filter_what_is_drawn():
    with Mesh() as mesh:
        seed, node, other = two(mesh)
        top = Terminal(THCTL, "--socket", node.socket, "-i", "0.5", "top")
        top.wait("anything", lambda text: "telehashd pid" in text and ("1-4 Tab" in text or text.count("telehashd") > 1))
        if "1-4 Tab" not in top.text():
            os.kill(top.pid, 15)
            skip("this thctl was built without ncurses")
        top.wait("both peers", lambda text: seed.hashname[:8] in text and other.hashname[:8] in text)
        top.wait("rates", lambda text: re.search(r"\d B +\d+ B  127.0.0.1", text))
        check("[1 peers]" in top.text() and "ready, 2 links" in top.text(), top.text())
        print("        " + top.text().replace("\n", "\n        ").rstrip())

        top.press("r")
        top.wait("the order turned round", lambda text: "sorted by HASHNAME down" in text)
        top.press(">>")
        top.wait("another column", lambda text: "sorted by SEED down" in text)
        top.press("/" + seed.hashname[:8])
        top.wait("the filter", lambda text: "filter: %s_" % seed.hashname[:8] in text)
        top.wait("the seed alone", lambda text: other.hashname[:8] not in text)
        top.press("\r")
        top.wait("the filter at rest", lambda text: "filter: %s (1 of 2)" % seed.hashname[:8] in text)
        top.press("\x1b")
        top.wait("both again", lambda text: other.hashname[:8] in text)
        top.press("2")
        top.wait("traffic", lambda text: "[2 traffic]" in text and "RX PACKETS/s" in text)
        top.press("\t")
        top.wait("servers", lambda text: "[3 servers]" in text and "bootstrap" in text)
        print("        " + top.text().replace("\n", "\n        ").rstrip())
        top.press("4")
        top.wait("drops", lambda text: "[4 drops]" in text and "MEANING" in text)
        top.press("q")
        top.wait_end()


@test
def without_a_terminal_it_prints_rounds():
    with Mesh() as mesh:
        seed, node, other = two(mesh)
        result = thctl(node, "-n", "2", "-i", "0.3", "top", "traffic")
        check(result.returncode == 0, result.stderr)
        rounds = result.stdout.strip().split("\n\n")
        check(len(rounds) == 2, result.stdout)
        check(seed.hashname in rounds[1] and other.hashname in rounds[1], rounds[1])
        check(re.search(seed.hashname + r" +- +- ", rounds[0]), "rates of the first round: " + rounds[0])
        check(re.search(seed.hashname + r" +[0-9.]+ k?B", rounds[1]), "no rates: " + rounds[1])

        result = thctl(node, "--json", "-n", "1", "top", "servers")
        answer = json.loads(result.stdout)
        check(answer["view"] == "servers" and answer["health"]["alive"] and len(answer["rows"]) > 8, result.stdout)
        result = thctl(node, "top", "bottom")
        check(result.returncode == 2 and "there are peers, traffic" in result.stderr, result.stderr)


main()
