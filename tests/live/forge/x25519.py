"""Curve25519 (RFC 7748)."""

P = 2**255 - 19
BASE = bytes([9]) + bytes(31)


def _cswap(swap, a, b):
    return (b, a) if swap else (a, b)


def multiply(secret, point):
    """secret · point, both 32 bytes; the secret is clamped here."""
    k = int.from_bytes(secret, "little") & ~7 & ~(1 << 255) | 1 << 254
    x1 = (int.from_bytes(point, "little") & (1 << 255) - 1) % P
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        x2, x3 = _cswap(swap ^ bit, x2, x3)
        z2, z3 = _cswap(swap ^ bit, z2, z3)
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3 = (da + cb) ** 2 % P
        z3 = x1 * (da - cb) ** 2 % P
        x2 = aa * bb % P
        z2 = e * (aa + 121665 * e) % P
    x2, x3 = _cswap(swap, x2, x3)
    z2, z3 = _cswap(swap, z2, z3)
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(secret):
    return multiply(secret, BASE)
