"""thctl capture: our own packets, decrypted, in a file that Wireshark's tools read."""

import contextlib
import json
import os
import shutil
import stat
import struct
import subprocess

from mesh import END_S, THCTL, Mesh, SLOW, check, main, run, test, thctl, wait_for
from stream import Stream

UPPER_PDU = 252
FLAGS = {1: "in", 2: "out"}


def options(data):
    """The options of a block, as code to a list of values."""
    found = {}
    while len(data) >= 4:
        code, length = struct.unpack_from("=HH", data)
        if code == 0:
            break
        found.setdefault(code, []).append(data[4 : 4 + length])
        data = data[4 + (length + 3) // 4 * 4 :]
    return found


def blocks(data, is_written=False):
    """Reads a pcapng file by its format alone: (type, body) of each block. The last one of a file that is
    being written may not be there whole."""
    while data:
        if is_written and (len(data) < 12 or struct.unpack_from("=I", data, 4)[0] > len(data)):
            return
        check(len(data) >= 12, "a block is cut")
        kind, length = struct.unpack_from("=II", data)
        check(length % 4 == 0 and 12 <= length <= len(data), "a block has the length %d" % length)
        check(struct.unpack_from("=I", data, length - 4)[0] == length, "a block ends with another length")
        yield kind, data[8 : length - 4]
        data = data[length:]


def tags(data):
    """What stands before a packet of the link type UPPER_PDU, and the packet."""
    found = {}
    while True:
        tag, length = struct.unpack_from(">HH", data)
        value, data = data[4 : 4 + length], data[4 + length :]
        if tag == 0:
            return found, data
        found[tag] = value


class Pcapng:
    def __init__(self, data, is_written=False):
        self.packets, self.statistics = [], None
        every = list(blocks(data, is_written))
        kind, body = every[0]
        check(kind == 0x0A0D0D0A and struct.unpack_from("=IHH", body) == (0x1A2B3C4D, 1, 0), "no section of version 1.0")
        kind, body = every[1]
        check(kind == 1 and struct.unpack_from("=H", body)[0] == UPPER_PDU, "no interface of the link type")
        self.interface = options(body[8:])
        check(self.interface[9] == [b"\x06"], "times are no microseconds")
        for kind, body in every[2:]:
            if kind == 6:
                self.packets.append(self.packet(body))
            elif kind == 5:
                self.statistics = {code: value[0] for code, value in options(body[12:]).items()}

    @staticmethod
    def packet(body):
        _, high, low, kept, length = struct.unpack_from("=IIIII", body)
        more = options(body[20 + (kept + 3) // 4 * 4 :])
        found, data = tags(body[20 : 20 + kept])
        comment = more[1][0].decode()
        words = dict(word.split("=", 1) for word in comment.split(" head=")[0].split() if "=" in word)
        head = comment.split(" head=", 1)[1] if " head=" in comment else None
        lost = struct.unpack("=Q", more[4][0])[0] if 4 in more else 0
        words.update(
            direction=FLAGS[struct.unpack("=I", more[2][0])[0]],
            comment=comment,
            peer=comment.split()[2],
            at_us=high << 32 | low,
            tags=found,
            data=data,
            cut=length - kept,
            lost=lost,
            head=head,
        )
        return words


def read(path, is_written=False):
    with open(path, "rb") as file:
        return Pcapng(file.read(), is_written)


class Capture(Stream):
    """A capture into a file; what it says is in its lines."""

    def __init__(self, mesh, node, name, *words):
        self.file = os.path.join(mesh.folder, name)
        super().__init__(mesh, node, "capture", self.file, *words)

    def wait_begun(self):
        """Its file has the two blocks of the beginning: what comes from now on is in it."""

        def has_begun():
            with contextlib.suppress(OSError), open(self.file, "rb") as file:
                return len(list(blocks(file.read(), is_written=True))) >= 2
            return False

        wait_for("the capture begins", has_begun, 10 * SLOW)
        return self

    def packets(self):
        """Those that are in its file so far."""
        return read(self.file, is_written=True).packets


def two(mesh):
    nodes = mesh.grow(1, "--capture", "allow", seed_flags=("--capture", "allow"))
    mesh.wait_whole(nodes, 10 * SLOW)
    return nodes


# A11
@test
def packets_are_in_the_file_in_the_clear_with_what_each_is():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with Capture(mesh, node, "a.pcapng", "--type", "path", "--type", "seek") as capture:
            capture.wait_begun()
            thctl(node, "ping", seed.hashname, "-c", "3", "-i", "0.1")

            def answered():  # by the seed; the node may ask of itself too
                asked = {p["c"] for p in capture.packets() if p["direction"] == "out" and p["kind"] == "opened"}
                return asked & {p["c"] for p in capture.packets() if p["direction"] == "in"}

            wait_for("three that are answered", lambda: len(answered()) >= 3, 5 * SLOW)
            check(capture.interrupt() == 0, capture.lines())
        file = read(capture.file)
        said = capture.lines()[-1]
        check(said.startswith("%s: %d packets, " % (capture.file, len(file.packets))) and said.endswith(" 0 lost"), said)
        check(stat.S_IMODE(os.stat(capture.file).st_mode) == 0o600, "others may read it")
        check(file.interface[2] == [("telehash " + node.hashname).encode()], file.interface)
        check(file.statistics == {4: struct.pack("=Q", len(file.packets)), 5: bytes(8)}, file.statistics)
        times = [packet["at_us"] for packet in file.packets]
        check(times == sorted(times), "times run backwards")

        port = int(node.call("status")["listen"][0].rsplit(":", 1)[1])
        asked = [p for p in file.packets if p["type"] == "path" and p["direction"] == "out" and p["opened_by"] == "us"]
        check(len(asked) >= 3, [p["comment"] for p in file.packets])
        for packet in asked:
            check(packet["peer"] == seed.hashname and packet["kind"] == "opened", packet["comment"])
            check(packet["comment"].startswith("out to "), packet["comment"])
            length = struct.unpack_from(">H", packet["data"])[0]
            head = json.loads(packet["data"][2 : 2 + length])
            check(head["type"] == "path" and head["c"] == int(packet["c"]), head)
            check(json.loads(packet["head"]) == head, packet["comment"])
            check(packet["tags"][20] == packet["tags"][21] == bytes([127, 0, 0, 1]), packet["tags"])
            check(struct.unpack(">I", packet["tags"][25])[0] == port, packet["tags"])
            answer = [p for p in file.packets if p["direction"] == "in" and p["c"] == packet["c"]]
            # Only what the node asked last may have been answered too late to be in it.
            check(answer or packet is asked[-1], [p["comment"] for p in file.packets])
            check(all(p["kind"] == "packet" for p in answer), [p["comment"] for p in file.packets])


@test
def wiresharks_tools_read_it():
    if not (shutil.which("tshark") and shutil.which("capinfos")):
        print("        left out: tshark and capinfos are not there")
        return
    with Mesh() as mesh:
        seed, node = two(mesh)
        with Capture(mesh, node, "a.pcapng", "--count", "4") as capture:
            capture.wait_begun()
            thctl(node, "ping", seed.hashname, "-c", "4", "-i", "0.1")
            check(capture.process.wait(END_S * SLOW) == 0, capture.lines())
        about = run(["capinfos", "-cTmM", capture.file])
        check(about.returncode == 0 and ",4" in about.stdout, about)
        shown = run(
            ["tshark", "-n", "-r", capture.file, "-T", "fields", "-e", "_ws.col.Protocol", "-e", "ip.addr"]
            + ["-e", "exported_pdu.ipv4_src", "-e", "frame.comment", "-e", "_ws.malformed"]
        )
        rows = [line.split("\t") for line in shown.stdout.splitlines()]
        check(shown.returncode == 0 and len(rows) == 4, shown)
        for protocol, _, address, comment, malformed in rows:
            check(protocol == "telehash" and address == "127.0.0.1" and not malformed, rows)
            check(seed.hashname in comment and " line=" in comment, rows)


@test
def handshake_of_a_new_line_is_seen_with_what_was_sealed_in_it():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with Capture(mesh, node, "a.pcapng") as capture:
            capture.wait_begun()
            late = mesh.node("late", "--seeds", node.export_seeds()).start()

            def opens():
                return [p for p in capture.packets() if p["kind"] == "open" and p["peer"] == late.hashname]

            wait_for("opens both ways", lambda: {p["direction"] for p in opens()} == {"in", "out"}, 20 * SLOW)
            for packet in opens():
                head = json.loads(packet["head"])
                check(head["line"] == packet["line"], packet["comment"])
                check(head["to"] == (node if packet["direction"] == "in" else late).hashname, packet["comment"])


@test
def capture_is_off_unless_the_configuration_allows_it():
    with Mesh() as mesh:
        node = mesh.node("a").start()
        path = os.path.join(mesh.folder, "a.pcapng")
        asked = thctl(node, "capture", path)
        check(asked.returncode == 1 and not os.path.exists(path), asked)
        check(
            asked.stderr == "thctl: the configuration does not allow captures: start telehashd with --capture allow\n",
            asked.stderr,
        )
        with open(os.path.join(mesh.folder, "b.conf"), "w") as file:
            file.write('{"capture": "allow"} // of tests\n')
        other = mesh.node("b", "--config", os.path.join(mesh.folder, "b.conf")).start()
        check(thctl(other, "capture", path, "--for", "100ms").returncode == 0, "the file did not allow it")
        reloaded = thctl(other, "reload")
        check(reloaded.returncode == 0, reloaded)


@test
def file_that_is_there_is_kept_without_force():
    with Mesh() as mesh:
        node = mesh.node("a", "--capture", "allow").start()
        path = os.path.join(mesh.folder, "a.pcapng")
        with open(path, "w") as file:
            file.write("precious")
        os.chmod(path, 0o644)
        asked = thctl(node, "capture", path, "--for", "100ms")
        check(asked.returncode == 2 and "--force writes over it" in asked.stderr, asked)
        with open(path) as file:
            check(file.read() == "precious", "it was written over")

        # Whoever has the old file open, or gave it another name, sees nothing of the new one.
        os.link(path, os.path.join(mesh.folder, "also"))
        with open(path) as old:
            forced = thctl(node, "--json", "capture", path, "--force", "--for", "100ms")
            check(old.read() == "precious", "the packets went into the file that was there")
        check(forced.returncode == 0 and json.loads(forced.stdout)["file"] == path, forced)
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "others may read it")
        check(os.stat(path).st_nlink == 1, "it is still the old file")
        check(read(path).packets == [], "packets of nobody")
        forced = thctl(node, "capture", "/dev/null", "--force", "--for", "100ms")
        check(forced.returncode == 0 and stat.S_ISCHR(os.stat("/dev/null").st_mode), forced)

        link = os.path.join(mesh.folder, "link")
        os.symlink(path, link)
        check(thctl(node, "capture", link, "--force", "--for", "100ms").returncode == 2, "it followed a link")
        check(os.path.islink(link), "the link is gone")
        missing = thctl(node, "capture", os.path.join(mesh.folder, "no", "a"), "--for", "100ms")
        check(missing.returncode == 2 and "No such file" in missing.stderr, missing)


@test
def capture_ends_by_count_by_bytes_and_by_time_and_cuts_packets():
    with Mesh() as mesh:
        seed, node = two(mesh)

        def ended(name, *words):
            with Capture(mesh, node, name, *words) as capture:
                capture.wait_begun()
                thctl(node, "ping", seed.hashname, "-c", "10", "-i", "0.1")
                check(capture.process.wait(END_S * SLOW) == 0, capture.lines())
            return read(capture.file).packets

        check(len(ended("count", "--count", "3")) == 3, "another count")
        size = sum(1 for _ in ended("bytes", "--bytes", "1500"))
        check(0 < size < 10, size)
        ended("time", "--for", "500ms")
        cut = ended("snap", "--count", "2", "--snap", "5")
        check(all(len(p["data"]) == 5 and p["cut"] > 0 for p in cut), cut)


@test
def packets_go_to_standard_output_as_they_come():
    with Mesh() as mesh:
        seed, node = two(mesh)
        process = subprocess.Popen(
            [THCTL, "--socket", node.socket, "capture", "-", "--count", "3"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        try:
            head = os.read(process.stdout.fileno(), 65536)
            check(head[:4] == b"\n\r\r\n", head)
            thctl(node, "ping", seed.hashname, "-c", "3", "-i", "0.1")
            rest, said = process.communicate(timeout=END_S * SLOW)
        finally:
            process.kill()
            process.wait()
        check(process.returncode == 0 and said == b"", said)
        check(len(Pcapng(head + rest).packets) == 3, "another count")
        asked = thctl(node, "--json", "capture", "-")
        check(asked.returncode == 2 and "--json has no place" in asked.stderr, asked)


@test
def four_captures_run_at_once_and_no_more():
    with Mesh() as mesh:
        node = mesh.node("a", "--capture", "allow").start()
        held = [node.rpc() for _ in range(4)]
        for rpc in held:
            rpc.call("capture.start")
        with node.rpc() as rpc:
            answer = rpc.answer("capture.start")
            check(answer["error"]["code"] == -32004 and answer["error"]["data"] == {"captures_max": 4}, answer)
        for rpc in held:
            rpc.close()

        def starts():
            with node.rpc() as rpc:
                return "result" in rpc.answer("capture.start")

        wait_for("captures that went leave room", starts, 5 * SLOW)
        for params in {"snap": 0}, {"snap": "5"}, {"kind": "line_up"}, {"kind": "none"}, {"has": 1}:
            with node.rpc() as rpc:
                check(rpc.answer("capture.start", params)["error"]["code"] == -32602, params)


# B5
@test
def reader_that_is_slow_loses_packets_and_is_told_how_many_and_holds_up_nobody():
    with Mesh() as mesh:
        seed, node = two(mesh)
        with node.rpc() as slow, node.rpc() as quick:
            slow.call("capture.start")  # and reads nothing of it for now
            quick.call("capture.start", {"has": "none"})
            sink = subprocess.Popen(
                [THCTL, "--socket", seed.socket, "pipe", "listen", "flood"], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
            )
            try:
                flood = ["sh", "-c", 'head -c 20000000 /dev/zero | "$0" --socket "$1" pipe "$2" flood']

                def is_taken():  # not while the one who listens has not said so yet
                    source = run(flood + [THCTL, node.socket, seed.hashname])
                    return None if "unknown type" in source.stderr else source

                source = wait_for("flood listens", is_taken, 20 * SLOW)
                check(source.returncode == 0, source)
                check(sink.wait(END_S * SLOW) == 0, "the other end")
            finally:
                sink.kill()
                sink.wait()
            check(thctl(node, "status").returncode == 0, "the control socket hangs")
            packets = lost = 0
            while lost <= 100:  # told in one piece, or in several
                params = slow.receive()["params"]
                lost += params.get("lagged", 0)
                packets += "data" in params
            check(packets > 100, (packets, lost))


main()
