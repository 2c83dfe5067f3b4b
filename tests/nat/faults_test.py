"""A blocked UDP port is found with thctl alone."""

import json

import lab
from lab import Lab, inside
from mesh import SLOW, check, main, test, thctl, wait_for

# What a host's firewall does that was never told of telehash: it sends, and lets nothing in.
FIREWALL = """
table inet closed {
    chain input { type filter hook input priority filter; udp dport 42424 counter drop; }
}
"""


def doctor(node):
    result = thctl(node, "--json", "doctor")
    return {row["check"]: row for row in json.loads(result.stdout)["checks"] if row["verdict"] == "bad"}, result.returncode


def show(node, *words):
    result = thctl(node, *words)
    print("        $ thctl %s\n        %s" % (" ".join(words), result.stdout.rstrip().replace("\n", "\n        ")))
    return result


@test
def a_blocked_udp_port_is_found_with_thctl_alone():
    with Lab() as mesh:
        seed = mesh.seed()
        host = mesh.host("closed")
        inside("closed", "nft", "-f", "-", text=FIREWALL)
        node = mesh.telehashd("node", host, seed.export_seeds())

        wait_for("the doctor names it", lambda: "traffic" in doctor(node)[0], 40 * SLOW)
        bad, code = doctor(node)
        check(code == 1, "exit %d" % code)
        check("none has come: UDP is blocked" in bad["traffic"]["text"], "%s" % bad)
        check("42424" in bad["traffic"]["next"] and "nft list ruleset" in bad["traffic"]["next"], "%s" % bad)
        check("never reached" in bad["seed"]["text"], "%s" % bad)
        health = show(node, "health")
        check(health.returncode == 1 and "none answers" in health.stdout, health.stdout)
        show(node, "doctor")

        inside("closed", "nft", "delete", "table", "inet", "closed")
        wait_for("it joins once the port is open", lambda: thctl(node, "health").returncode == 0, 60 * SLOW)
        check(doctor(node)[1] == 0, "bad: %s" % doctor(node)[0])


lab.enter()
main()
