"""Opens and lines of CS3a, with the MAC key given as (r, s) and no static secret anywhere."""

import base64
import hashlib
import json
import os
import struct

from . import poly1305, salsa, x25519

OPEN_HEAD = b"\x00\x01\x3a"
OPEN_NONCE = bytes(23) + b"\x01"


def before(public, secret):
    """The key of two sides (NaCl's crypto_box_beforenm)."""
    return salsa.hsalsa20(x25519.multiply(secret, public), bytes(16))


def packet(head, body=b""):
    text = json.dumps(head, separators=(",", ":")).encode() if head is not None else b""
    return struct.pack(">H", len(text)) + text + body


def read_packet(data):
    """Head and body; the head is None when there is none."""
    (length,) = struct.unpack(">H", data[:2])
    return json.loads(data[2 : 2 + length]) if length else None, data[2 + length :]


def is_open(datagram):
    return datagram[:3] == OPEN_HEAD


def is_line(datagram):
    return datagram[:2] == b"\x00\x00" and len(datagram) >= 60


def authenticated(datagram):
    """The authenticator of an open and what it covers."""
    return datagram[3:19], datagram[19:]


def line_key(datagram):
    """The sender's line key of an open, which is in the clear."""
    return datagram[19:51]


def line_id(datagram):
    """The receiver's line id of a line datagram, which is in the clear."""
    return datagram[2:18]


class Identity:
    """What everybody may know of a node: its entry in a seeds file."""

    def __init__(self, entry):
        ((self.hashname, fields),) = entry.items()
        self.parts = fields["parts"]
        self.public = base64.b64decode(fields["keys"]["3a"])


class Half:
    """One side of a line that we make up: key pair and id."""

    def __init__(self, line=None):
        self.secret = os.urandom(32)
        self.public = x25519.public(self.secret)
        self.line = line or os.urandom(16)


def seal_open(mac_key, half, at, sender, receiver):
    """An open of `sender` to `receiver`, both an Identity; mac_key is the pair (r, s)."""
    head = {"at": at, "to": receiver.hashname, "from": sender.parts, "line": half.line.hex()}
    inner = packet(head, sender.public)
    message = half.public + salsa.seal(before(receiver.public, half.secret), OPEN_NONCE, inner)
    return OPEN_HEAD + poly1305.tag(message, *mac_key) + message


class Line:
    """A line between a half of ours and the other side's line key and id."""

    def __init__(self, half, peer_key, peer_line):
        secret = before(peer_key, half.secret)
        self.half = half
        self.peer_line = peer_line
        self.send_key = hashlib.sha256(secret + half.line + peer_line).digest()
        self.receive_key = hashlib.sha256(secret + peer_line + half.line).digest()

    def seal(self, head, body=b""):
        nonce = os.urandom(24)
        return b"\x00\x00" + self.peer_line + nonce + salsa.seal(self.send_key, nonce, packet(head, body))

    def unseal(self, datagram):
        """Head and body of a line datagram; None when it does not decrypt."""
        plain = salsa.unseal(self.receive_key, datagram[18:42], datagram[42:])
        return None if plain is None else read_packet(plain)
