"""Nodes of one network find each other without seeds (--lan), and nobody gets more out of that.

The hosts are on the lab's internet, which is one network here, 198.18.0.0/15; the test itself is on it too.
"""

import json
import socket
import struct
import time

import lab
from lab import Lab, ip, socket_in
from mesh import SLOW, check, main, test, wait_for

LAN_PORT = 42420
GROUP = "239.42.42.42"


def drops(node):
    return {row["reason"]: row["count"] for row in node.call("drops")}


def daemon(lab_, name, host, *flags, port=42424, listen="0.0.0.0:%d"):
    return lab_.node(name, "--listen", listen % port, *flags).start(wrapper=host.wrapper)


def ping(trace):
    head = json.dumps({"type": "ping", "trace": "%032x" % trace, "3a": True}).encode()
    return len(head).to_bytes(2, "big") + head


def to_group(sender, data, through):
    """Sends from a socket of the test's to the group, through the interface of an address."""
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(through))
    sender.sendto(data, (GROUP, LAN_PORT))


def answers(receiver, seconds):
    """What comes in that time, as (head, body, from)."""
    got = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        receiver.settimeout(max(0.01, end - time.monotonic()))
        try:
            data, where = receiver.recvfrom(4096)
        except socket.timeout:
            break
        size = int.from_bytes(data[:2], "big")
        got.append((json.loads(data[2 : 2 + size]), data[2 + size :], where))
    return got


@test
def two_daemons_without_seeds_find_each_other():
    with Lab() as net:
        a, b, c = (net.host("host%d" % n) for n in range(3))
        first, second = daemon(net, "first", a, "--lan"), daemon(net, "second", b, "--lan")
        net.wait_ready([first, second], 10 * SLOW)
        check(first.links() == {second.hashname} and second.links() == {first.hashname}, "not linked")
        apart = daemon(net, "apart", c)  # without --lan it neither asks nor is asked
        wait_for("two more rounds are over", lambda: drops(first).get("lan_own", 0) >= 4, 20 * SLOW)
        check(apart.call("status")["lines"] == 0 and apart.call("status")["state"] == "alone", "found all the same")


@test
def two_daemons_of_one_machine_find_each_other():
    with Lab() as net:
        a = net.host("host")
        nodes = [daemon(net, "n%d" % n, a, "--lan", port=42424 + n) for n in range(2)]
        net.wait_ready(nodes, 10 * SLOW)
        check(nodes[0].links() == {nodes[1].hashname}, "%s" % nodes[0].links())


@test
def who_is_not_in_the_allow_list_is_found_and_not_spoken_to():
    with Lab() as net:
        a, b, c = (net.host("host%d" % n) for n in range(3))
        friend = daemon(net, "friend", b, "--lan")
        member = daemon(net, "member", a, "--lan", "--allow", friend.hashname)
        stranger = daemon(net, "stranger", c, "--lan")
        net.wait_ready([friend, member, stranger], 20 * SLOW)
        wait_for("the stranger's pong is counted", lambda: drops(member).get("lan_not_allowed"), 20 * SLOW)
        check(member.links() == {friend.hashname}, "%s" % member.links())
        check(stranger.hashname not in [row["hashname"] for row in member.call("peers")], "spoken to")


@test
def an_interface_that_comes_late_is_asked_through_too():
    with Lab() as net:
        a, b = net.host("early"), net.host("steady")
        ip("addr del 198.18.1.1/15 dev out\nlink set out down", "early")
        late, there = daemon(net, "late", a, "--lan"), daemon(net, "there", b, "--lan")
        check(late.call("status")["state"] == "alone" and there.call("status")["state"] == "alone", "how?")
        ip("link set out up\naddr add 198.18.1.1/15 dev out", "early")
        net.wait_ready([late, there], 20 * SLOW)
        check(late.links() == {there.hashname}, "%s" % late.links())


@test
def who_is_not_on_the_network_gets_no_answer():
    with Lab() as net:
        a = net.host("host")
        node = daemon(net, "node", a, "--lan")
        near = socket_in(None, "198.18.0.1", 7000)
        to_group(near, ping(1), "198.18.0.1")
        heard = answers(near, 2 * SLOW)
        check(len(heard) == 1 and heard[0][0]["type"] == "pong" and heard[0][0]["trace"] == "%032x" % 1, "%s" % heard)
        check(len(heard[0][1]) == 32, "no key")
        before = drops(node).get("lan_foreign", 0)

        # A sender that is not of the network; where an answer would go is with us, to see that none comes.
        ip("addr add 203.0.113.9/32 dev br0")
        lab.inside("host", "ip", "route", "add", "203.0.113.9/32", "via", "198.18.0.1")
        spoofed = socket_in(None, "203.0.113.9", 7001)
        spoofed.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        spoofed.sendto(ping(2), ("198.19.255.255", LAN_PORT))
        wait_for("it is counted", lambda: drops(node).get("lan_foreign", 0) == before + 1, 5 * SLOW)
        # And one that is of it, but sent to this machine alone, as from behind a router.
        near.sendto(ping(3), ("198.18.1.1", LAN_PORT))
        wait_for("it is counted too", lambda: drops(node).get("lan_foreign", 0) >= before + 2, 5 * SLOW)
        check(answers(spoofed, 1) == [] and answers(near, 1) == [], "answered")
        # To our own port nothing of this is answered either.
        near.sendto(ping(4), ("198.18.1.1", 42424))
        wait_for("that is counted", lambda: drops(node).get("lan_unasked"), 5 * SLOW)
        check(answers(near, 1) == [], "answered")
        for each in (near, spoofed):
            each.close()
        ip("addr del 203.0.113.9/32 dev br0")


def send_as(address, port, to, data):
    """From a sender that is made up."""
    udp = struct.pack("!HHHH", port, to[1], 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(address), socket.inet_aton(to[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        raw.sendto(head + udp, to)


@test
def no_answer_goes_to_all_of_the_network():
    with Lab() as net:
        a = net.host("host")
        node = daemon(net, "node", a, "--lan")
        everybody = "198.19.255.255"
        near = socket_in(None, "0.0.0.0", 7000)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        send_as(everybody, 7000, (everybody, LAN_PORT), ping(1))
        heard = answers(near, 1)
        check(heard == [], "%s" % heard)
        wait_for("one that is meant for us is answered",
                 lambda: near.sendto(ping(2), (everybody, LAN_PORT)) and answers(near, 1), 10 * SLOW)
        near.close()
        check(node.call("status")["state"] == "alone", "it answers")


@test
def a_flood_of_pings_gets_one_answer_a_second_for_each_address():
    with Lab() as net:
        a = net.host("host")
        node = daemon(net, "node", a, "--lan")
        addresses = ["198.18.0.%d" % n for n in range(10, 40)]
        for address in addresses:
            ip("addr add %s/15 dev br0" % address)
        senders = [socket_in(None, address, 7000) for address in addresses]
        begun = time.monotonic()
        sent = 0
        while time.monotonic() < begun + 3:
            for sender, address in zip(senders, addresses):
                to_group(sender, ping(sent), address)
                sent += 1
        took = time.monotonic() - begun
        heard = [len(answers(sender, 0.05)) for sender in senders]
        print("        %d pings in %.1f s, %d answers" % (sent, took, sum(heard)))
        check(sum(heard) <= 10 + 10 * (took + 1), "%s" % heard)
        check(max(heard) <= took + 2, "%s" % heard)
        check(sum(heard) > 0, "none at all")
        counted = drops(node)
        check(counted["lan_limit"] > 0, "%s" % counted)
        check(node.call("status")["state"] == "alone", "it answers")
        for sender in senders:
            sender.close()
        for address in addresses:
            ip("addr del %s/15 dev br0" % address)


lab.enter()
main()
