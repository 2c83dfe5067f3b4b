"use strict";
// A foreign node: the JavaScript telehash v2.1 switch with CS3a, on one loopback port; with --lan on every
// interface, and it looks for nodes of the same network when it goes online, and answers those who look.
//
//   node foreign.js [--noseed] [--lan]
//
// Standard output is one JSON object a line: first {"event":"ready", hashname, port, seeds}, then what
// happens ({"event":…}) and what was asked for ({"id":…}). Standard input asks, an object a line too:
// {"id":1, "do":NAME, …} by a name of `commands` below. The program ends when its input does.

const dgram = require("dgram");
const readline = require("readline");

console.log = console.error; // the switch warns by it; standard output is for our lines
const thjs = require("telehash-js");
const cs3a = require("telehash-cs3a/cs3a.js");
cs3a.crypt(require("./sodium.js"));

// Below the ports that systems give to whoever asks for none.
const PORT_FIRST = 20000;
const PORT_COUNT = 12768;
const TRIES_MAX = 20;
const LAN_PORT = 42420;
const LAN_GROUP = "239.42.42.42";
const isLan = process.argv.includes("--lan");

const say = (object) => process.stdout.write(JSON.stringify(object) + "\n");

// --- what happens ---------------------------------------------------------------------------------

// Tells of every line that opens, whoever began it. The switch has no callback for that.
function watchLines(node) {
  const set = node.CSets["3a"];
  node.CSets["3a"] = {
    ...set,
    openline(from, open) {
      say({ event: "line", from: from.hashname, in: from.lineIn, out: from.lineOut });
      return set.openline(from, open);
    },
  };
}

// Tells of every channel of the switch's own types that another node opens.
function watchChannels(node) {
  for (const type of ["seek", "link", "peer", "connect", "path"]) {
    const serve = node.raws[type];
    node.raw(type, (err, packet, channel) => {
      if (!err) say({ event: type, from: packet.from.hashname, head: packet.js });
      serve(err, packet, channel);
    });
  }
}

// Tells of every link that ended. Only the switch's own trace says so.
thjs.debug((what, hashname, why) => {
  if (what === "LINKDOWN") say({ event: "link_down", from: hashname, why });
});

// Sends each packet of an `_echo` channel back as it came, and ends it.
function serveEcho(node) {
  node.raw("_echo", (err, packet, channel) => {
    if (err && err !== true) return;
    say({ event: "echo", from: packet.from.hashname });
    channel.send({ js: { _: packet.js._, end: true }, body: packet.body });
  });
}

// Sends what comes on a reliable channel of a type back, and its end.
function serveStream(node, type) {
  node.listen(type, (err, packet, channel, done) => {
    if (err && err !== true) return;
    say({ event: "stream", from: packet.from.hashname, end: err === true });
    if (packet.body && packet.body.length) channel.send({ js: {}, body: packet.body });
    if (err === true) channel.send({ js: {}, end: true });
    done(true);
  });
}

// Ports of this machine that cannot be reached from here, nor reach us.
const blocked = new Set();

// --- what is asked --------------------------------------------------------------------------------

// A link counts once something came on it: the switch notes one as soon as it has asked for it.
const isLinked = (other) => Boolean(other.linked && other.linked.recvAt && !other.linked.ended);

const commands = {
  // {seeds}: goes online through them, as seeds files have them. {error}
  join(node, { seeds }, answer) {
    for (const seed of Object.values(seeds)) node.addSeed(seed);
    node.online((err) => answer({ error: err || null }));
  },

  // {peers}: the nodes that we have a line or a link to.
  peers(node, request, answer) {
    const known = Object.values(node.all).filter((other) => other.lineIn || isLinked(other));
    answer({
      peers: known.map((other) => ({
        hashname: other.hashname,
        line: Boolean(other.lineIn),
        link: isLinked(other),
        seed: other.seed === true,
        heard_ms_ago: Date.now() - other.recvAt,
      })),
    });
  },

  // {hashname}: one seek of ourselves, to that node alone: a ping. {error, see}
  ask(node, { hashname }, answer) {
    node.whois(hashname).seek(node.hashname, (err, see) => answer({ error: err || null, see }));
  },

  // {hashname}: looks it up in the network. {error}: null when somebody told of it
  seek(node, { hashname }, answer) {
    node.seek(hashname, (err) => answer({ error: err || null }));
  },

  // {via, hashname}: asks via to introduce us. Nothing comes of it but, perhaps, a line.
  introduce(node, { via, hashname }, answer) {
    node.whois(via).peer(hashname, "3a");
    answer({});
  },

  // {port}: from now on nothing goes there and nothing comes from there.
  block(node, { port }, answer) {
    blocked.add(port);
    answer({});
  },

  // {hashname, text}: an echo over an unreliable channel, to a node that is found first if need be.
  // {error, text}
  echo(node, { hashname, text }, answer) {
    const packet = { js: { _: { n: 1 } }, body: Buffer.from(text), retry: 3, timeout: 10000 };
    node.whois(hashname).raw("_echo", packet, (err, reply) => {
      const body = reply.body ? reply.body.toString() : null;
      answer({ error: err === true ? null : err || "no end", text: body });
    });
  },
};

// {hashname, type, packets, size}: sends so many packets over a reliable channel, in one go, and its end.
// {error, bytes, same}: what came back
commands.stream = (node, { hashname, type, packets, size }, answer) => {
  const sent = [];
  const got = [];
  const next = () => {
    const body = Buffer.alloc(size, sent.length % 251);
    sent.push(body);
    return body;
  };
  const first = { js: {}, body: next() };
  const channel = node.whois(hashname).start(type, first, (err, packet, chan, done) => {
    if (packet.body && packet.body.length) got.push(packet.body);
    done(true);
    if (!err) return;
    const all = Buffer.concat(got);
    answer({ error: err === true ? null : err, bytes: all.length, same: all.equals(Buffer.concat(sent)) });
  });
  while (sent.length < packets) channel.send({ js: {}, body: next() });
  channel.send({ js: {}, end: true });
};

function obey(node, line) {
  const { id, do: name, ...request } = JSON.parse(line);
  let isAnswered = false;
  const answer = (result) => {
    if (!isAnswered) say({ id, ...result });
    isAnswered = true;
  };
  try {
    commands[name](node, request, answer);
  } catch (problem) {
    answer({ error: String(problem) });
  }
}

// --- the program ----------------------------------------------------------------------------------

function receive(node, datagram, from) {
  try {
    node.receive(datagram, { type: "ipv4", ip: from.address, port: from.port });
  } catch (problem) {
    say({ event: "threw", port: from.port, why: problem.message }); // short line packets do it
  }
}

function ready(node, port) {
  const path = { type: "ipv4", ip: "127.0.0.1", port };
  const entry = { paths: [path], parts: node.parts, keys: node.keys };
  node.pathSet(path);
  node.isOnline = true;
  say({ event: "ready", hashname: node.hashname, port, seeds: { [node.hashname]: entry } });
  readline
    .createInterface({ input: process.stdin })
    .on("line", (line) => obey(node, line))
    .on("close", () => process.exit(0));
}

// The switch has this in a part that is not in its package: pings go to everybody from our own port, and
// come on a port that all have.
function serveLan(node, socket, broadcast) {
  socket.setBroadcast(true);
  node.deliver("lan", (path, datagram) => {
    for (const to of [broadcast, LAN_GROUP]) socket.send(datagram, LAN_PORT, to);
  });
  const lan = dgram.createSocket({ type: "udp4", reuseAddr: true });
  lan.on("message", (datagram, from) => receive(node, datagram, from));
  lan.bind(LAN_PORT, () => lan.addMembership(LAN_GROUP));
}

function listen(node, triesLeft) {
  const socket = dgram.createSocket("udp4");
  const port = PORT_FIRST + Math.floor(Math.random() * PORT_COUNT);
  socket.once("error", (problem) => {
    if (problem.code !== "EADDRINUSE" || triesLeft === 0) throw problem;
    listen(node, triesLeft - 1);
  });
  socket.on("message", (datagram, from) => {
    if (!blocked.has(from.port)) receive(node, datagram, from);
  });
  socket.bind(port, isLan ? "0.0.0.0" : "127.0.0.1", () => {
    node.deliver("ipv4", (path, datagram) => {
      if ((isLan || path.ip === "127.0.0.1") && !blocked.has(path.port)) socket.send(datagram, path.port, path.ip);
    });
    if (isLan) serveLan(node, socket, process.env.TH_BROADCAST);
    ready(node, port);
  });
}

const node = new thjs.switch();
cs3a.install(node);
watchLines(node);
watchChannels(node);
serveEcho(node);
serveStream(node, "_echo");
serveStream(node, "_sock");
node.seed = !process.argv.includes("--noseed");
node.make((err) => {
  if (err) throw new Error(err);
  listen(node, TRIES_MAX);
});
