"""HSalsa20, XSalsa20 and the box over it (NaCl's crypto_secretbox: tag 16, then the ciphertext)."""

import hmac
import struct

from . import poly1305

SIGMA = struct.unpack("<4I", b"expand 32-byte k")
# The four quarter-rounds of a column round, then those of a row round.
QUARTERS = (
    (0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11),
    (0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14),
)  # fmt: skip


def _rotate(value, bits):
    value &= 0xFFFFFFFF
    return (value << bits | value >> 32 - bits) & 0xFFFFFFFF


def _state(key, middle):
    k = struct.unpack("<8I", key)
    n = struct.unpack("<4I", middle)
    return [SIGMA[0], *k[:4], SIGMA[1], *n, SIGMA[2], *k[4:], SIGMA[3]]


def _rounds(x):
    for _ in range(10):
        for a, b, c, d in QUARTERS:
            x[b] ^= _rotate(x[a] + x[d], 7)
            x[c] ^= _rotate(x[b] + x[a], 9)
            x[d] ^= _rotate(x[c] + x[b], 13)
            x[a] ^= _rotate(x[d] + x[c], 18)


def hsalsa20(key, nonce16):
    x = _state(key, nonce16)
    _rounds(x)
    return struct.pack("<8I", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


def stream(key, nonce24, length):
    subkey = hsalsa20(key, nonce24[:16])
    out = b""
    for counter in range((length + 63) // 64):
        start = _state(subkey, nonce24[16:] + struct.pack("<Q", counter))
        x = list(start)
        _rounds(x)
        out += struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, start)))
    return out[:length]


def _xor(a, b):
    return (int.from_bytes(a, "little") ^ int.from_bytes(b, "little")).to_bytes(len(a), "little")


def seal(key, nonce24, plain):
    keys = stream(key, nonce24, 32 + len(plain))
    cipher = _xor(plain, keys[32:])
    return poly1305.tag(cipher, *poly1305.split_key(keys[:32])) + cipher


def unseal(key, nonce24, box):
    """None when it does not authenticate."""
    keys = stream(key, nonce24, 32 + len(box) - 16)
    if not hmac.compare_digest(poly1305.tag(box[16:], *poly1305.split_key(keys[:32])), box[:16]):
        return None
    return _xor(box[16:], keys[32:])
