"""The MAC key of two nodes from two of their opens.

An open carries onetimeauth(line key ‖ tag ‖ ciphertext) under a key that follows of the two static
keys alone, so it is the same in both directions and at every handshake. With h(r) the value of a
message's polynomial,

    tag1 = (h1(r) + s) mod 2^128,   tag2 = (h2(r) + s) mod 2^128
    h1(r) - h2(r) = tag1 - tag2 + carry · 2^128   in the integers, h1 and h2 being below 2^130

and s is gone: r is a root of one of the few polynomials that the carries make. A root that is no
clamped number cannot be r, and only one of 2^24 numbers is clamped.
"""

from . import cs3a, poly1305, roots


def difference(message1, message2):
    """h1 - h2 as a polynomial in r."""
    b1, b2 = poly1305.blocks(message1)[::-1], poly1305.blocks(message2)[::-1]
    longest = max(len(b1), len(b2))
    b1 += [0] * (longest - len(b1))
    b2 += [0] * (longest - len(b2))
    return [0] + [c1 - c2 for c1, c2 in zip(b1, b2)]


def candidates(open1, open2, rng):
    """The pairs (r, s) under which both opens authenticate, and how many roots were looked at."""
    (tag1, message1), (tag2, message2) = cs3a.authenticated(open1), cs3a.authenticated(open2)
    t1, t2 = int.from_bytes(tag1, "little"), int.from_bytes(tag2, "little")
    found, looked_at = set(), 0
    for carry in range(-4, 5):
        value = t1 - t2 + carry * 2**128
        if abs(value) >= poly1305.P:
            continue
        f = difference(message1, message2)
        f[0] -= value
        for r in roots.find(f, poly1305.P, rng):
            looked_at += 1
            s = (t1 - poly1305.evaluate(message1, r)) % 2**128
            if poly1305.is_clamped(r) and poly1305.tag(message2, r, s) == tag2:
                found.add((r, s))
    return sorted(found), looked_at
