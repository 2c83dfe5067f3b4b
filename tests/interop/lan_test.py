"""Ours and the JavaScript switch on one network find each other without seeds.

In the laboratory of the NAT tests: each on a host of its own; needs root, as that does.
"""

import os
import sys

from foreign import Foreign, MixedMesh, SLOW, test, wait_for  # installs, before the network is another

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nat"))

import lab  # noqa: E402
from mesh import main  # noqa: E402

os.environ["TH_BROADCAST"] = "198.19.255.255"


class MixedLab(lab.Lab, MixedMesh):
    """Hosts with daemons and foreign nodes on them."""


def foreign_on(net, name, host):
    lab.ip("route add 224.0.0.0/4 dev out", host.name)  # else it cannot join the group
    return Foreign(net, name, ["--lan"], host.wrapper)


@test
def the_javascript_switch_finds_ours_by_its_ping():
    with MixedLab() as net:
        one, two = net.host("host1"), net.host("host2")
        ours = net.node("ours", "--listen", "0.0.0.0:42424", "--lan").start(wrapper=one.wrapper)
        wait_for("ours has asked three times", lambda: sum(
            row["count"] for row in ours.call("drops") if row["reason"] == "lan_own") >= 6, 20 * SLOW)
        theirs = foreign_on(net, "theirs", two)
        theirs.call("join", seeds={})  # goes online: it pings the network
        wait_for("they are linked", lambda: theirs.links() == {ours.hashname}, 15 * SLOW)
        wait_for("on our side too", lambda: ours.links() == {theirs.hashname}, 15 * SLOW)


@test
def ours_finds_the_javascript_switch_by_its_pong():
    with MixedLab() as net:
        one, two = net.host("host1"), net.host("host2")
        theirs = foreign_on(net, "theirs", two)  # it never goes online by itself, and so never pings
        ours = net.node("ours", "--listen", "0.0.0.0:42424", "--lan").start(wrapper=one.wrapper)
        wait_for("ours is linked", lambda: ours.links() == {theirs.hashname}, 15 * SLOW)
        wait_for("so are they", lambda: theirs.links() == {ours.hashname}, 15 * SLOW)


lab.enter()
main()
