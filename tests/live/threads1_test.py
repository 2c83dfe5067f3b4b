"""Each server has a loop of its own; with --threads 1 all but the one that waits for the disk take turns
on one, and everything still works."""

from mesh import Mesh, SLOW, check, main, test


# E5
@test
def a_mesh_of_nodes_with_one_loop_each_joins_finds_and_ends():
    with Mesh() as mesh:
        nodes = mesh.grow(9, "--threads", "1", "--k", "2", "--links-max", "8", seed_flags=("--threads", "1"))
        mesh.wait_ready(nodes, 5 * SLOW)

        for node in nodes:
            threads = {server["name"]: server["thread"] for server in node.call("servers")}
            # Both wait for the disk.
            for name in ("keeper", "settings"):
                check(threads.pop(name) == "keeper", "%s: %s is on %s" % (node.name, name, threads))
            check(set(threads.values()) == {"all"}, "%s has %s" % (node.name, threads))
        for node in nodes[:3]:
            with node.rpc() as rpc:
                for other in nodes[3:7]:
                    ping = rpc.call("ping", {"hashname": other.hashname, "count": 1, "wait_ms": 10000})
                    check(ping["received"] == 1, "%s to %s: %s" % (node.name, other.name, ping))
                found = rpc.call("seek", {"hashname": nodes[8].hashname})
                check(found["found"], "%s does not find the last: %s" % (node.name, found))
        for node in nodes:
            code, took = node.stop()
            check(code == 0 and took < 2 * SLOW, "%s ended with %d after %.1f s" % (node.name, code, took))


# A5
@test
def by_itself_each_server_of_a_node_has_a_loop_of_its_own():
    with Mesh() as mesh:
        threads = {server["name"]: server["thread"] for server in mesh.node("a").start().call("servers")}
        owners = [threads[name] for name in ("switch", "dialer", "router", "bootstrap", "control")]
        check(len(set(owners)) == len(owners), "%s" % threads)


main()
