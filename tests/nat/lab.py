"""A laboratory of hosts, NAT boxes and an internet between them, for telehashd.

Each host is a network namespace of its own. The internet is a bridge in the namespace of the test:

    seed                                 br0, 198.18.0.1/15
      |                    +----------------+----------------+
    (in the test's        out 198.18.1.1    |         198.18.2.1
     own namespace)       NAT box 1         |             host without NAT
                          in 192.168.1.1    |
                            |              ...
                          host 192.168.1.2

Instead of the cable between a host and the internet there can be one with loss, delay and other faults
(badlink.c). It is of the tests, for not every kernel has netem.

Nothing leaves it: enter() starts the test anew in namespaces of its own (network, mounts, processes),
with an empty /run. They vanish with the test's process, however it ends, and everything in them: no
name, file, interface or process of a test that was killed stays behind.

The outer addresses are of 198.18.0.0/15, which is set aside for such tests (RFC 2544), each of its own
/24, for the router links to few nodes of one net. Behind every NAT box is the same private net, as in
the world: who sends to the private address of another finds itself.
"""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

from mesh import BUILD, Mesh, check, skip  # noqa: E402

KINDS = ["none", "full", "address", "port", "symmetric"]
UDP_TIMEOUT_S = 30  # of a mapping, as small as it is found in the world
PRIVATE_HOST = "192.168.1.2"
PORT = 42424
SEED = os.environ.get("TH_SEED", "1")  # of what is lost on bad links
BADLINK = os.path.join(BUILD, "tests", "nat", "badlink")
# What an ordinary bad day on the internet is like: half of a round trip takes 40 ms.
BAD_DAY = {"loss": 5, "delay_ms": 40, "reorder": 10, "reorder_ms": 15}

# What the NAT box of a kind lets in: {inward} is in the chain that sees packets from outside first,
# {outward} in the one that sees those from inside, {how} says how ports are chosen.
RULES = """
table ip box {
    set heard { type ipv4_addr; flags dynamic,timeout; timeout %(timeout)ds; size 4096; }
    chain inward {
        type nat hook prerouting priority dstnat;
        %(inward)s
    }
    chain outward {
        type nat hook postrouting priority srcnat;
        %(other)s
        oifname "out" masquerade %(how)s
    }
    chain through {
        type filter hook forward priority filter;
        oifname "out" meta l4proto udp %(note)s
        iifname "out" ct state new ct status & dnat != dnat drop
    }
    chain here {
        type filter hook input priority filter;
        iifname "out" ct state new drop
    }
}
"""
DNAT = 'iifname "out" %s meta l4proto udp dnat to ' + PRIVATE_HOST
WAYS = {
    "full": {"inward": DNAT % "", "note": "counter", "how": ""},
    "address": {"inward": DNAT % "ip saddr @heard", "note": "update @heard { ip daddr }", "how": ""},
    "port": {"inward": "", "note": "counter", "how": ""},
    "symmetric": {"inward": "", "note": "counter", "how": "fully-random"},
}
# A symmetric one with a second address, by which the seed sees it: of no pair, for reach alone.
WAYS["several"] = WAYS["symmetric"]
TO_SEED = 'oifname "out" ip daddr 198.18.0.1 snat to %s fully-random'


def rules(kind, second=None):
    """second: another address of the box, by which the seed sees it."""
    return RULES % dict(WAYS[kind], timeout=UDP_TIMEOUT_S, other=TO_SEED % second if second else "")


def call(*words, text=None):
    """Runs a program that must succeed."""
    done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, "%s: %s" % (" ".join(words), done.stdout))
    return done.stdout


def ip(text, ns=None):
    """Commands of ip(8), one a line, in a namespace or that of the test."""
    call("ip", *(["-n", ns] if ns else []), "-batch", "-", text=text)


def inside(ns, *words, text=None):
    return call("ip", "netns", "exec", ns, *words, text=text)


def set_values(ns, **values):
    """Kernel values of a namespace; a dot in a name is written as two underscores."""
    inside(ns, "sh", "-c", "".join("echo %s > /proc/sys/%s\n" % (v, k.replace("__", "/")) for k, v in values.items()))


UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def why_not():
    """What this machine lacks for a laboratory; None when nothing."""
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("nft", "nftables")):
        if shutil.which(program) is None:
            return "%s is not there (Debian package %s)" % (program, package)
    probe = "mount -t tmpfs none /run && mkdir /run/netns && ip link add br0 type bridge && ip netns add a && "
    probe += "ip link add v0 type veth peer name v1 netns a && echo 1 > /proc/sys/net/ipv4/ip_forward && nft -f - && "
    probe += "cat /proc/sys/net/netfilter/nf_conntrack_udp_timeout"
    for kind in WAYS:
        done = subprocess.run(
            UNSHARE + ["sh", "-c", probe], input=rules(kind), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            return "no network namespaces with NAT can be made here: " + " ".join(done.stdout.split())
    return None


def enter():
    """Starts the test anew in namespaces of its own; returns there. Ends it as skipped if that cannot
    be. To be called before anything else."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # some have them for root's logins alone
    if os.environ.pop("TH_LAB", None) is None:
        reason = why_not()
        if reason:
            skip(reason)
        sys.stdout.flush()
        os.execvpe("unshare", UNSHARE + [sys.executable] + sys.argv, dict(os.environ, TH_LAB="entered"))
    call("mount", "-t", "tmpfs", "none", "/run")
    os.makedirs("/run/netns")
    os.makedirs("/run/tmp")
    os.environ["TMPDIR"] = "/run/tmp"  # goes with the namespace, as all of this


class Link:
    """A cable with faults between two interfaces that it makes; badlink.c says what can be set."""

    def __init__(self, inner, outer):
        self.process = subprocess.Popen(
            [BADLINK, SEED, inner, outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        check(self.process.stdout.readline() == "seed=%s\n" % SEED, "%s does not run" % BADLINK)

    def _ask(self, command):
        self.process.stdin.write(command + "\n")
        return self.process.stdout.readline().strip()

    def set(self, way="", **values):
        """What goes wrong from now on; way: "" both, ">" from the host, "<" to it."""
        for name, value in values.items():
            answer = self._ask("%s %s %s" % (way, name, value))
            check(answer == "ok", answer)

    def counts(self):
        """What was done so far: {">": {"came": …}, "<": …}."""
        return json.loads(self._ask("show"))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Host:
    """A namespace, perhaps behind a NAT box, which is one too."""

    def __init__(self, name, number, kind):
        self.name = name
        self.number = number
        self.kind = kind
        self.address = "198.18.%d.1" % number  # the outer one
        self.box = None
        self.link = None  # a bad one to the internet

    @property
    def wrapper(self):
        return ["ip", "netns", "exec", self.name]

    def move(self, number):
        """Gives it, or its NAT box, another outer address; the box forgets what it has translated to the
        old one."""
        new = "198.%d.%d.1" % (18 + number // 256, number % 256)
        ip("addr del %s/15 dev out\naddr add %s/15 dev out" % (self.address, new), self.box or self.name)
        self.address = new


class Lab(Mesh):
    """Hosts and the daemons on them."""

    def __init__(self):
        super().__init__()
        self.hosts = 0
        self.plugs = []
        self.links = []
        ip("link set lo up\nlink add br0 type bridge\naddr add 198.18.0.1/15 dev br0\nlink set br0 up")
        ip("addr add 2001:db8::1/32 dev br0 nodad")

    def __exit__(self, *why):
        super().__exit__(*why)
        for link in self.links:
            link.close()
        for name in self.plugs:  # a namespace goes a little later than its name
            ip("link delete " + name)
        for ns in os.listdir("/run/netns"):
            call("ip", "netns", "delete", ns)
        ip("link delete br0")

    def _plug(self, host, ns, faults):
        """The interface `out` of a namespace, which is made, on the internet."""
        call("ip", "netns", "add", ns)
        if faults is None:
            self.plugs.append(ns)
            ip("link add %s type veth peer name out netns %s\nlink set %s master br0 up" % (ns, ns, ns))
        else:
            inner = "in%d" % host.number
            host.link = Link(inner, ns)
            self.links.append(host.link)
            ip("link set %s txqueuelen 10000 master br0 up\nlink set %s netns %s name out" % (ns, inner, ns))
            ip("link set out txqueuelen 10000", ns)
            host.link.set(**faults)
        ip("link set lo up\nlink set out up", ns)

    def host(self, name, kind="none", families="4", faults=None):
        """A host of a kind of NAT; IPv6 is never translated. faults: of its cable, which can be changed
        later; None: a cable that can have none."""
        self.hosts += 1
        host = Host(name, self.hosts, kind)
        if kind == "none":
            self._plug(host, name, faults)
            if "4" in families:
                ip("addr add %s/15 dev out" % host.address, name)
            if "6" in families:
                ip("addr add 2001:db8:%x::1/32 dev out nodad" % host.number, name)
            return host
        host.box = name + "-box"
        self._plug(host, host.box, faults)
        ip("addr add %s/15 dev out\nroute add blackhole default" % host.address, host.box)
        ip("link add in type bridge\naddr add 192.168.1.1/24 dev in\nlink set in up", host.box)
        set_values(
            host.box,
            net__ipv4__ip_forward=1,
            net__netfilter__nf_conntrack_udp_timeout=UDP_TIMEOUT_S,
            net__netfilter__nf_conntrack_udp_timeout_stream=UDP_TIMEOUT_S,
        )
        second = "198.18.%d.2" % host.number if kind == "several" else None
        if second:
            ip("addr add %s/15 dev out" % second, host.box)
        inside(host.box, "nft", "-f", "-", text=rules(kind, second))
        self._plug_in(host, name, PRIVATE_HOST)
        return host

    def beside(self, host, name, address):
        """One more host behind the NAT box of another."""
        self._plug_in(host, name, address)
        second = Host(name, host.number, host.kind)
        second.box = host.box
        return second

    def _plug_in(self, host, ns, address):
        call("ip", "netns", "add", ns)
        ip("link add %s type veth peer name eth netns %s\nlink set %s master in up" % (ns, ns, ns), host.box)
        ip("link set lo up\nlink set eth up\naddr add %s/24 dev eth\nroute add default via 192.168.1.1" % address, ns)

    def seed(self, name="seed", port=PORT, listen=None):
        """A node without NAT that introduces, and is a bridge for everybody. Started."""
        return self.node(name, *(listen or ["--listen", "198.18.0.1:%d" % port]), "--bridge", "all").start()

    def telehashd(self, name, host, seeds, *flags, port=PORT, listen="0.0.0.0:%d"):
        """A daemon on a host, started."""
        node = self.node(name, "--listen", listen % port, "--seeds", seeds, *flags)
        return node.start(wrapper=host.wrapper if isinstance(host, Host) else host)


def socket_in(ns, address, port, kind=socket.SOCK_DGRAM):
    """A socket of another namespace, or of that of the test; of UDP, unless told."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as own, open("/run/netns/" + ns if ns else "/proc/self/ns/net") as there:
        check(libc.setns(there.fileno(), 0) == 0, "cannot enter " + str(ns))
        try:
            made = socket.socket(socket.AF_INET, kind)
            made.bind((address, port))
        finally:
            check(libc.setns(own.fileno(), 0) == 0, "cannot come back")
    made.settimeout(1)
    return made


# Of a host that sent to the first: what else reaches it, and whether its port looks the same to a third.
COMES_IN = {
    "none": ["answer", "other port", "other address", "same port"],
    "full": ["answer", "other port", "other address", "same port"],
    "address": ["answer", "other port", "same port"],
    "port": ["answer", "same port"],
    "symmetric": ["answer"],
}


def what_comes_in(host, port):
    """What reaches a socket of a host that sent to one outside, as in COMES_IN."""
    ip("addr add 198.18.0.2/15 dev br0")
    own = socket_in(host.name, "0.0.0.0", port)
    first, second, third = (socket_in(None, a, p) for a, p in (("198.18.0.1", 1), ("198.18.0.1", 2), ("198.18.0.2", 1)))
    own.sendto(b"out", ("198.18.0.1", 1))
    seen_at = first.recvfrom(100)[1]
    for outside, word in ((second, b"other port"), (third, b"other address"), (first, b"answer")):
        outside.sendto(word, seen_at)
    got = []
    while "answer" not in got:
        got.append(own.recv(100).decode())
    own.sendto(b"out", ("198.18.0.2", 1))
    if third.recvfrom(100)[1] == seen_at:
        got.append("same port")
    ip("addr del 198.18.0.2/15 dev br0")
    for each in (own, first, second, third):
        each.close()
    return [what for what in COMES_IN["none"] if what in got]


def expected(a, b):
    """How two kinds of NAT reach each other in the end. One whose port is another for each peer, and one
    that hears only from a port that it spoke to, do so by a bridge alone."""
    return "bridge" if {a, b} in ({"port", "symmetric"}, {"symmetric"}) else "direct"


def way(node, other):
    """How a node reaches another now: "direct", "bridge", "relay", or None without a line; and the path."""
    for peer in node.call("peers"):
        if peer["hashname"] == other.hashname and peer.get("path"):
            kind = peer["path"].split(":")[0]
            return (kind if kind in ("bridge", "relay") else "direct"), peer["path"]
    return None, None
