'use strict';
/* Asks telehash-web every two seconds, one thing after another, and shows what it says. Everything that comes from the
 * node, and through it from other nodes, becomes text and never markup. */
(() => {
  const EVERY_MS = 2000, KEPT = 150;
  const SVG = 'http://www.w3.org/2000/svg';
  const at = (id) => document.getElementById(id);
  const known = {};     // the last good answer of each kind
  const history = {rx: [], tx: []};
  let last = null;      // the bytes of the last answer, and when
  let peerSort = {key: 'bucket', down: true};
  let isPaused = false, heardAt = 0, saidState = '';

  /* --- words ---------------------------------------------------------------------------------- */

  const unknown = '–';

  function span(ms) {
    if (ms == null) return unknown;
    const s = Math.floor(ms / 1000);
    if (ms < 1000) return ms < 1 ? '< 1 ms' : Math.round(ms) + ' ms';
    if (s < 120) return s + ' s';
    if (s < 7200) return Math.floor(s / 60) + ' min';
    if (s < 172800) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
    return Math.floor(s / 86400) + ' d ' + Math.floor(s % 86400 / 3600) + ' h';
  }

  function amount(n, unit) {
    if (n == null) return unknown;
    let i = 0;
    while (n >= 1000 && i < 4) { n /= 1000; i++; }
    const text = i === 0 || n >= 100 ? Math.round(n).toString() : n.toFixed(1);
    return text + ' ' + ['', 'k', 'M', 'G', 'T'][i] + unit;
  }

  const count = (n) => n == null ? unknown : n.toLocaleString('en');
  const times = (n, one, many) => count(n) + ' ' + (n === 1 ? one : many);
  const words = (text) => String(text).replace(/_/g, ' ');
  const capital = (text) => /^(telehash|thctl)/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  const short = (hex) => String(hex).slice(0, 8);

  /* relay:HASHNAME and bridge:HASHNAME are long. */
  function way(path) {
    if (path == null) return unknown;
    const found = /^(relay|bridge):([0-9a-f]{64})$/.exec(path);
    return found ? found[1] + ' by ' + short(found[2]) : path;
  }

  /* --- elements ------------------------------------------------------------------------------- */

  function element(name, text, kind) {
    const made = document.createElement(name);
    if (text != null) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function svg(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return made;
  }

  function say(id, text) {
    const node = at(id);
    if (node.textContent !== text) node.textContent = text;
  }

  function big(id, number, unit) {
    const node = at(id);
    const text = number + (unit ? ' ' + unit : '');
    if (node.textContent === text) return;
    node.replaceChildren(number);
    if (unit) node.append(element('small', ' ' + unit));
  }

  function tag(text, kind) {
    return element('span', text, 'tag' + (kind ? ' ' + kind : ''));
  }

  /* Rows stay the same elements as long as what they show is there, so that one can select and focus in them. cells:
   * a list of texts, or of elements in a list. */
  function fill(body, list, keyOf, cellsOf, kinds) {
    const old = new Map();
    for (const row of body.rows) old.set(row.dataset.key, row);
    list.forEach((item, i) => {
      const key = String(keyOf(item)), cells = cellsOf(item);
      let row = old.get(key);
      if (!row) {
        row = document.createElement('tr');
        row.dataset.key = key;
        kinds.forEach((kind) => row.append(element('td', null, kind)));
      }
      old.delete(key);
      cells.forEach((cell, c) => {
        const text = Array.isArray(cell) ? cell.map((part) => part.textContent + part.className).join('|') : cell;
        if (row.cells[c].dataset.text === text) return;
        row.cells[c].dataset.text = text;
        if (Array.isArray(cell)) row.cells[c].replaceChildren(...cell);
        else row.cells[c].textContent = cell;
      });
      if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] || null);
    });
    for (const row of old.values()) row.remove();
  }

  /* --- the node ------------------------------------------------------------------------------- */

  function mood(health, status) {
    if (!health) return 'unknown';
    if (health.healthy) return 'good';
    if (!health.alive) return 'bad';
    return status && (status.state === 'joining' || status.state === 'starting') ? 'warn' : 'bad';
  }

  function showState() {
    const health = known.health, status = known.status;
    const now = mood(health, status);
    const state = !health ? 'asking …' : health.healthy ? 'healthy' : health.alive ? 'not healthy' : 'hanging';
    document.body.dataset.state = now;
    say('state', state);
    say('summary', health ? health.summary : '');
    document.title = (health ? health.summary : 'telehash') + ' · ' + (status ? short(status.hashname) : 'node');
    if (health && state + health.state !== saidState) {
      if (saidState) say('said', 'The node is ' + state + ': ' + health.summary);
      saidState = state + health.state;
    }
    const reasons = health ? health.reasons || [] : [];
    const texts = reasons.map((reason) => [reason.text, reason.next]);
    for (const warning of (status && status.warnings) || [])
      if (!reasons.length) texts.push([warning, '']);
    const key = JSON.stringify(texts);
    if (at('reasons').dataset.key !== key) {
      at('reasons').dataset.key = key;
      at('reasons').replaceChildren(...texts.map(([text, next]) => {
        const item = element('li');
        item.append(element('strong', capital(text)));
        if (next) item.append(element('small', next));
        return item;
      }));
    }
    at('reasons').hidden = texts.length === 0;
  }

  function showStatus(status) {
    say('hashname', status.hashname);
    say('addresses', status.addresses.length ? status.addresses.join(', ') : 'no address that others could use');
    say('uptime', span(status.uptime_ms));
    say('version', status.version);
    big('links', count(status.links));
    say('links-note', times(status.lines, 'line', 'lines') + (status.state ? ', ' + status.state : ''));
    at('copy').hidden = !(navigator.clipboard && window.isSecureContext);
  }

  /* --- numbers -------------------------------------------------------------------------------- */

  const sum = (list) => list ? list.reduce((all, row) => all + row.count, 0) : null;

  function spark(id, values, what) {
    const node = at(id), most = Math.max(...values, 1);
    if (values.length < 5) return; // fewer look like dirt
    const step = 150 / Math.max(values.length - 1, 30), from = 150 - (values.length - 1) * step;
    const points = values.map((v, i) => (from + i * step).toFixed(1) + ',' + (28 - 25 * v / most).toFixed(1));
    node.replaceChildren(
      svg('path', {d: 'M' + points[0].split(',')[0] + ',30L' + points.join('L') + 'L150,30Z'}),
      svg('polyline', {points: points.join(' ')}));
    node.setAttribute('aria-label', what + ' in the last ' + span(values.length * EVERY_MS) + ', at most ' +
      amount(most, 'B/s') + ', now ' + amount(values[values.length - 1], 'B/s'));
  }

  function flow(way, metrics, bytes, rate, what) {
    const packets = metrics.packets.filter((row) => row.direction === way);
    const [number, unit] = (rate == null ? unknown + ' ' : amount(rate, 'B/s')).split(' ');
    big(way, number, unit);
    say(way + '-note', amount(bytes, 'B') + ' in ' + times(sum(packets), 'packet', 'packets'));
    if (rate == null) return;
    history[way].push(rate);
    if (history[way].length > KEPT) history[way].shift();
    spark(way + '-line', history[way], what);
  }

  function showMetrics(metrics) {
    if (metrics.bytes && metrics.packets) {
      const bytes = {}, up = metrics.uptime_ms;
      for (const row of metrics.bytes) bytes[row.direction] = row.count;
      /* A daemon that was started anew begins to count anew. */
      const isNew = !last || up < last.up || bytes.rx < last.rx || bytes.tx < last.tx;
      if (isNew || up > last.up) {
        const rate = (way) => isNew ? null : (bytes[way] - last[way]) * 1000 / (up - last.up);
        flow('rx', metrics, bytes.rx, rate('rx'), 'Received');
        flow('tx', metrics, bytes.tx, rate('tx'), 'Sent');
        last = {up, rx: bytes.rx, tx: bytes.tx};
      }
    }
    if (metrics.dials) {
      const of = (result) => (metrics.dials.find((row) => row.result === result) || {count: 0}).count;
      const took = metrics.dial_duration;
      big('dials', count(sum(metrics.dials)));
      say('dials-note', count(of('reached') + of('found')) + ' came through' +
        (took && took.count ? ' · ⌀ ' + span(took.sum_ms / took.count) : ''));
    }
    if (metrics.drops) {
      big('dropped', count(sum(metrics.drops)));
      say('dropped-note', metrics.udp_kernel_drops == null ? '\u00a0'
        : metrics.udp_kernel_drops ? times(metrics.udp_kernel_drops, 'packet', 'packets') + ' lost by the kernel'
        : 'none by the kernel');
    }
  }

  /* --- peers ---------------------------------------------------------------------------------- */

  /* Unknown values come last, whichever way it is sorted. */
  function compare(a, b, key, down) {
    const p = a[key], q = b[key];
    if (p == null || q == null) return p == null && q == null ? 0 : p == null ? 1 : -1;
    const order = p < q ? -1 : p > q ? 1 : 0;
    return down ? -order : order;
  }

  function linkTags(peer) {
    const tags = [];
    if (peer.link) tags.push(tag(peer.direction === 'out' ? 'we asked' : 'they asked', 'good'));
    else tags.push(tag('none'));
    if (!peer.line) tags.push(tag('no line', 'warn'));
    if (peer.seed) tags.push(tag('seed', 'seed'));
    return tags;
  }

  function nameButton(hex) {
    const button = element('button', hex.slice(0, 12), 'name mono');
    button.type = 'button';
    button.title = hex;
    button.setAttribute('aria-label', 'Put ' + hex.slice(0, 12) + ' into the search field');
    return button;
  }

  function showPeers(peers) {
    const {key, down} = peerSort;
    const list = [...peers].sort((a, b) => compare(a, b, key, down) || compare(a, b, 'hashname', false));
    fill(at('peers-table').tBodies[0], list, (peer) => peer.hashname, (peer) => [
      [nameButton(peer.hashname)], String(peer.bucket), linkTags(peer),
      peer.rtt_ms == null ? unknown : peer.rtt_ms < 1 ? '< 1 ms' : peer.rtt_ms + ' ms',
      peer.last_rx_ms_ago == null ? unknown : peer.last_rx_ms_ago < 1000 ? 'just now' : span(peer.last_rx_ms_ago) + ' ago',
      span(peer.line_age_ms), amount(peer.rx_bytes, 'B'), amount(peer.tx_bytes, 'B'), way(peer.path),
    ], ['', 'n more', '', 'n', 'n', 'n more less', 'n more', 'n more', 'more mono']);
    say('peers-note', times(peers.filter((peer) => peer.link).length, 'link', 'links') + ', ' +
      times(peers.filter((peer) => peer.line).length, 'line', 'lines'));
  }

  function sortBy(head) {
    const key = head.dataset.key;
    peerSort = {key, down: peerSort.key === key ? !peerSort.down : key === 'link' || key.endsWith('bytes')};
    for (const other of at('peers-table').tHead.rows[0].cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', peerSort.down ? 'descending' : 'ascending');
    if (known.peers) showPeers(known.peers);
  }

  /* --- the table ------------------------------------------------------------------------------ */

  /* Bucket 255 is the half of all hashnames that begins with another bit than ours, 254 a quarter, … */
  function share(bucket) {
    const power = 256 - bucket;
    return power <= 10 ? '1/' + 2 ** power : '2\u207b' + [...String(power)].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[d]).join('');
  }

  const distance = (rtt) => rtt == null ? 'unknown' : rtt < 50 ? 'near' : rtt < 250 ? 'mid' : 'far';

  function cell(x, y, kind, title) {
    const rect = svg('rect', {x, y, width: 16, height: 16, class: kind});
    if (title) {
      const text = svg('title');
      text.textContent = title;
      rect.append(text);
    }
    return rect;
  }

  function showTable(buckets, peers) {
    const K = Math.max(8, ...buckets.map((row) => row.links)), left = 34, step = 20, high = 25;
    const picture = at('table'), parts = [], told = [];
    const right = left + K * step + 6, width = right + 90;
    buckets.forEach((row, r) => {
      const y = r * high + 4, inside = peers.filter((peer) => peer.bucket === row.bucket && peer.link);
      const number = svg('text', {x: left - 8, y: y + 12.5, 'text-anchor': 'end', class: 'b'});
      number.textContent = row.bucket;
      parts.push(number);
      inside.sort((a, b) => compare(a, b, 'rtt_ms', false));
      for (let i = 0; i < K; i++) {
        const peer = inside[i], x = left + i * step;
        if (peer) {
          const rect = cell(x, y, 'peer ' + distance(peer.rtt_ms), short(peer.hashname) + ', ' + span(peer.rtt_ms));
          rect.dataset.peer = peer.hashname;
          parts.push(rect);
        } else if (i < row.links) parts.push(cell(x, y, 'unknown', 'a link'));
        else if (i < row.links + row.spares) parts.push(cell(x, y, 'spare', 'in reserve'));
        else parts.push(cell(x, y, 'free'));
      }
      const note = svg('text', {x: right, y: y + 12.5});
      note.textContent = share(row.bucket) + ' of all' + (row.spares ? ', +' + row.spares : '');
      parts.push(note);
      told.push('Bucket ' + row.bucket + ', ' + share(row.bucket) + ' of all hashnames: ' +
        times(row.links, 'link', 'links') + ', ' + times(row.spares, 'node', 'nodes') + ' in reserve');
    });
    picture.setAttribute('viewBox', '0 0 ' + width + ' ' + Math.max(high, buckets.length * high + 2));
    picture.replaceChildren(...parts);
    at('table-words').replaceChildren(...told.map((text) => element('li', text)));
    say('table-note', times(buckets.length, 'bucket', 'buckets') + ' in use');
  }

  /* Shows where in the list a square is. */
  function light(hex) {
    for (const row of at('peers-table').tBodies[0].rows) {
      const is = row.dataset.key === hex;
      row.classList.toggle('lit', is);
      if (is) row.scrollIntoView({block: 'nearest'});
    }
  }

  /* --- servers and drops ---------------------------------------------------------------------- */

  function doing(server) {
    const parts = doingNow(server);
    if (server.restarts) parts.push(document.createTextNode(' '), tag('started anew ' + times(server.restarts, 'time', 'times'), 'warn'));
    return parts;
  }

  function doingNow(server) {
    if (server.state === 'suspended') return [tag('suspended', 'warn')];
    if (server.state === 'restarting') return [tag('restarting', 'warn')];
    if (!server.doing) return [element('span', 'idle', 'note')];
    const long = server.doing_ms >= 1000;
    const parts = [element('span', server.doing, 'mono')];
    if (long) parts.push(document.createTextNode(' '), tag('for ' + span(server.doing_ms), 'bad'));
    return parts;
  }

  function showServers(servers) {
    fill(at('servers-table').tBodies[0], servers, (server) => server.name, (server) => [
      server.name, doing(server), count(server.mailbox), count(server.messages),
      server.longest_callback_us == null ? unknown : (server.longest_callback_us / 1000).toFixed(1) + ' ms',
      count(server.restarts),
    ], ['', '', 'n', 'n more', 'n more', 'n more']);
  }

  function showDrops(drops) {
    const list = [...drops].sort((a, b) => b.count - a.count);
    fill(at('drops-table').tBodies[0], list, (row) => row.reason + '/' + row.server,
      (row) => [words(row.reason), count(row.count), row.meaning], ['', 'n', 'wrap']);
    at('drops-table').hidden = list.length === 0;
    at('drops-empty').hidden = list.length > 0;
  }

  /* --- looking a node up ---------------------------------------------------------------------- */

  function listing(heads, rows) {
    const table = element('table'), head = table.createTHead().insertRow(), box = element('div', null, 'scroll');
    for (const [text, kind] of heads) {
      const th = element('th', text, kind);
      th.scope = 'col';
      head.append(th);
    }
    fill(table.createTBody(), rows.map((row, i) => ({row, i})), (item) => item.i, (item) => item.row,
      heads.map(([, kind]) => kind || ''));
    box.append(table);
    box.tabIndex = 0;
    return box;
  }

  function showSeek(found) {
    const parts = [];
    const isReached = found.result === 'reached' || found.line;
    parts.push(element('p', found.found ? (isReached ? 'Found, and a line to it is up.' : 'Found, but not reached.')
      : 'Nobody that answered knows it.', 'verdict ' + (found.found ? 'yes' : 'no')));
    parts.push(element('p', 'Asked ' + times(found.asked, 'node', 'nodes') + ' in ' + span(found.took_ms) +
      (found.hops != null ? ', ' + times(found.hops, 'hop', 'hops') + ' away' : '') +
      (found.told_by ? '; ' + short(found.told_by) + ' told of it' : '') +
      (found.path ? ' at ' + way(found.path) : '') + '.', 'note'));
    if (found.steps && found.steps.length)
      parts.push(listing([['Hop', ''], ['Asked', 'mono'], ['Answer', 'n'], ['Told of', 'n']],
        found.steps.map((step) => [count(step.hop), short(step.asked),
          step.answered ? span(step.rtt_ms) : !step.gave_up_ms ? 'not waited for' : 'none in ' + span(step.gave_up_ms),
          count(step.entries)])));
    if (found.ways && found.ways.length)
      parts.push(listing([['Way', ''], ['Via', 'mono'], ['Outcome', '']],
        found.ways.map((row) => [words(row.kind), row.via ? short(row.via) : unknown, words(row.outcome)])));
    at('seek-result').replaceChildren(...parts);
  }

  function complainSeek(text) {
    say('seek-error', text);
    at('seek-name').setAttribute('aria-invalid', text ? 'true' : 'false');
  }

  async function seek(event) {
    event.preventDefault();
    const button = at('seek').querySelector('button'), name = at('seek-name').value.trim().toLowerCase();
    complainSeek('');
    at('seek-result').replaceChildren();
    if (!/^[0-9a-f]{1,64}$/.test(name)) {
      complainSeek('A hashname is 64 hex digits, or how a peer\'s begins.');
      at('seek-name').focus();
      return;
    }
    button.disabled = true;
    at('seek-result').replaceChildren(element('p', 'Looking …', 'note'));
    try {
      const answer = await fetch('/api/seek', {method: 'POST', headers: {'Content-Type': 'application/json'},
        body: JSON.stringify({hashname: name})});
      const value = await answer.json();
      at('seek-result').replaceChildren();
      if (answer.ok) showSeek(value);
      else complainSeek(capital(value.error) + '.');
    } catch (problem) {
      at('seek-result').replaceChildren();
      complainSeek('telehash-web does not answer.');
    }
    button.disabled = false;
  }

  /* --- asking --------------------------------------------------------------------------------- */

  /* Health says by its code how it is; what it says is in the body all the same. */
  async function ask(what) {
    const answer = await fetch('/api/' + what, {cache: 'no-store'});
    const value = await answer.json();
    if (!answer.ok || value.error) throw new Error(value.error || answer.statusText);
    return value;
  }

  const shows = [['health', null], ['status', showStatus], ['metrics', showMetrics], ['peers', showPeers],
    ['buckets', null], ['servers', showServers], ['drops', showDrops]];

  async function askAll() {
    const problems = [];
    for (const [what, show] of shows) {
      try {
        known[what] = await ask(what);
        if (show) show(known[what]);
      } catch (problem) {
        const isOurs = problem instanceof TypeError;
        problems.push(isOurs ? 'telehash-web does not answer' : problem.message);
        if (what === 'health' || isOurs) known.health = null;
        if (known[what] && at(what + '-note')) say(what + '-note', 'no answer now; this is what was known');
        if (isOurs) break;
      }
    }
    if (known.buckets && known.peers) showTable(known.buckets, known.peers);
    showState();
    showTrouble([...new Set(problems)]);
  }

  function showTrouble(problems) {
    const isDown = problems.length > 0 && !known.health;
    /* What health gives a reason for need not be said twice. */
    if (known.health && !known.health.healthy) problems = [];
    document.body.classList.toggle('stale', isDown && heardAt > 0);
    at('trouble').hidden = problems.length === 0;
    say('trouble', problems.map((text) => capital(text)).join('. ') +
      (isDown && heardAt ? '. Below is what was known ' + span(Date.now() - heardAt) + ' ago.' : ''));
    if (!isDown) heardAt = Date.now();
    if (isDown) {
      document.body.dataset.state = 'bad';
      say('state', 'no answer');
      document.title = 'no answer · telehash';
      if (saidState !== 'down') say('said', 'The node does not answer.');
      saidState = 'down';
    }
  }

  function showClock() {
    const age = Date.now() - heardAt;
    say('updated', isPaused ? 'paused' : !heardAt ? 'not heard yet' : age < 3500 ? 'live' : span(age) + ' ago');
  }

  async function run() {
    for (;;) {
      if (!isPaused && !document.hidden) await askAll();
      showClock();
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
  }

  at('pause').addEventListener('click', () => {
    isPaused = !isPaused;
    at('pause').setAttribute('aria-pressed', String(isPaused));
    say('pause', isPaused ? 'Go on' : 'Pause');
    showClock();
  });
  at('copy').addEventListener('click', async () => {
    await navigator.clipboard.writeText(at('hashname').textContent);
    say('copy', 'Copied');
    setTimeout(() => say('copy', 'Copy'), 1500);
  });
  at('peers-table').tHead.addEventListener('click', (event) => {
    if (event.target.closest('button')) sortBy(event.target.closest('th'));
  });
  at('peers-table').tBodies[0].addEventListener('click', (event) => {
    const button = event.target.closest('button.name');
    if (!button) return;
    at('seek-name').value = button.title;
    at('seek-name').focus();
  });
  at('table').addEventListener('click', (event) => {
    const rect = event.target.closest('rect.peer');
    if (rect) light(rect.dataset.peer);
  });
  at('seek').addEventListener('submit', seek);
  setInterval(showClock, 1000);
  run();
})();
