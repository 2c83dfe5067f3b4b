"""What a program needs to have a node in it: the installed library, its header, and pkg-config.

The programs in tests/embed are built as a user would build them, against a copy of the library that was
installed for the test, and run.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

from mesh import BUILD, SLOW, check, main, run, sanitizer, skip, test, wait_for  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = os.path.join(HERE, "example.c")
ECHO = os.path.join(HERE, "echo.c")
FORWARD = os.path.join(HERE, "forward.c")
CHAT = os.path.join(HERE, "chat.c")
SEND = os.path.join(HERE, "send.c")
BEACON = os.path.join(HERE, "beacon.c")
README = os.path.join(HERE, "..", "..", "README.md")
HEADER = os.path.join(HERE, "..", "..", "router", "telehash.h")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def compiler():
    """The one that the library was built with: its sanitizers go with no other."""
    with open(os.path.join(BUILD, "CMakeCache.txt")) as cache:
        return re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", cache.read(), re.M).group(1)


def must(command, **more):
    result = run(command, **more)
    check(result.returncode == 0, "%s: %s%s" % (" ".join(command), result.stdout, result.stderr))
    return result.stdout


class Installed:
    """The library in a folder of its own; without the shared one when is_static."""

    def __init__(self, is_static=False):
        self.is_static = is_static

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="telehash-embed-")
        self.prefix = os.path.join(self.folder, "prefix")
        try:
            must(["cmake", "--install", BUILD, "--prefix", self.prefix])
            found = {name: path for path, _, names in os.walk(self.prefix) for name in names}
            check("telehash.pc" in found, "telehash.pc is not installed: %s" % sorted(found))
            self.pkgconfig = found["telehash.pc"]
            self.lib_folder = os.path.dirname(self.pkgconfig)
            if self.is_static:
                for name in [name for name in found if name.startswith("libtelehash.so")]:
                    os.remove(os.path.join(found[name], name))
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def flags(self, *which):
        static = ["--static"] if self.is_static else []
        path = [self.pkgconfig, os.environ.get("PKG_CONFIG_PATH")]
        environment = dict(os.environ, PKG_CONFIG_PATH=":".join(part for part in path if part))
        return must(["pkg-config", *static, *which, "telehash"], env=environment).split()

    def build_example(self, source=EXAMPLE):
        program = os.path.join(self.folder, os.path.basename(source)[:-2])
        sanitize = ["-fsanitize=" + sanitizer()] if sanitizer() else []
        must([compiler(), "-std=gnu11", *WARNINGS, *sanitize, "-o", program, source, *self.flags("--cflags", "--libs")])
        return program


class Example:
    """The running program; what it prints is kept line by line."""

    def __init__(self, installed, program, *words):
        environment = dict(os.environ, LD_LIBRARY_PATH=installed.lib_folder)
        self.process = subprocess.Popen(
            [program, *words], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()

    def read(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def wait_line(self, begin):
        """What follows in the first line that begins so."""

        def found():
            is_over = not self.reader.is_alive()
            lines = [line[len(begin) :] for line in list(self.lines) if line.startswith(begin)]
            check(lines or not is_over, "it ended without %r: %s" % (begin, self.lines))
            return lines

        return wait_for(lambda: "%r in %s" % (begin, self.lines), found, 10 * SLOW)[0]

    def wait_entry(self):
        """How others join through it: the lines of one JSON object."""
        self.wait_line("}")
        return "\n".join(self.lines[self.lines.index("{") : self.lines.index("}") + 1])

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(10 * SLOW)


def check_two_connect(installed, program):
    with Example(installed, program) as first:
        hashname, entry = first.wait_line("hashname "), first.wait_entry()
        first.wait_line("state alone")
        with Example(installed, program, entry, hashname) as second:
            check(second.wait_line("connected to ") == hashname, "%s" % second.lines)
            check(second.wait_line("link up ") == hashname, "%s" % second.lines)
            check(first.wait_line("link up ") == second.wait_line("hashname "), "%s" % first.lines)
            check(second.end() == 0, "the second ended badly: %s" % second.lines)
            first.wait_line("link down ")
        check(first.end() == 0, "the first ended badly: %s" % first.lines)


# A11
@test
def two_programs_with_the_shared_library_connect():
    with Installed() as installed:
        program = installed.build_example()
        check("libtelehash.so" in must(["readelf", "-d", program]), "it is not linked to the shared library")
        check_two_connect(installed, program)


# A11
@test
def the_short_program_of_the_readme_connects():
    with open(README, encoding="utf-8") as readme:
        text = readme.read().split("```c\n")[1].split("```")[0]
    with Installed() as installed:
        source = os.path.join(installed.folder, "short.c")
        with open(source, "w", encoding="utf-8") as out:
            out.write(text)
        program = installed.build_example(source)
        with Example(installed, installed.build_example()) as first:
            hashname, entry = first.wait_line("hashname "), first.wait_entry()
            with Example(installed, program, entry, hashname) as short:
                short.wait_line("connected to " + hashname)
                check(short.end() == 0, "it ended badly: %s" % short.lines)
    print("        %d lines" % len([line for line in text.splitlines() if line.strip()]))


@test
def two_programs_with_the_static_library_connect():
    with Installed(is_static=True) as installed:
        program = installed.build_example()
        check("libtelehash" not in must(["readelf", "-d", program]), "it is linked to a shared library")
        check_two_connect(installed, program)


@test
def lines_sent_over_a_stream_come_back():
    with Installed() as installed:
        program = installed.build_example(ECHO)
        environment = dict(os.environ, LD_LIBRARY_PATH=installed.lib_folder)
        text = "".join("line %d of the %s\n" % (i, "x" * (i % 200)) for i in range(20000))
        with Example(installed, program) as first:
            hashname, entry = first.wait_line("hashname "), first.wait_entry()
            result = run([program, entry, hashname], env=environment, input=text, timeout=60 * SLOW)
            check(result.returncode == 0, "%s %s" % (result.returncode, result.stderr))
            check(result.stdout == text, "%d of %d bytes came back" % (len(result.stdout), len(text)))
            first.wait_line("closed: ")
            stranger = "0" * 64
            result = run([program, entry, stranger], env=environment, input="x", timeout=60 * SLOW)
            check(result.returncode == 1 and result.stderr.startswith("echo: "), "%s" % result)
            check(first.end() == 0, "the first ended badly: %s" % first.lines)


class EchoServer:
    """A TCP server of this machine that sends back what comes, and its end."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def serve(self):
        while True:
            try:
                taken = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.echo, args=(taken,)).start()

    @staticmethod
    def echo(taken):
        with taken:
            while True:
                data = taken.recv(65536)
                if not data:
                    taken.shutdown(socket.SHUT_WR)
                    return
                taken.sendall(data)


def ask_tcp(port, data):
    """What a server sends back to one connection, to its end."""
    got = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=60 * SLOW) as connection:

        def write():
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it was ended

        writer = threading.Thread(target=write)
        writer.start()
        while True:
            more = connection.recv(65536)
            if not more:
                break
            got += more
        writer.join()
    return bytes(got)


def end_forward(program):
    program.process.send_signal(signal.SIGTERM)
    code = program.process.wait(10 * SLOW)
    check(code == 0, "it ended with %d: %s" % (code, program.lines))


@test
def a_server_is_reached_through_two_nodes_as_if_it_were_here():
    with Installed() as installed, EchoServer() as server:
        program = installed.build_example(FORWARD)
        with Example(installed, program, str(server.port)) as far:
            hashname, entry = far.wait_line("hashname "), far.wait_entry()
            with Example(installed, program, "0", entry, hashname) as near:
                port = int(near.wait_line("listening on port "))
                for size in (1, 1000, 3000000):
                    data = os.urandom(size)
                    check(ask_tcp(port, data) == data, "other bytes came back of %d" % size)
                data, said = os.urandom(300000), []
                threads = [threading.Thread(target=lambda: said.append(ask_tcp(port, data))) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                check(said == [data] * 8, "of 8 at once: %s" % [len(got) for got in said])
                end_forward(near)
            end_forward(far)


@test
def a_server_that_is_not_there_ends_the_connection():
    with Installed() as installed:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        program = installed.build_example(FORWARD)
        with Example(installed, program, str(port)) as far:
            hashname, entry = far.wait_line("hashname "), far.wait_entry()
            with Example(installed, program, "0", entry, hashname) as near:
                try:
                    got = ask_tcp(int(near.wait_line("listening on port ")), b"hello")
                except ConnectionError:
                    got = b""
                check(got == b"", "%r came" % got)
                near.wait_line("forward: the stream failed: the server cannot be reached")
                far.wait_line("forward: the server cannot be reached")
                end_forward(near)
            end_forward(far)


@test
def two_chat_and_both_end_when_one_leaves():
    with Installed() as installed:
        program = installed.build_example(CHAT)
        with Example(installed, program) as first:
            hashname, entry = first.wait_line("hashname "), first.wait_entry()
            with Example(installed, program, entry, hashname) as second:
                second.say("is anybody there?")
                first.wait_line("is anybody there?")
                first.say("yes, %s" % ("indeed " * 2000))
                second.wait_line("yes, indeed ")
                second.say("good bye")
                check(second.end() == 0, "the second ended badly: %s" % second.lines)
            first.wait_line("good bye")
            first.wait_line("* the other has left")
            check(first.process.wait(10 * SLOW) == 0, "the first ended badly: %s" % first.lines)


@test
def a_chat_with_nobody_says_so():
    with Installed() as installed:
        program = installed.build_example(CHAT)
        with Example(installed, program) as first:
            first.wait_line("hashname ")
            with Example(installed, program, first.wait_entry(), "0" * 64) as second:
                second.wait_line("chat: ")
                check(second.process.wait(10 * SLOW) == 1, "%s" % second.lines)
            check(first.end() == 0, "a chat that nobody came to: %s" % first.lines)


@test
def a_file_is_sent_whole_with_a_bar_and_never_written_over():
    with Installed() as installed:
        program = installed.build_example(SEND)
        environment = dict(os.environ, LD_LIBRARY_PATH=installed.lib_folder)
        folder = os.path.join(installed.folder, "taken")
        os.mkdir(folder)
        with Example(installed, program, folder) as taker:
            hashname, entry = taker.wait_line("hashname "), taker.wait_entry()
            for name, size in (("empty", 0), ("one", 1), ("large", 5000000)):
                path, content = os.path.join(installed.folder, name), os.urandom(size)
                with open(path, "wb") as out:
                    out.write(content)
                result = run([program, entry, hashname, path], env=environment, timeout=60 * SLOW)
                check(result.returncode == 0, "%s: %s" % (name, result.stderr))
                check(size == 0 or "100 %%  %d of %d bytes" % (size, size) in result.stderr, "%r" % result.stderr)
                taker.wait_line("took %s, %d bytes" % (name, size))
                with open(os.path.join(folder, name), "rb") as taken:
                    check(taken.read() == content, "%s is another one" % name)
                bars = re.findall(r"\[(#*) *\] +(\d+) %", result.stderr)
                check(all(len(bar) == int(percent) * 40 // 100 for bar, percent in bars), "%s" % bars)
                check(size < 5000000 or len(bars) > 50, "the bar moved %d times" % len(bars))
            result = run([program, entry, hashname, path], env=environment, timeout=60 * SLOW)
            check(result.returncode == 1 and "there is a file of that name" in result.stderr, "%s" % result)
            check(sorted(os.listdir(folder)) == ["empty", "large", "one"], "%s" % os.listdir(folder))
            check(taker.end() == 0, "%s" % taker.lines)


@test
def players_see_where_the_others_are_over_channels():
    with Installed() as installed:
        program = installed.build_example(BEACON)
        with Example(installed, program) as field:
            hashname, entry = field.wait_line("hashname "), field.wait_entry()
            with Example(installed, program, entry, hashname) as first:
                field.wait_line("player 1 is ")
                with Example(installed, program, entry, hashname) as second:
                    field.wait_line("player 2 is ")
                    seen = json.loads(second.wait_line("sees "))
                    check(seen["player"] == 1 and set(seen["at"]) == {"x", "y"}, "%s" % seen)
                    check(json.loads(first.wait_line("sees "))["player"] == 2, "%s" % first.lines)
                    check(second.end() == 0, "the second ended badly: %s" % second.lines)
                field.wait_line("player 2 left: ")
                check(field.end() == 0, "the field ended badly: %s" % field.lines)
                first.wait_line("over: ")
                check(first.end() == 0, "the first ended badly: %s" % first.lines)


@test
def what_cannot_be_started_is_said():
    with Installed() as installed:
        environment = dict(os.environ, LD_LIBRARY_PATH=installed.lib_folder)
        result = run([installed.build_example(), "no seeds"], env=environment)
        check(result.returncode == 1 and result.stderr.startswith("example: "), "%s" % result)


@test
def the_example_is_cplusplus_too():
    if not shutil.which("c++"):
        print("        (there is no C++ compiler: left out)")
        return
    with Installed() as installed:
        for source in (EXAMPLE, ECHO, FORWARD, CHAT, SEND, BEACON):
            must(["c++", "-x", "c++", "-std=c++17", *WARNINGS, "-fsyntax-only", source, *installed.flags("--cflags")])


@test
def the_shared_library_exports_what_the_header_declares_and_nothing_else():
    with open(HEADER) as header:
        declared = set(re.findall(r"^TH_API\b[^;(]*?\b(\w+)\(", header.read(), re.M))
    check(len(declared) > 10 and all(name.startswith("th_") for name in declared), "%s" % declared)

    with Installed() as installed:
        library = os.path.join(installed.lib_folder, "libtelehash.so")
        exported = {line.split()[-1] for line in must(["nm", "-D", "--defined-only", library]).splitlines()}
    check(exported == declared, "only exported: %s; only declared: %s" % (exported - declared, declared - exported))


if os.name != "posix" or not all(shutil.which(tool) for tool in ("cmake", "pkg-config", "nm", "readelf")):
    skip("cmake, pkg-config or binutils are not there (tools/setup test installs them)")
main()
