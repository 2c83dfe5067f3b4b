"""Poly1305 (RFC 8439, 2.5): tag = ((c1·r^n + … + cn·r) mod 2^130-5 + s) mod 2^128."""

P = 2**130 - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def blocks(message):
    """The numbers c1 … cn of a message: 16 bytes each, with a one above the last byte."""
    return [int.from_bytes(message[i : i + 16] + b"\1", "little") for i in range(0, len(message), 16)]


def evaluate(message, r):
    value = 0
    for c in blocks(message):
        value = (value + c) * r % P
    return value


def tag(message, r, s):
    return ((evaluate(message, r) + s) % 2**128).to_bytes(16, "little")


def split_key(key):
    """A key of 32 bytes as the pair (r, s) that the algorithm works with."""
    return int.from_bytes(key[:16], "little") & CLAMP, int.from_bytes(key[16:], "little")


def is_clamped(r):
    return r & CLAMP == r
