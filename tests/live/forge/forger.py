"""What somebody can do who saw two nodes meet: opens of either to the other, with lines of his own."""

import os
import time

from . import cs3a, wire


def milliseconds():
    return int(time.time() * 1000)


class Victim:
    """What the forger knows of one of the two, all of it public or seen in the clear."""

    def __init__(self, name, identity, address, line_key, line, first_channel):
        self.name = name
        self.identity = identity
        self.address = address
        self.line_key = line_key  # of its open
        self.line = line  # its line id, from a datagram sent to it
        self.first_channel = first_channel  # the parity that its peer must use
        self.peer = None


def know(seen, identities, addresses):
    """The two victims by "first" and "second", from what passed on the wire."""
    lower = min(identities.values(), key=lambda identity: identity.hashname)
    victims = {}
    for to, other in (("first", "second"), ("second", "first")):
        its_open = next(s.datagram for s in seen if s.to == other and cs3a.is_open(s.datagram))
        to_it = next(s.datagram for s in seen if s.to == to and cs3a.is_line(s.datagram))
        channel = 2 if identities[other] is lower else 1
        victims[to] = Victim(
            to, identities[to], addresses[to], cs3a.line_key(its_open), cs3a.line_id(to_it), channel
        )
    victims["first"].peer, victims["second"].peer = victims["second"], victims["first"]
    return victims


class Strike:
    """One forged open to a victim in the name of its peer, and the line that it offers."""

    def __init__(self, mac_key, victim, at, line=None):
        self.victim = victim
        self.half = cs3a.Half(line)
        self.line = cs3a.Line(self.half, victim.line_key, victim.line)
        self.open = cs3a.seal_open(mac_key, self.half, at, victim.peer.identity, victim.identity)
        self.socket = None

    def send(self, *datagrams):
        """Sends the open, or what is given, from an address of its own."""
        if self.socket is None:
            self.socket = wire.udp_socket()
        for datagram in datagrams or (self.open,):
            self.socket.sendto(datagram, self.victim.address)

    def send_on(self, path, *datagrams):
        """The same from the address under which the victim knows its peer."""
        for datagram in datagrams or (self.open,):
            path.send(self.victim.name, datagram)

    def requests(self):
        """A packet of each kind that a linked peer would answer, sealed for the forged line."""
        c = self.victim.first_channel
        return [
            self.line.seal({"c": c, "type": "path", "paths": []}),
            self.line.seal({"c": c + 2, "type": "seek", "seek": self.victim.identity.hashname[:2]}),
            self.line.seal({"c": c + 4, "type": "link", "seed": True, "see": []}),
            self.line.seal({"c": c + 6, "type": "peer", "peer": os.urandom(32).hex()}),
        ]

    def hear(self, seconds):
        """What comes to its address until that long nothing does, as words and values."""
        self.socket.settimeout(seconds)
        heard = []
        while True:
            try:
                datagram = self.socket.recv(65536)
            except OSError:
                return heard
            if cs3a.is_open(datagram):
                heard.append(("open", cs3a.line_key(datagram)))
            elif cs3a.is_line(datagram) and cs3a.line_id(datagram) == self.half.line:
                heard.append(("line", self.line.unseal(datagram)))
            else:
                heard.append(("other", datagram))

    def close(self):
        if self.socket:
            self.socket.close()
