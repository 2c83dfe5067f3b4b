"""Roots of polynomials over a prime field, by the gcd with x^p - x and equal-degree splitting.

A polynomial is a list of its coefficients, the constant first and the highest never zero; [] is zero.
"""


def trim(f, p):
    f = [c % p for c in f]
    while f and f[-1] == 0:
        f.pop()
    return f


def monic(f, p):
    inverse = pow(f[-1], -1, p)
    return [c * inverse % p for c in f]


def remainder(f, g, p):
    """f mod g; g is monic."""
    f = list(f)
    while len(f) >= len(g):
        lead = f.pop() % p
        if lead:
            base = len(f) - len(g) + 1
            for i in range(len(g) - 1):
                f[base + i] -= lead * g[i]
    return trim(f, p)


def quotient(f, g, p):
    """f / g without remainder; g is monic."""
    f, out = list(f), []
    while len(f) >= len(g):
        lead = f.pop() % p
        out.append(lead)
        for i in range(len(g) - 1):
            f[len(f) - len(g) + 1 + i] -= lead * g[i]
    return out[::-1]


def multiply(f, g, p):
    if not f or not g:
        return []
    out = [0] * (len(f) + len(g) - 1)
    for i, a in enumerate(f):
        for j, b in enumerate(g):
            out[i + j] += a * b
    return [c % p for c in out]


def power(base, exponent, g, p):
    """base^exponent mod g; g is monic."""
    out = [1]
    for bit in bin(exponent)[2:]:
        out = remainder(multiply(out, out, p), g, p)
        if bit == "1":
            out = remainder(multiply(out, base, p), g, p)
    return out


def subtract(f, g, p):
    longest = max(len(f), len(g))
    return trim([a - b for a, b in zip(f + [0] * (longest - len(f)), g + [0] * (longest - len(g)))], p)


def gcd(f, g, p):
    while g:
        g = monic(g, p)
        f, g = g, remainder(f, g, p)
    return monic(f, p) if f else []


def _split(f, p, rng):
    """The roots of a monic product of different (x - root)."""
    if len(f) <= 1:
        return []
    if len(f) == 2:
        return [-f[0] % p]
    while True:
        # Of each root plus this number, half are squares: (…)^((p-1)/2) is 1 there and -1 elsewhere.
        half = power([rng.randrange(p), 1], (p - 1) // 2, f, p)
        part = gcd(f, subtract(half, [1], p), p)
        if 1 < len(part) < len(f):
            return _split(part, p, rng) + _split(quotient(f, part, p), p, rng)


def find(f, p, rng):
    """All roots of f in the field of p elements."""
    f = trim(f, p)
    if len(f) < 2:
        return []
    f = monic(f, p)
    # x^p - x is the product of all (x - root): the gcd keeps what splits into such.
    product = gcd(f, subtract(power([0, 1], p, f, p), [0, 1], p), p)
    return _split(product, p, rng)
