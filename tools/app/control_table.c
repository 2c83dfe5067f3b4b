#include "tools/app/control_table.h"

#include <string.h>

#define PEER "hashname"
#define REACH_PARAMS PEER ", timeout_ms? (15000)"
#define WAYS "ways: [{kind, via, path, tries, after_ms, took_ms, outcome, said}]"

const struct th_method th_methods[TH_METHODS] = {
    {TH_METHOD_STATUS, "status", "",
     "{hashname, state, links, lines, uptime_ms, listen, mapped, advertised, observed, addresses, "
     "control, warnings, version}",
     TH_ACCESS_READ, TH_NEED_STATUS | TH_NEED_BOOTSTRAP | TH_NEED_TABLE | TH_NEED_NOT_ALL,
     "how this node is: its state, links, addresses, and what is wrong"},
    {TH_METHOD_HEALTH, "health", "",
     "{alive, healthy, summary, state, state_ms, links, links_heard, heard_ms_ago, recent_dials, "
     "recent_dials_failed, reasons: [{reason, server, text, next}], reasons_left_out}",
     TH_ACCESS_READ,
     TH_NEED_STATUS | TH_NEED_BOOTSTRAP | TH_NEED_TABLE | TH_NEED_DIALER | TH_NEED_NOT_ALL |
         TH_NEED_NO_WAITING,
     "whether this node is alive and healthy; if not, why and what to do"},
    {TH_METHOD_REACH, "reach", "",
     "{families: [{family, verdict, nat, by_strangers, text, next, listen, mapped, "
     "ports_preserved, seen: [{address, by, by_address, ms_ago}], stranger, direct_lines}], "
     "port_map: {state, address, why}, relayed_lines, bridged_lines, asked}",
     TH_ACCESS_PROBE,
     TH_NEED_STATUS | TH_NEED_LINES | TH_NEED_PORT_MAP | TH_NEED_NOT_ALL | TH_NEED_NO_WAITING,
     "whether others can reach this node, how that is known, and what to do"},
    {TH_METHOD_DOCTOR, "doctor", "",
     "{version, pid, owner, group, socket, checks: [{check, verdict, text, next}], "
     "checks_left_out}",
     TH_ACCESS_READ,
     TH_NEED_STATUS | TH_NEED_LINES | TH_NEED_BOOTSTRAP | TH_NEED_TABLE | TH_NEED_DIALER |
         TH_NEED_PORT_MAP | TH_NEED_SOURCES | TH_NEED_KEEPER | TH_NEED_SETTINGS | TH_NEED_NOT_ALL |
         TH_NEED_NO_WAITING,
     "looks for what is wrong: clock, ports, seeds, servers, disk, …, and what to do"},
    {TH_METHOD_PEERS, "peers", "",
     "[{hashname, line, link, direction, seed, bucket, csid, path, rtt_ms, first_seen_ms_ago, "
     "line_age_ms, last_rx_ms_ago, mtu, rx_bytes, tx_bytes, rx_packets, tx_packets}]",
     TH_ACCESS_READ, TH_NEED_LINES | TH_NEED_TABLE, "the nodes that we have a line or a link to"},
    {TH_METHOD_BUCKETS, "buckets", "", "[{bucket, links, spares, refreshed_ms_ago}]",
     TH_ACCESS_READ, TH_NEED_TABLE,
     "the Kademlia table, from the far half of the network to our neighbours"},
    {TH_METHOD_LINES, "lines", "",
     "[{hashname, up, pending, csid, path, rtt_ms, channels, last_rx_ms_ago, line_age_ms, "
     "mtu, rx_bytes, "
     "tx_bytes, rx_packets, tx_packets}]",
     TH_ACCESS_READ, TH_NEED_LINES, "the encrypted lines, also those that are being made"},
    {TH_METHOD_CHANNELS, "channels", "",
     "[{hashname, c, type, opened_by, owner, age_ms, silence_left_ms, rx_packets, tx_packets}]",
     TH_ACCESS_READ, TH_NEED_CHANNELS,
     "the conversations that are open on the lines, and who opened each"},
    {TH_METHOD_DROPS, "drops", "all? (false)", "[{reason, count, meaning, server}]", TH_ACCESS_READ,
     TH_NEED_STATUS | TH_NEED_TABLE | TH_NEED_DIALER,
     "what peers did wrong, counted by reason and by the server that dropped it"},
    {TH_METHOD_SERVERS, "servers", "",
     "[{name, state, doing, doing_ms, thread, mailbox, mailbox_peak, mailbox_max, refused, "
     "messages, "
     "longest_callback_us, longest_callback, restarts}]",
     TH_ACCESS_READ, TH_NEED_NOTHING,
     "what every server of the daemon is doing; asks none of them"},
    {TH_METHOD_METRICS, "metrics", "",
     "{version, links, lines, states: [{state, now}], uptime_ms, packets: [{direction, kind, "
     "count}], bytes: [{direction, count}], drops: [{reason, count}], dials: [{result, count}], "
     "dials_running, dial_duration: {count, sum_ms, buckets: [{up_to_ms, count}]}, servers: "
     "[{server, mailbox, longest_callback_us, restarts}], udp_kernel_drops}",
     TH_ACCESS_READ,
     TH_NEED_STATUS | TH_NEED_BOOTSTRAP | TH_NEED_TABLE | TH_NEED_DIALER | TH_NEED_NOT_ALL |
         TH_NEED_NO_WAITING,
     "the node's numbers for monitoring, as OpenMetrics text"},
    {TH_METHOD_SEEK, "seek", REACH_PARAMS,
     "{target, found, took_ms, asked, hops, paths, steps: [{path, asked, answered, rtt_ms, "
     "entries, "
     "via, hop, gave_up_ms}], closest, result, line, told_by, path, " WAYS "}",
     TH_ACCESS_PROBE, TH_NEED_LINES | TH_NEED_TABLE,
     "look a hashname up in the network, with every step"},
    {TH_METHOD_CONNECT, "connect", REACH_PARAMS, "{hashname, result, path, took_ms, " WAYS "}",
     TH_ACCESS_ADMIN, TH_NEED_LINES | TH_NEED_TABLE, "find a node and open a line to it"},
    {TH_METHOD_PING, "ping",
     PEER ", count? (4), interval_ms? (1000), wait_ms? (2000), timeout_ms? (15000), probe? (path), "
          "size? (0)",
     "{hashname, path, probe, sent, received, lost, rtt_ms, min_ms, avg_ms, max_ms, reached}",
     TH_ACCESS_PROBE, TH_NEED_LINES | TH_NEED_TABLE,
     "measure round trips to a node, which is reached first if there is no line"},
    {TH_METHOD_PIPE_OPEN, "pipe.open", PEER ", type, timeout_ms? (15000)",
     "{hashname, type}, then the connection carries bytes: those of the client as they are, its "
     "end by shutting down; those for it in frames of a 4-byte length, 0 the end, 0xffffffff why "
     "it "
     "failed",
     TH_ACCESS_ADMIN, TH_NEED_LINES | TH_NEED_TABLE,
     "join standard input and output with a stream to another node"},
    {TH_METHOD_PIPE_LISTEN, "pipe.listen", "type",
     "{hashname, type} of the first that comes, then as pipe.open", TH_ACCESS_ADMIN,
     TH_NEED_NOTHING, "the same with whoever opens a stream of that type to this node"},
    {TH_METHOD_WATCH_START, "watch.start", "kind?, type?, peer?, is?, has?",
     "{id}, then notifications watch.event {id, at_ms, kind, …} or {id, lagged}", TH_ACCESS_READ,
     TH_NEED_NOTHING, "what happens, live, one event a line"},
    {TH_METHOD_WATCH_STOP, "watch.stop", "id", "{id}", TH_ACCESS_READ, TH_NEED_NOTHING,
     "end a watch or a trace of this connection"},
    {TH_METHOD_LOG, "log", "level? (debug), topic?", "[{at_ms, level, topic, text}]",
     TH_ACCESS_READ, TH_NEED_NOTHING, "the latest lines of the log that are still in memory"},
    {TH_METHOD_LOG_START, "log.start", "level? (info), topic?, last? (10)",
     "{id}, then notifications log.event {id, at_ms, level, topic, text} or {id, lagged}",
     TH_ACCESS_READ, TH_NEED_NOTHING,
     "the log, live, at any level whatever the daemon's own; watch.stop ends it"},
    {TH_METHOD_CAPTURE_START, "capture.start", "snap? (2048), kind?, type?, peer?, is?, has?",
     "{id}, then notifications capture.event {id, at_us, direction, kind, hashname, line, path, "
     "relay, c, type, opened_by, end, bytes, data} or {id, lagged}",
     TH_ACCESS_ADMIN, TH_NEED_NOTHING, "our own packets, decrypted, into a file for Wireshark"},
    {TH_METHOD_SERVER_TRACE, "server.trace", "server",
     "{id}, then notifications trace.event {id, at_ms, way, sort, message, with, took_us, refused, "
     "kind?, type?, opened_by?}, {id, lagged} or {id, ended}",
     TH_ACCESS_ADMIN, TH_NEED_NOTHING, "every message in and out of a server, live, one a line"},
    {TH_METHOD_SERVER_SUSPEND, "server.suspend", "server, for_ms? (30000)",
     "{server, state, for_ms}", TH_ACCESS_ADMIN, TH_NEED_NOTHING,
     "keep a server from its work for a while; its mailbox fills"},
    {TH_METHOD_SERVER_RESUME, "server.resume", "server", "{server, was_suspended}", TH_ACCESS_ADMIN,
     TH_NEED_NOTHING, "let a suspended server go on"},
    {TH_METHOD_SERVER_RESTART, "server.restart", "server", "{server, restarts, took_ms}",
     TH_ACCESS_ADMIN, TH_NEED_NOTHING, "end one server and start it anew; the others go on"},
#ifdef TH_TEST_HOOKS
    {TH_METHOD_SERVER_BUSY, "server.busy", "server, for_ms", "{server, for_ms}", TH_ACCESS_ADMIN,
     TH_NEED_NOTHING, "for tests: one callback of a server takes that long"},
#endif
    {TH_METHOD_SEEDS_EXPORT, "seeds.export", "", "{HASHNAME: {paths, parts, keys, uri}}",
     TH_ACCESS_READ, TH_NEED_STATUS, "our own entry for the seeds file of others"},
    {TH_METHOD_SEEDS_LIST, "seeds.list", "", "[{hashname, from, added, uri, addresses}]",
     TH_ACCESS_READ, TH_NEED_NOTHING, "the nodes to join from, and who named each"},
    {TH_METHOD_SEEDS_ADD, "seeds.add", "uri", "{hashname, from, added, uri, addresses}",
     TH_ACCESS_ADMIN, TH_NEED_NOTHING, "join from a node now and after every restart"},
    {TH_METHOD_SEEDS_REMOVE, "seeds.remove", "hashname", "{hashname, still_from}", TH_ACCESS_ADMIN,
     TH_NEED_NOTHING, "take back one that was added"},
    {TH_METHOD_RELOAD, "reload", "", "{file, changed: [{key, was, is, restart}]}", TH_ACCESS_ADMIN,
     TH_NEED_NOTHING, "read the configuration again, and say what changed"},
    {TH_METHOD_METHODS, "methods", "", "[{name, params, result, access, help}]", TH_ACCESS_READ,
     TH_NEED_NOTHING, "this table"},
    {TH_METHOD_STOP, "stop", "", "{stopping}", TH_ACCESS_ADMIN, TH_NEED_NOTHING,
     "end the daemon: links are ended, state is saved"},
};

const struct th_method *th_method_find(const char *name)
{
    for (size_t i = 0; i < TH_METHODS; i++)
        if (strcmp(th_methods[i].name, name) == 0)
            return &th_methods[i];
    return NULL;
}

const char *th_access_name(enum th_access access)
{
    switch (access) {
    case TH_ACCESS_READ:
        return "read";
    case TH_ACCESS_PROBE:
        return "probe";
    case TH_ACCESS_ADMIN:
        return "admin";
    }
    return "?";
}
