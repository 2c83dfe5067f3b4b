"""Three JavaScript nodes and three of ours, for two minutes: several rounds of keepalives, beyond the
60 s after which either gives a silent link up.

TH_MIXED_MESH_S in the environment is another length in seconds; TH_MIXED_MESH_OUTPUT a file that gets
what thctl shows at the end.
"""

import os
import time

from foreign import Foreign, MixedMesh, check_ping
from mesh import SLOW, check, main, test, thctl

LASTS_S = float(os.environ.get("TH_MIXED_MESH_S", "120"))
OUTPUT = os.environ.get("TH_MIXED_MESH_OUTPUT")
SETTLED_S = 20  # what is up then stays up

# Why nodes that are all honest drop something of each other.
EXPLAINED = {
    "punch": "either switch sends an empty packet first to an address that it was told, for the NAT",
    "open_repeat": "JavaScript answers every open, also the one that answers its own, and sends its open anew"
    " for each packet that waits for a line. Only while lines are made: see QUIET_DROPS_MAX",
    "channel_closed": "what JavaScript relays to us on a peer channel crosses our end of it, once the two have met",
    "relay_over": "JavaScript sends its open through who introduced it as well, when the two have met already and"
    " ours has ended the channel for it",
    "see_self": "JavaScript names the asker too when it answers a link, or a seek of the asker's hashname",
}
# Of one node once all is settled: a keepalive may go unanswered for 2 s on a busy machine. What JavaScript
# names in its answers is left out: a router looks for more peers a second time, a minute after the first.
QUIET_DROPS_MAX = 2
NOT_QUIET = ("see_self",)
QUIET_S = 80  # from here on that too is over


def links_of(nodes):
    """The links that each node says it has: pairs of names."""
    name_of = {node.hashname: node.name for node in nodes}
    return {(node.name, name_of.get(hashname, hashname)) for node in nodes for hashname in node.links()}


def told(pairs):
    return ", ".join("%s to %s" % pair for pair in sorted(pairs))


def grow(mesh):
    """Two seeds, one of each kind, that know each other; two more of each kind, each by one of them."""
    seed = mesh.ours("ours0")
    foreign_seed = mesh.foreign("js0").join(seed)
    ours = [seed, mesh.ours("ours1", seed), mesh.ours("ours2", foreign_seed)]
    foreign = [foreign_seed, mesh.foreign("js1").join(seed)]
    foreign.append(mesh.foreign("js2", "--noseed").join(foreign_seed))
    return ours, foreign


def lines_made(node):
    """How often each other node made a line with this one, by what the log says."""
    counts = {}
    for line in node.log().splitlines():
        if "switch: line up" in line:
            peer = line.split("peer=")[1].split()[0]
            counts[peer] = counts.get(peer, 0) + 1
    return counts


def show(ours):
    with open(OUTPUT or os.devnull, "w") as out:
        for node in ours:
            for command in ("status", "peers", "lines", "drops"):
                shown = thctl(node, "--json", command)
                out.write("%s$ thctl --json %s\n%s%s" % (node.name, command, shown.stdout, shown.stderr))


def watch(nodes, settled, until):
    """Looks each second that the settled links are there."""
    while time.monotonic() < until:
        lost = settled - links_of(nodes)
        check(not lost, "lost %.0f s before the end: %s" % (until - time.monotonic(), told(lost)))
        time.sleep(min(1, max(0, until - time.monotonic())))


def drops_of(node):
    """Its rows that counted something."""
    return [row for row in node.call("drops") if row["count"] > 0]


def quiet_count(rows):
    return sum(row["count"] for row in rows if row["reason"] not in NOT_QUIET)


def check_drops(node, count_before):
    rows = drops_of(node)
    for row in rows:
        print("        %s: %s %d (%s)" % (node.name, row["reason"], row["count"], row["server"]))
    unexplained = {row["reason"] for row in rows} - set(EXPLAINED)
    check(not unexplained, "drops that nothing explains: %s" % ", ".join(sorted(unexplained)))
    grown = quiet_count(rows) - count_before
    check(grown <= QUIET_DROPS_MAX * SLOW, "%s dropped %d while all was quiet" % (node.name, grown))


def check_reaches_all(nodes):
    for node in nodes:
        for other in nodes:
            if other is node:
                continue
            if isinstance(node, Foreign):
                check(node.can_ask(other), "%s gets no answer of %s" % (node.name, other.name))
            else:
                check_ping(node, other)


@test
def links_of_a_mixed_mesh_stay_up_and_every_drop_is_explained():
    with MixedMesh() as mesh:
        begun = time.monotonic()
        ours, foreign = grow(mesh)
        nodes = ours + foreign
        mesh.wait_ready(ours, 10 * SLOW)

        time.sleep(max(0, begun + SETTLED_S - time.monotonic()))
        settled = links_of(nodes)
        lines = [lines_made(node) for node in ours]
        drops = [quiet_count(drops_of(node)) for node in ours]
        ends = begun + max(LASTS_S, SETTLED_S)
        watch(nodes, settled, min(begun + QUIET_S, ends))
        all_drops = [sum(row["count"] for row in drops_of(node)) for node in ours]
        watch(nodes, settled, ends)

        show(ours)
        print("        %d of 30 ends of links were up all the time" % len(settled))
        check(len(settled) == 30, "only these: %s" % told(settled))
        check(lines == [lines_made(node) for node in ours], "lines were made anew")
        for node in foreign:
            check(not node.seen("link_down"), "%s: %s" % (node.name, node.seen("link_down")))
            check(not node.seen("threw"), "%s: %s" % (node.name, node.seen("threw")))
        for node, count, all_count in zip(ours, drops, all_drops):
            check_drops(node, count)
            grown = sum(row["count"] for row in drops_of(node)) - all_count
            check(grown <= QUIET_DROPS_MAX * SLOW, "%s dropped %d after its second look" % (node.name, grown))
        check_reaches_all(nodes)


main()
