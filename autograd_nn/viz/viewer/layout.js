// The layout of ../layout, once more: same order of operations, same coordinates. A test holds the two together.
const NODE_GAP = 18, EDGE_GAP = 10, RANK_GAP = 26, PORT_GAP = 10, STEEPEST = 0.05, MOST_BENDS = 20000;
const SWEEPS = 12, PATIENCE = 4, WIDEST = 60, PAD = 12, TITLE = 22, PORT = 14, LABEL_GAP = 8, REACH = 0.9;
const lists = n => Array.from({length: n}, () => []);
const sorted = (a, key) => a.map((v, i) => [key(v), i, v]).sort((p, q) => p[0] - q[0] || p[1] - q[1]).map(t => t[2]);
const number = (row, place) => row.forEach((v, i) => place[v] = i);
const most = a => a.reduce((x, y) => Math.max(x, y), -Infinity), least = a => a.reduce((x, y) => Math.min(x, y), Infinity);

// ---- ranks
function adjacency(count, edges) {
  const above = lists(count), below = lists(count);
  for (const [s, t] of edges) { above[t].push(s); below[s].push(t); }
  return [above, below];
}
function topological(count, edges) {
  const [above, below] = adjacency(count, edges), waiting = above.map(a => a.length);
  const order = [], placed = waiting.map(w => w === 0);
  for (let v = 0; v < count; v++) if (placed[v]) order.push(v);
  let head = 0, smallest = 0;
  while (order.length < count || head < order.length) {
    if (head === order.length) {
      while (placed[smallest]) smallest++;
      placed[smallest] = true;
      order.push(smallest);
    }
    const v = order[head++];
    for (const w of below[v]) if (--waiting[w] === 0 && !placed[w]) { placed[w] = true; order.push(w); }
  }
  return order;
}
function ranks(count, edges, order, top, bottom) {
  const [above, below] = adjacency(count, edges), pinned = Array(count).fill(false), rank = Array(count).fill(0);
  for (const v of [...top, ...bottom]) pinned[v] = true;
  for (const v of order) for (const u of above[v]) rank[v] = Math.max(rank[v], rank[u] + 1);
  const light = Array(count).fill(false);
  for (const v of order) {
    const more = below[v].length - above[v].length;
    light[v] = !pinned[v] && below[v].length > 0 && (more > 0 || (more === 0 && above[v].every(u => light[u])));
  }
  for (let pass = 0; pass < 3; pass++) {
    let moved = false;
    for (let i = count - 1; i >= 0; i--) {
      const v = order[i];
      if (!light[v]) continue;
      const lowest = least(below[v].map(w => rank[w])) - 1;
      if (lowest > rank[v]) { rank[v] = lowest; moved = true; }
    }
    if (!moved) break;
  }
  const free = rank.filter((_, v) => !pinned[v]), first = free.length ? least(free) : 0, last = free.length ? most(free) : 0;
  for (const v of top) rank[v] = first - 1;
  for (const v of bottom) rank[v] = last + 1;
  const start = count ? least(rank) : 0;
  return rank.map(r => r - start);
}

// ---- ordering
function crossings(row, place, below) {
  if (row.length < 2) return 0;
  let count = 0;
  const seen = [];
  for (const v of row) {
    const ends = below[v].map(([w, here, there]) => [here, place[w] + there]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [, end] of ends) {
      let k = 0, high = seen.length;
      while (k < high) { const m = (k + high) >> 1; if (end < seen[m]) high = m; else k = m + 1; }
      count += seen.length - k;
      seen.splice(k, 0, end);
    }
  }
  return count;
}
function orderRows(rows, above, below) {
  const place = Array(above.length).fill(0);
  const total = () => { let c = 0; for (let q = 0; q < rows.length - 1; q++) c += crossings(rows[q], place, below); return c; };
  rows.forEach(r => number(r, place));
  let best = rows.map(r => [...r]), fewest = total(), stalled = 0;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    if (fewest === 0 || stalled > PATIENCE) break;
    const down = sweep % 2 === 0, links = down ? above : below;
    for (let i = 1; i < rows.length; i++) {
      const q = down ? i : rows.length - 1 - i;
      rows[q] = byBarycentre(rows[q], links, place);
      number(rows[q], place);
    }
    for (const row of rows) if (row.length <= WIDEST) exchange(row, above, below, place);
    const found = total();
    if (found < fewest) { best = rows.map(r => [...r]); fewest = found; stalled = 0; } else stalled++;
  }
  return best;
}
function byBarycentre(row, links, place) {
  const keys = new Map();
  for (const v of row) if (links[v].length) {
    let total = 0;
    for (const [w, , there] of links[v]) total += place[w] + there;
    keys.set(v, total / links[v].length);
  }
  const moving = sorted([...keys.keys()], v => keys.get(v));
  let i = 0;
  return row.map(v => keys.has(v) ? moving[i++] : v);
}
function exchange(row, above, below, place) {
  for (let pass = 0; pass < 3; pass++) {
    let changed = false;
    for (let i = 0; i < row.length - 1; i++) {
      const a = row[i], b = row[i + 1];
      let gain = 0;
      for (const links of [above, below]) for (const [u, , x] of links[a]) for (const [w, , y] of links[b]) {
        const left = place[u] + x, right = place[w] + y;
        gain += (left > right) - (left < right);
      }
      if (gain > 0) { row[i] = b; row[i + 1] = a; place[a] = i + 1; place[b] = i; changed = true; }
    }
    if (!changed) return;
  }
}

// ---- coordinates
function coordinates(rows, above, below, width, bend) {
  const count = width.length, conflicts = findConflicts(rows, above, bend), layouts = [];
  const distance = (a, b) => (width[a] + width[b]) / 2 + (bend[a] || bend[b] ? EDGE_GAP : NODE_GAP);
  for (const upward of [false, true]) for (const leftward of [false, true]) {
    let turned = rows.map(r => [...r]);
    if (upward) turned.reverse();
    if (leftward) turned = turned.map(r => r.reverse());
    const [root, shift] = blocks(turned, upward ? below : above, conflicts, count, leftward ? -1 : 1), x = packed(turned, root, shift, distance, count);
    layouts.push(leftward ? x.map(v => -v) : x);
  }
  return balanced(layouts, count);
}
function findConflicts(rows, above, bend) {
  const place = new Map(), found = new Set();
  rows.forEach(row => row.forEach((v, i) => place.set(v, i)));
  for (let i = 1; i < rows.length - 1; i++) {
    const upper = rows[i], lower = rows[i + 1];
    let left = 0, scanned = 0;
    lower.forEach((v, j) => {
      let inner = -1;
      if (bend[v]) for (const [u] of above[v]) if (bend[u]) inner = place.get(u);
      if (j === lower.length - 1 || inner >= 0) {
        const right = inner >= 0 ? inner : upper.length - 1;
        for (; scanned <= j; scanned++) for (const [u] of above[lower[scanned]])
          if (place.get(u) < left || place.get(u) > right) found.add(u + "," + lower[scanned]);
        left = right;
      }
    });
  }
  return found;
}
function blocks(rows, neighbours, conflicts, count, sign) {
  const place = Array(count).fill(0), root = [...place.keys()], aligned = [...place.keys()], shift = Array(count).fill(0);
  rows.forEach(r => number(r, place));
  for (const row of rows) {
    let reached = -1;
    for (const v of row) {
      const near = sorted(neighbours[v], n => place[n[0]]);
      if (!near.length) continue;
      const middle = near.length - 1;
      for (let m = middle >> 1; m <= (middle + 1) >> 1; m++) {
        const [u, apart] = near[m];
        if (aligned[v] !== v || place[u] <= reached) continue;
        if (conflicts.size && (conflicts.has(u + "," + v) || conflicts.has(v + "," + u))) continue;
        aligned[u] = v; root[v] = root[u]; aligned[v] = root[u];
        shift[v] = shift[u] + sign * apart;
        reached = place[u];
      }
    }
  }
  return [root, shift];
}
function packed(rows, root, shift, distance, count) {
  const after = lists(count), waiting = Array(count).fill(0), x = Array(count).fill(0), order = [];
  for (const row of rows) for (let k = 1; k < row.length; k++) {
    const a = row[k - 1], b = row[k];
    after[root[a]].push([root[b], distance(a, b) + shift[a] - shift[b]]);
    waiting[root[b]]++;
  }
  for (let v = 0; v < count; v++) if (root[v] === v && waiting[v] === 0) order.push(v);
  for (let head = 0; head < order.length; head++) for (const [c, gap] of after[order[head]]) {
    x[c] = Math.max(x[c], x[order[head]] + gap);
    if (--waiting[c] === 0) order.push(c);
  }
  for (let k = order.length - 1; k >= 0; k--) {
    const b = order[k];
    if (after[b].length) x[b] = Math.max(x[b], least(after[b].map(([c, gap]) => x[c] - gap)));
  }
  return root.map((r, v) => x[r] + shift[v]);
}
function balanced(layouts, count) {
  if (!count) return [];
  const widths = layouts.map(x => most(x) - least(x)), narrowest = layouts[widths.indexOf(least(widths))];
  const low = least(narrowest), high = most(narrowest);
  layouts = layouts.map((x, k) => {
    const shift = k % 2 === 0 ? low - least(x) : high - most(x);
    return x.map(v => v + shift);
  });
  return layouts[0].map((_, v) => {
    const middle = layouts.map(x => x[v]).sort((a, b) => a - b);
    return (middle[1] + middle[2]) / 2;
  });
}

// ---- layered
function layered(width, height, edges, top, bottom, leavesAt, arrivesAt) {
  const count = width.length, order = topological(count, edges), place = [];
  order.forEach((v, i) => place[v] = i);
  let forward = [...edges.keys()].filter(k => place[edges[k][0]] < place[edges[k][1]]);
  const rank = ranks(count, forward.map(k => edges[k]), order, top, bottom);
  forward = forward.filter(k => rank[edges[k][0]] < rank[edges[k][1]]);
  const bend = Array(count).fill(false), chains = lists(edges.length), span = edges.map(([s, t]) => rank[t] - rank[s]);
  for (const k of sorted(forward, k => span[k])) {
    const [s, t] = edges[k], chain = [s];
    if (rank.length - count + span[k] - 1 <= MOST_BENDS) for (let r = rank[s] + 1; r < rank[t]; r++) {
      chain.push(rank.length); rank.push(r); bend.push(true);
    }
    chain.push(t);
    chains[k] = chain;
  }
  const total = rank.length, above = lists(total), below = lists(total), up = lists(total), down = lists(total);
  const widths = [...width, ...Array(total - count).fill(EDGE_GAP)], heights = [...height, ...Array(total - count).fill(0)];
  for (const k of forward) for (let i = 1; i < chains[k].length; i++) {
    const a = chains[k][i - 1], b = chains[k][i], x = i === 1 ? leavesAt[k] : 0, y = i === chains[k].length - 1 ? arrivesAt[k] : 0;
    if (rank[b] !== rank[a] + 1) continue;
    below[a].push([b, REACH * x, REACH * y]); above[b].push([a, REACH * y, REACH * x]);
    const apart = y * widths[b] - x * widths[a];
    down[a].push([b, apart]); up[b].push([a, -apart]);
  }
  const rows = orderRows(firstRows(order, rank, up, down), above, below);
  const x = coordinates(rows, up, down, widths, bend), [y, tall] = rowHeights(rows, heights, x, down, new Set([...top, ...bottom]));
  const routes = lists(edges.length);
  for (const k of forward) chains[k].forEach((v, i) => {
    const half = tall[rank[v]] / 2;
    if (i > 0) routes[k].push([x[v], y[v] - half]);
    if (i < chains[k].length - 1) routes[k].push([x[v], y[v] + half]);
  });
  return {x: x.slice(0, count), y: y.slice(0, count), routes};
}
function firstRows(order, rank, above, below) {
  const rows = lists(most([...rank, -1]) + 1), seen = Array(rank.length).fill(false);
  for (let i = order.length - 1; i >= 0; i--) {
    if (below[order[i]].length) continue;
    const stack = [order[i]];
    while (stack.length) {
      const v = stack.pop();
      if (seen[v]) continue;
      seen[v] = true;
      rows[rank[v]].push(v);
      for (let k = above[v].length - 1; k >= 0; k--) stack.push(above[v][k][0]);
    }
  }
  rank.forEach((r, v) => { if (!seen[v]) rows[r].push(v); });
  return rows;
}
function rowHeights(rows, height, x, below, ports) {
  const y = Array(height.length).fill(0), tall = [];
  let at = 0;
  rows.forEach((row, q) => {
    tall.push(most(row.map(v => height[v])));
    for (const v of row) y[v] = at + tall[q] / 2;
    if (q === rows.length - 1) return;
    let sideways = 0;
    for (const v of row) for (const [w, apart] of below[v]) sideways = Math.max(sideways, Math.abs(x[v] - x[w] - apart));
    const close = row.every(v => ports.has(v)) || rows[q + 1].every(v => ports.has(v));
    at += tall[q] + (close ? PORT_GAP : RANK_GAP) + Math.min(26, STEEPEST * sideways);
  });
  return [y, tall];
}

// ---- nested: boxes [width, height, frame], frames [parent, name width, info width]
function agLayout(boxes, frames, edges, sideways) {
  const n = frames.length, slot = g => g < 0 ? n : g, chains = frames.map((_, g) => {
    const chain = [g];
    while (frames[chain[0]][0] >= 0) chain.unshift(frames[chain[0]][0]);
    return chain;
  });
  chains.push([]);
  const chainOf = v => chains[slot(boxes[v][2])], members = lists(n + 1), seen = Array(n).fill(false);
  boxes.forEach((box, v) => {
    for (const g of chainOf(v)) if (!seen[g]) { seen[g] = true; members[slot(frames[g][0])].push("group," + g + ",0"); }
    members[slot(box[2])].push("node," + v + ",0");
  });
  const within = (v, depth) => chainOf(v).length > depth ? "group," + chainOf(v)[depth] + ",0" : "node," + v + ",0";
  const shared = (s, t) => { let k = 0; while (k < chainOf(s).length && k < chainOf(t).length && chainOf(s)[k] === chainOf(t)[k]) k++; return k; };
  const wires = Array.from({length: n + 1}, () => new Map()), entries = lists(n + 1).map(() => new Set()), exits = lists(n + 1).map(() => new Set());
  const wire = (g, a, b, s) => wires[slot(g)].set(a + "|" + b + "|" + s, [a, b, s]);
  for (const [s, t] of edges) {
    const out = chainOf(s), into = chainOf(t), k = shared(s, t);
    wire(k ? out[k - 1] : -1, within(s, k), within(t, k), s);
    for (let d = k; d < out.length; d++) { const p = "out," + out[d] + "," + s; exits[out[d]].add(p); wire(out[d], within(s, d + 1), p, s); }
    for (let d = k; d < into.length; d++) { const p = "in," + into[d] + "," + s; entries[into[d]].add(p); wire(into[d], p, within(t, d + 1), s); }
  }
  const inside = Array.from({length: n + 1}, () => ({at: new Map(), routes: new Map(), left: 0, top: 0, width: 0, height: 0, title: [0, 0], size: [0, 0]}));
  const portPlace = (key, kind, s) => {
    const [type, g] = key.split(",");
    return type !== "group" ? 0 : (inside[g].at.get(kind + "," + g + "," + s)[0] - inside[g].left + (sideways ? TITLE : PAD)) / inside[g].size[0] - 0.5;
  };
  const layOut = g => {
    const own = inside[slot(g)], keys = [...members[slot(g)], ...entries[slot(g)], ...exits[slot(g)]];
    if (!keys.length) return;
    const index = new Map(keys.map((key, i) => [key, i])), width = [], height = [];
    for (const key of keys) {
      const [kind, k] = key.split(",");
      const [w, h] = kind === "node" ? (sideways ? [boxes[k][1], boxes[k][0]] : boxes[k]) : kind === "group" ? inside[k].size : [PORT, 0];
      width.push(w); height.push(h);
    }
    const wanted = [...wires[slot(g)].values()], ids = set => [...set].map(p => index.get(p));
    const leaves = wanted.map(([a, , s]) => portPlace(a, "out", s)), arrives = wanted.map(([, b, s]) => portPlace(b, "in", s));
    const local = wanted.map(([a, b]) => [index.get(a), index.get(b)]);
    const found = layered(width, height, local, ids(entries[slot(g)]), ids(exits[slot(g)]), leaves, arrives);
    keys.forEach((key, i) => own.at.set(key, [found.x[i], found.y[i]]));
    let left = least(keys.map((_, i) => found.x[i] - width[i] / 2)), right = most(keys.map((_, i) => found.x[i] + width[i] / 2));
    own.top = least(keys.map((_, i) => found.y[i] - height[i] / 2));
    own.height = most(keys.map((_, i) => found.y[i] + height[i] / 2)) - own.top;
    wanted.forEach(([a, b, s], k) => {
      const points = found.routes[k];
      if (points.length) {
        points[0] = [points[0][0] + leaves[k] * width[local[k][0]], points[0][1]];
        points[points.length - 1] = [points[points.length - 1][0] + arrives[k] * width[local[k][1]], points[points.length - 1][1]];
      }
      for (const [x] of points) { left = Math.min(left, x - 4); right = Math.max(right, x + 4); }
      own.routes.set(a + "|" + b + "|" + s, points);
    });
    own.left = left; own.width = right - left;
    if (g < 0) return;
    const frame = frames[g];
    if (sideways) {
      own.height = Math.max(own.height, frame[1] + LABEL_GAP + frame[2]);
      own.size = [own.width + PAD + TITLE, own.height + 2 * PAD];
      return;
    }
    const xs = [...entries[g]].map(p => own.at.get(p)[0] - own.left + PAD).sort((a, b) => a - b);
    const [moved, title, end] = titles(xs, frame, own.width + 2 * PAD);
    own.title = title; own.left -= moved; own.size = [end, own.height + TITLE + PAD];
  };
  for (const g of sorted([...frames.keys()], g => -chains[g].length)) layOut(g);
  layOut(-1);
  const at = new Map(), placed = frames.map(() => [0, 0, 0, 0]), origin = lists(n + 1).map(() => [0, 0]), stack = [-1];
  origin[n] = [-inside[n].left, -inside[n].top];
  while (stack.length) {
    const g = stack.pop(), [ox, oy] = origin[slot(g)];
    for (const [key, [x, y]] of inside[slot(g)].at) {
      at.set(key, [x + ox, y + oy]);
      const [kind, id] = key.split(","), child = +id;
      if (kind === "group") {
        const [w, h] = inside[child].size, left = x + ox - w / 2, top = y + oy - h / 2;
        placed[child] = [left, top, left + w, top + h];
        origin[child] = [left + (sideways ? TITLE : PAD) - inside[child].left, top + (sideways ? PAD : TITLE) - inside[child].top];
        stack.push(child);
      }
    }
  }
  const before = sideways ? PAD : TITLE, half = boxes.map(b => (sideways ? b[0] : b[1]) / 2);
  let routes = edges.map(([s, t]) => {
    const out = chainOf(s), into = chainOf(t), k = shared(s, t), points = [];
    const add = (g, a, b) => { const [ox, oy] = origin[slot(g)]; for (const [x, y] of inside[slot(g)].routes.get(a + "|" + b + "|" + s)) points.push([x + ox, y + oy]); };
    let [x, y] = at.get("node," + s + ",0");
    points.push([x, y + half[s]]);
    for (let d = out.length - 1; d >= k; d--) {
      const g = out[d], port = "out," + g + "," + s;
      add(g, within(s, d + 1), port);
      points.push([at.get(port)[0], placed[g][3]]);
    }
    add(k ? out[k - 1] : -1, within(s, k), within(t, k));
    for (let d = k; d < into.length; d++) {
      const g = into[d], port = "in," + g + "," + s, px = at.get(port)[0];
      points.push([px, placed[g][1]], [px, placed[g][1] + before]);
      add(g, port, within(t, d + 1));
    }
    [x, y] = at.get("node," + t + ",0");
    points.push([x, y - half[t]]);
    return points.filter((p, i) => !i || p[0] !== points[i - 1][0] || p[1] !== points[i - 1][1]);
  });
  let nodes = boxes.map((_, v) => at.get("node," + v + ",0")), rects = placed, width = inside[n].width, height = inside[n].height;
  let names = frames.map((_, g) => [placed[g][0] + inside[g].title[0], placed[g][0] + inside[g].title[1]]);
  if (sideways) {
    nodes = nodes.map(([x, y]) => [y, x]);
    rects = placed.map(([l, t, r, b]) => [t, l, b, r]);
    names = rects.map((r, g) => [r[0] + PAD, r[0] + PAD + frames[g][1] + LABEL_GAP]);
    routes = routes.map(p => p.map(([x, y]) => [y, x]));
    [width, height] = [height, width];
  }
  return {nodes, frames: rects, titles: names, edges: routes, width, height};
}
function titles(entries, frame, width) {
  const moved = entries.length ? Math.max(0, PAD + frame[1] + LABEL_GAP - entries[0]) : 0;
  const [stays, end] = titled(entries, frame, width), [moves, other] = titled(entries.map(x => x + moved), frame, width + moved);
  return other <= end ? [moved, moves, other] : [0, stays, end];
}
function titled(entries, frame, width) {
  const name = free(entries, PAD, frame[1]);
  if (frame[2] === 0) return [[name, name], Math.max(width, name + frame[1] + PAD)];
  let info = free(entries, name + frame[1] + LABEL_GAP, frame[2]);
  width = Math.max(width, info + frame[2] + PAD);
  if (free(entries, info, width - PAD - info) === info) info = width - PAD - frame[2];
  return [[name, info], width];
}
function free(entries, start, width) {
  for (const x of entries) if (start - LABEL_GAP < x && x < start + width + LABEL_GAP) start = x + LABEL_GAP;
  return start;
}

// ---- columns
const GUTTER = 44, FOOT = 14, AHEAD = 30, ROUND = 10, CLEAR = 8, LETTER = 18, TRIED = 24, INDENT = 12;
const PER_EDGE = 80, PER_FRAME = 120, PER_CROWD = 500, PER_UNEVENNESS = 0.6;
function agWrap(found, edges, boxes, widest, tallest) {
  let best = {columns: [{top: 0, bottom: found.height, dx: 0, dy: 0, spans: []}], width: found.width, height: found.height, crossings: []};
  if (found.height <= tallest) return best;
  const solid = [...found.nodes.map(([, y], i) => [y - boxes[i][1] / 2 - CLEAR, y + boxes[i][1] / 2]),
    ...found.frames.map(f => [f[1] - CLEAR, f[1] + 26]), ...found.frames.map(f => [f[3] - 13, f[3]])];
  solid.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const gaps = [];
  let end = 0;
  for (const [low, high] of solid) { if (low > end && end > 0) gaps.push(end); end = Math.max(end, high); }
  const usable = gaps.filter(y => 40 < y && y < found.height - 40);
  for (let count = 2; count < 7; count++) {
    const cuts = findCuts(found, edges, usable, count);
    if (cuts.length < count - 1) break;
    const wrapped = placedColumns(found, edges, boxes, cuts);
    if (wrapped.width > widest) break;
    best = wrapped;
    if (wrapped.height <= tallest) break;
  }
  return best;
}
function findCuts(found, edges, gaps, count) {
  const cuts = [], step = found.height / count;
  for (let k = 1; k < count; k++) {
    let best = -1, cost = 0;
    const near = gaps.map(y => [Math.abs(y - k * step), y]).filter(g => g[0] <= 0.3 * step).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (const [off, y] of near.slice(0, TRIED)) {
      if (cuts.length && y < cuts[cuts.length - 1] + 0.3 * step) continue;
      const crossed = crossingsAt(found, edges, y);
      let price = PER_UNEVENNESS * off + PER_EDGE * crossed.length;
      for (let i = 1; i < crossed.length; i++) if (crossed[i][1] - crossed[i - 1][1] < LETTER) price += PER_CROWD;
      for (const f of found.frames) if (f[1] < y && y < f[3]) price += PER_FRAME;
      if (best < 0 || price < cost) { best = y; cost = price; }
    }
    if (best >= 0) cuts.push(best);
  }
  return cuts;
}
function crossingsAt(found, edges, y) {
  const seen = new Map();
  edges.forEach(([s], i) => {
    const points = found.edges[i];
    for (let k = 1; k < points.length; k++) if (points[k - 1][1] <= y && y < points[k][1]) {
      const x = xAt(points[k - 1], points[k], y);
      seen.set(s + "," + x, [s, x]);
    }
  });
  return [...seen.values()].sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}
function xAt(a, b, y) {
  if (a[0] === b[0]) return a[0];
  const part = (y - a[1]) / (b[1] - a[1]);
  return Math.round(100 * (a[0] + (b[0] - a[0]) * part * part * (3 - 2 * part))) / 100;
}
function placedColumns(found, edges, boxes, cuts) {
  const bounds = [0, ...cuts, found.height], columns = [];
  let across = 0, tall = 0;
  for (let k = 0; k < bounds.length - 1; k++) {
    const column = {top: bounds[k], bottom: bounds[k + 1], dx: 0, dy: (k === 0 ? 0 : AHEAD + ROUND) - bounds[k], spans: []};
    const [left, right] = extent(found, boxes, column);
    column.dx = across - left;
    columns.push(column);
    across += right - left + GUTTER;
    tall = Math.max(tall, column.bottom + column.dy + (k < cuts.length ? FOOT + ROUND : 0));
  }
  return {columns, width: across - GUTTER, height: tall, crossings: cuts.map(y => crossingsAt(found, edges, y))};
}
function extent(found, boxes, column) {
  const {top, bottom} = column, xs = [], going = [];
  found.frames.forEach(([left, t, right, b], f) => {
    if (t < bottom && b > top) { if (t < top) going.push(f); else xs.push(left, right); }
  });
  for (const points of found.edges) for (let k = 1; k < points.length; k++)
    if (points[k - 1][1] < bottom && points[k][1] > top)
      for (const [x, y] of [points[k - 1], points[k]]) if (top <= y && y <= bottom) xs.push(x - 10, x + 10);
  found.nodes.forEach(([x, y], i) => { if (top < y && y < bottom) xs.push(x - boxes[i][0] / 2, x + boxes[i][0] / 2); });
  const low = xs.length ? least(xs) : 0, high = xs.length ? most(xs) : 0;
  const around = (f, g) => { const a = found.frames[f], b = found.frames[g]; return f !== g && b[0] <= a[0] && b[1] <= a[1] && b[2] >= a[2] && b[3] >= a[3]; };
  const depths = going.map(f => going.filter(g => around(f, g)).length);
  let first = low, last = high;
  going.forEach((f, i) => {
    const [left, , right] = found.frames[f], inside = most(depths) - depths[i] + 1;
    const span = [f, Math.max(left, low - INDENT * inside), Math.min(right, high + INDENT * inside)];
    column.spans.push(span);
    first = Math.min(first, span[1]); last = Math.max(last, span[2]);
  });
  return [first, last];
}
