"""thctl reach behind each kind of NAT, and without one: its verdict, and the evidence for it."""

import json
import time

import lab
from lab import Lab
from mesh import SLOW, check, main, test, thctl, wait_for

# What can be told behind a NAT of each kind: its verdict, and after a stranger tried to come in.
BEFORE = {
    "none": ("public", None, None),
    "full": ("nat", "cone", None),
    "address": ("nat", "cone", None),
    "port": ("nat", "cone", None),
    "symmetric": ("nat", "symmetric", False),
    "several": ("nat", "symmetric", False),  # it was taken for a move each time, and its kind not known
}
AFTER = dict(BEFORE, none=("public", None, True), full=("nat", "open", True))


def verdict_of(node):
    """What it says of IPv4."""
    result = thctl(node, "--json", "reach")
    check(result.returncode == 0, result.stderr)
    family = json.loads(result.stdout)["families"][0]
    return (family["verdict"], family["nat"], family["by_strangers"]), family


def wait_verdict(node, wanted):
    wait_for("%s is %s; now it is %s" % (node.name, wanted, verdict_of(node)), lambda: verdict_of(node)[0] == wanted,
             20 * SLOW)


def seeds_with(mesh, node, address):
    """A seeds file that has the node at the address where the others see it."""
    entry = node.call("seeds.export")
    host, port = address.rsplit(":", 1)
    entry[node.hashname]["paths"] = [{"type": "ipv4", "ip": host, "port": int(port)}]
    path = "%s/%s.outer.json" % (mesh.folder, node.name)
    with open(path, "w") as file:
        json.dump(entry, file)
    return path


def judge(mesh, kind, seed, seeds, stranger_host):
    host = mesh.host("h-" + kind, kind)
    node = mesh.telehashd("node-" + kind, host, seeds)
    wait_for("%s has both" % kind, lambda: len(node.links()) >= 2, 20 * SLOW)
    wait_verdict(node, BEFORE[kind])
    _, family = verdict_of(node)
    seen = {row["address"] for row in family["seen"]}
    ips = {address.rsplit(":", 1)[0] for address in seen}
    own = {host.address, "198.18.%d.2" % host.number} if kind == "several" else {host.address}
    check(ips == own, "it is seen at %s, not at %s" % (seen, own))
    check(family["stranger"] is None, "a stranger is told: %s" % family)

    # A node that nobody told of comes in by that address, or does not.
    guest = mesh.node("guest-" + kind, "--listen", "0.0.0.0:%d" % mesh.guest_port,
                      "--seeds", seeds_with(mesh, node, sorted(seen)[0]))
    mesh.guest_port += 1
    guest.start(wrapper=stranger_host.wrapper)
    if AFTER[kind] == BEFORE[kind]:
        time.sleep(3 * SLOW)  # three opens of the guest's, which nobody lets in
    wait_verdict(node, AFTER[kind])
    print("        " + thctl(node, "reach").stdout.replace("\n", "\n        ").rstrip())
    guest.stop()
    node.stop()


@test
def each_kind_of_nat_is_told_with_its_evidence():
    with Lab() as mesh:
        mesh.guest_port = 5000
        seed = mesh.seed()
        other_host = mesh.host("other")
        seeds = seed.export_seeds()
        other = mesh.telehashd("other", other_host, seeds)
        wait_for("the two are linked", lambda: other.hashname in seed.links(), 20 * SLOW)
        stranger_host = mesh.host("stranger")
        for kind in BEFORE:
            judge(mesh, kind, seed, seeds, stranger_host)


lab.enter()
main()
