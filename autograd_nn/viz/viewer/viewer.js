// The viewer: what is open is laid out by layout.js and drawn as ../drawing.py draws it; then tooltips, search, zoom, the walk.
const SVG = "http://www.w3.org/2000/svg", INK = "#1f2430", MUTED = "#4b5568", EDGE = "#7b8698", ALARM = "#c81e2b";
const TINTS = ["#f9f7fe", "#f3effc", "#ede7fa", "#e6def7", "#dfd5f4"], VIOLET = "#4a3a91", FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";
const MARGIN = 14, HEAD = 17, LINE = 14, CHIP = 15, STEP = 17, WIDEST_PICTURE = 1100, TALLEST_PICTURE = 1250;
const safe = s => String(s).replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}[c]));
const round1 = x => +x.toFixed(1), short = x => typeof x !== "number" ? x : x === 0 ? "0" : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2) : String(+x.toPrecision(4));
const rect = (x, y, w, h, r, fill, line, width, more) => `<rect x="${round1(x)}" y="${round1(y)}" width="${round1(Math.max(w, 0))}" height="${round1(h)}" rx="${r}" fill="${fill}"${line ? ` stroke="${line}" stroke-width="${width}"` : ""}${more || ""}/>`;
const text = (x, y, s, size, fill, more) => `<text x="${round1(x)}" y="${round1(y)}" font-size="${size}" fill="${fill}"${more || ""}>${safe(s)}</text>`;
const BOLD = ' font-weight="bold"', START = ' text-anchor="start"';

function agViewer(host) {
  let doc, svgText = null;
  if (host.tagName === "IMG") {
    const bytes = Uint8Array.from(atob(host.src.split(",")[1]), c => c.charCodeAt(0));
    svgText = new TextDecoder().decode(bytes);
    doc = JSON.parse(new DOMParser().parseFromString(svgText, "image/svg+xml").querySelector("metadata").textContent);
  } else doc = JSON.parse(host.querySelector("metadata").textContent);
  const C = doc.colours, opened = new Set(doc.opened), start = [...opened], state = {zoom: 1, step: 0, find: ""};
  const root = document.createElement("div"), bar = document.createElement("div"), status = document.createElement("div");
  const stage = document.createElement("div"), tip = document.createElement("div");
  root.className = "ag-viewer"; root.style.cssText = "position:relative;font:12px " + FONT + ";color:" + INK;
  bar.style.cssText = "display:flex;flex-wrap:wrap;gap:6px;align-items:center;padding:4px 0";
  stage.style.cssText = "overflow:auto;cursor:grab;background:#fff"; status.style.cssText = "min-height:1.4em;color:" + MUTED;
  tip.className = "ag-tip";
  tip.style.cssText = "display:none;position:absolute;z-index:9;max-width:380px;background:#fff;border:1px solid #a9b2c0;border-radius:5px;padding:7px 9px;box-shadow:0 2px 8px #0003;pointer-events:none;line-height:1.45;font-size:11px;overflow-wrap:anywhere";
  const button = (name, label, act) => {
    const b = document.createElement("button");
    b.textContent = label; b.title = name; b.setAttribute("aria-label", name); b.style.cssText = "font:12px inherit;padding:2px 8px";
    b.onclick = act; bar.append(b); return b;
  };
  const search = document.createElement("input");
  search.type = "search"; search.placeholder = "search"; search.setAttribute("aria-label", "search"); search.style.cssText = "font:12px inherit;width:11em";
  bar.append(search);
  button("zoom in", "+", () => zoom(1.2)); button("zoom out", "−", () => zoom(1 / 1.2)); button("fit the width", "fit", () => { state.zoom = 1; size(); });
  button("open all groups", "open all", () => { doc.sections.forEach((s, i) => s && opened.add(i)); redraw(); });
  button("as at first", "reset", () => { opened.clear(); start.forEach(s => opened.add(s)); state.step = 0; state.zoom = 1; search.value = state.find = ""; redraw(); });
  if (doc.walk) {
    const note = document.createElement("span");
    note.textContent = "backward:"; note.style.color = MUTED; bar.append(note);
    button("start the backward pass", "|◀", () => walk(-1e9)); button("one step back", "◀", () => walk(-1));
    button("next step of the backward pass", "▶", () => walk(1)); button("end of the backward pass", "▶|", () => walk(1e9));
  }
  root.append(bar, status, stage, tip);

  // ---- what is visible
  const chain = s => { const out = []; for (; s >= 0; s = doc.sections[s].parent) out.unshift(s); return out; };
  const sectionBox = doc.sections.map(s => s && s.box);
  function visible() {
    const frameOf = new Map([[-1, -1]]), at = new Map(), stands = [], boxes = [], frames = [];
    doc.items.forEach((item, i) => {
      let around = -1, key = "i" + i, box = item, section = -1;
      for (const s of chain(item.s)) {
        if (!opened.has(s)) { key = "s" + s; box = sectionBox[s]; section = s; break; }
        if (!frameOf.has(s)) { frameOf.set(s, frames.length); frames.push({section: s, parent: frameOf.get(around)}); }
        around = s;
      }
      if (!at.has(key)) { at.set(key, boxes.length); boxes.push({box, section, item: section < 0 ? i : -1, last: i, frame: frameOf.get(around), items: []}); }
      stands[i] = at.get(key);
      boxes[stands[i]].last = i; boxes[stands[i]].items.push(i);
    });
    const seen = new Map();
    for (const w of doc.wires) {
      const a = stands[w[0]], b = stands[w[1]], key = a + "," + b;
      if (a === b) continue;
      const had = seen.get(key);
      if (had) { had.flows = had.flows || !!w[2]; had.width = Math.max(had.width, w[3]); had.label = ""; had.adjoint = Math.max(had.adjoint, w[6] || 0); }
      else seen.set(key, {source: a, target: b, flows: !!w[2], width: w[3], label: w[4], labelWidth: w[5], adjoint: w[6] || 0});
    }
    const wires = [...seen.values()], leaving = new Map();
    for (const w of wires) leaving.set(w.source, (leaving.get(w.source) || 0) + 1);
    for (const w of wires) if (leaving.get(w.source) === 1) w.width = 1.1;
    return {boxes, frames, wires};
  }
  function layOut(view) {
    const sizes = view.boxes.map(b => [b.box.w + 2 * (b.box.B ? b.box.bw - 10 : 0), b.box.h, b.frame]), edges = [], labels = [];
    const around = f => { const out = []; for (; f >= 0; f = view.frames[f].parent) out.push(f); return out; };
    for (const w of view.wires) {
      if (!w.label) { edges.push([w.source, w.target]); continue; }
      const ends = around(view.boxes[w.source].frame), both = around(view.boxes[w.target].frame).filter(f => ends.includes(f));
      labels.push(w.label);
      edges.push([w.source, sizes.length], [sizes.length, w.target]);
      sizes.push([w.labelWidth, 14, both.length ? both[0] : -1]);
    }
    const frames = view.frames.map(f => [f.parent, doc.sections[f.section].nw, doc.sections[f.section].iw]);
    const found = agLayout(sizes, frames, edges, doc.sideways);
    return {found, edges, sizes, labels, ...agWrap(found, edges, sizes, WIDEST_PICTURE, doc.sideways ? Infinity : TALLEST_PICTURE)};
  }

  // ---- drawing
  let view, laid, order, current;
  function draw() {
    view = visible(); laid = layOut(view);
    order = [...view.boxes.keys()].filter(b => view.boxes[b].items.some(i => doc.items[i].n && doc.items[i].n.g)).sort((a, b) => view.boxes[b].last - view.boxes[a].last);
    current = doc.walk && state.step > 0 ? order[state.step - 1] : -1;
    const out = [], top = MARGIN + doc.headingHeight, {found, columns} = laid;
    const depth = f => { let d = 0; while ((f = view.frames[f].parent) >= 0) d++; return d; };
    const byDepth = sorted([...view.frames.keys()], depth);
    for (const c of columns) for (const f of byDepth) {
      let [left, t, right, b] = found.frames[f];
      if (b <= c.top || t >= c.bottom) continue;
      const came = t < c.top - 0.01, goes = b > c.bottom + 0.01, span = c.spans.find(s => s[0] === f);
      if (span) [, left, right] = span;
      if (came) t = c.top - AHEAD;
      if (goes) b = c.bottom + FOOT;
      out.push(rect(left + c.dx + MARGIN, t + c.dy + top, right - left, b - t, 6, TINTS[Math.min(depth(f), 4)], "#a393d8", 1, came || goes ? ' stroke-dasharray="5 4"' : ""));
    }
    const flow = view.wires.some(w => w.flows), pieces = [];
    view.wires.forEach(w => pieces.push(...(w.label ? [[w, false], [w, true]] : [[w, true]])));
    if (!doc.silent) for (const c of columns) pieces.forEach(([w, arrow], k) => out.push(wire(w, arrow, found.edges[k], c, c.dx + MARGIN, c.dy + top, flow)));
    for (const c of columns) found.nodes.forEach(([x, y], i) => {
      if (!(c.top <= y && y < c.bottom)) return;
      const px = x + c.dx + MARGIN, py = y + c.dy + top;
      if (i < view.boxes.length) out.push(box(view.boxes[i], i, px, py));
      else out.push(rect(px - laid.sizes[i][0] / 2, py - 7, laid.sizes[i][0], 14, 3, "#fff"), text(px, py + 3.4, laid.labels[i - view.boxes.length], 10, MUTED));
    });
    view.frames.forEach((f, k) => {
      const s = doc.sections[f.section], [left, t, right] = found.frames[k], [name, info] = found.titles[k];
      const c = columns.find(c => c.top <= t && t < c.bottom), dx = c.dx + MARGIN, y = t + c.dy + top;
      out.push(`<g data-close="${f.section}" style="cursor:pointer">` + rect(left + dx, y, right - left, 21, 6, "#fff", "", 0, ' fill-opacity="0"') +
        text(name + dx, y + 14, s.name, 10.5, VIOLET, BOLD + START) + (s.info ? text(info + dx, y + 14, s.info, 10, "#6f5fb0", START) : "") + "</g>");
    });
    columns.slice(1).forEach((c, k) => {
      const inside = view.frames.map((_, f) => f).filter(f => found.frames[f][1] < c.top && c.top < found.frames[f][3]);
      if (!inside.length) return;
      let f = inside.reduce((a, b) => depth(b) > depth(a) ? b : a), path = [];
      for (let g = f; g >= 0; g = view.frames[g].parent) path.unshift(doc.sections[view.frames[g].section].name);
      const from = Math.max(...c.spans.map(s => s[1])) + 10, end = Math.min(...c.spans.map(s => s[2])) - 6;
      let x, words;
      const last = path[path.length - 1], tries = path.map((_, cut) => (cut ? "… / " : "") + path.slice(cut).join(" / ") + " …");
      for (const n of [24, 16, 10]) tries.push(last.length <= n ? last : last.slice(0, n - 1) + "…");
      for (words of [...tries, "…"]) {
        x = from;
        for (const [, at] of laid.crossings[k]) if (x - 12 < at && at < x + 7.4 * words.length + 12) x = at + 14;
        if (x + 7.4 * words.length <= end) break;
      }
      out.push(text(x + c.dx + MARGIN, c.top - AHEAD + c.dy + top + 19, words, 10.5, VIOLET, BOLD + START));
    });
    let letter = 0;
    if (!doc.silent) laid.crossings.forEach((crossed, k) => crossed.forEach(([, x]) => {
      const name = letter < 26 ? String.fromCharCode(65 + letter) : String.fromCharCode(64 + Math.floor(letter / 26), 65 + letter % 26);
      letter++;
      for (const [c, y] of [[columns[k], columns[k].bottom + FOOT], [columns[k + 1], columns[k + 1].top - AHEAD]])
        out.push(`<circle cx="${round1(x + c.dx + MARGIN)}" cy="${round1(y + c.dy + top)}" r="8" fill="${INK}"/>` + text(x + c.dx + MARGIN, y + c.dy + top + 3.4, name, 10, "#fff", BOLD));
    }));
    const width = Math.max(laid.width, doc.headingWidth) + 2 * MARGIN, height = laid.height + top + MARGIN;
    stage.innerHTML = `<svg xmlns="${SVG}" viewBox="0 0 ${round1(width)} ${round1(height)}" font-family="${FONT}" text-anchor="middle" role="img">` +
      rect(0, 0, width, height, 0, "#fff") + doc.heading + out.join("") + "</svg>";
    state.size = [width, height];
    size(); mark();
  }
  function wire(w, arrow, points, c, dx, dy, flow) {
    const piece = [];
    for (let k = 1; k < points.length; k++) {
      const a = points[k - 1], b = points[k], came = a[1] <= c.top && c.top < b[1], goes = a[1] <= c.bottom && c.bottom < b[1];
      if (!came && !goes && !(c.top < b[1] && b[1] <= c.bottom) && laid.columns.length > 1) continue;
      const from = came && laid.columns.length > 1 ? [xAt(a, b, c.top), c.top] : a, to = goes && laid.columns.length > 1 ? [xAt(a, b, c.bottom), c.bottom] : b;
      if (from !== a) piece.push([from[0], c.top - AHEAD]);
      const last = piece[piece.length - 1];
      if (!last || last[0] !== from[0] || last[1] !== from[1]) piece.push(from);
      piece.push(to);
      if (to !== b) piece.push([to[0], c.bottom + FOOT]);
    }
    if (piece.length < 2) return "";
    const tipped = arrow && piece[piece.length - 1] === points[points.length - 1], p = piece.map(([x, y]) => [x + dx, y + dy]), end = p[p.length - 1];
    if (tipped) p[p.length - 1] = doc.sideways ? [end[0] - 7, end[1]] : [end[0], end[1] - 7];
    let d = "M" + p[0].map(round1).join(" ");
    for (let k = 1; k < p.length; k++) {
      const [x, y] = p[k - 1], [u, v] = p[k];
      if (doc.sideways ? y === v : x === u) d += `L${round1(u)} ${round1(v)}`;
      else if (doc.sideways) d += `C${round1((x + u) / 2)} ${round1(y)} ${round1((x + u) / 2)} ${round1(v)} ${round1(u)} ${round1(v)}`;
      else d += `C${round1(x)} ${round1((y + v) / 2)} ${round1(u)} ${round1((y + v) / 2)} ${round1(u)} ${round1(v)}`;
    }
    const walking = current >= 0 && w.target === current && w.flows, colour = walking ? "#d9480f" : EDGE;
    const half = 3.4 + 0.5 * (w.width - 1.1), [x, y] = end;
    const head = !tipped ? "" : `<polygon points="${(doc.sideways ? [[x, y], [x - 8, y - half], [x - 8, y + half]] : [[x, y], [x - half, y - 8], [x + half, y - 8]]).map(q => q.map(round1)).join(" ")}" fill="${colour}"/>`;
    return `<path d="${d}" fill="none" stroke="${colour}" stroke-width="${walking ? Math.max(w.width, 2.4) : w.width}"${w.flows || !flow ? "" : ' stroke-dasharray="1.5 3.5"'}/>` + head;
  }
  function box(shown, index, x, y) {
    const b = shown.box, w = b.w, h = b.h, left = x - w / 2, top = y - h / 2, out = [];
    const fill = C[b.f], line = b.a ? ALARM : C[b.b], stroke = b.a ? 2.6 : b.t ? 2.2 : 1.1, ink = b.i === undefined ? INK : C[b.i];
    const step = doc.walk && state.step > 0, arrived = order.indexOf(index) >= 0 && order.indexOf(index) < state.step;
    let lines = b.l || [];
    if (step && b.k !== "pill") lines = lines.map((s, k) => k < lines.length - 1 ? s : arrived ? "∇ " + adjoint(shown, brief) : "…");
    if (b.k === "pill") out.push(rect(left, top, w, h, 8.5, fill, line, 0.8), ...[b.T, ...lines].map((s, k) => text(x, top + 11.9 + 12 * k, s, 10, MUTED)));
    else {
      if (shown.section >= 0) out.push(rect(left + 3.5, top + 3.5, w, h, 5, "#fff", line, 1));
      out.push(rect(left, top, w, h, b.k === "input" ? Math.min(h / 2, 14) : 5, fill, index === current ? "#d9480f" : line, index === current ? 3 : stroke));
      let at = top + HEAD;
      out.push(text(x, at - 1, b.T, 12, ink, BOLD));
      for (const s of lines) { at += LINE; out.push(text(x, at - 1, s, 10.5, b.i !== undefined ? ink : s.startsWith("in ") ? VIOLET : MUTED)); }
      at += 5;
      for (const [s, f, e, i, dashed] of b.c || []) {
        out.push(rect(left + 7, at, w - 14, CHIP, 3, C[f], C[e], 0.9, dashed ? ' stroke-dasharray="3 2"' : ""), text(x, at + 11, s, 10, C[i]));
        at += STEP;
      }
      if (b.r) {
        let from = left + 7;
        out.push(rect(from, top + h - 9, w - 14, 4, 1, "#fff", "#c3c9d3", 0.5));
        for (const [part, colour] of b.r) { out.push(rect(from, top + h - 9, part * (w - 14), 4, 1, colour)); from += part * (w - 14); }
      }
      if (b.B) out.push(rect(left + w - 12, top - 9, b.bw, 16, 7, b.bf, "#fff", 1.2), text(left + w - 12 + b.bw / 2, top + 2.6, b.B, 10, "#fff", BOLD));
    }
    const dim = step && !arrived && b.k !== "pill" ? ' opacity="0.4"' : "", open = shown.section >= 0 ? ` data-open="${shown.section}" style="cursor:pointer"` : "";
    return `<g data-box="${index}"${open}${dim}>${out.join("")}</g>`;
  }

  // ---- what a box knows
  const result = shown => shown.items.map(i => doc.items[i].n).filter(n => n && n.g);
  const brief = x => x === 0 ? "0" : Math.abs(x) >= 1e3 || Math.abs(x) < 0.01 ? x.toExponential(1) : String(+x.toPrecision(2));
  const scalar = shown => { const found = result(shown); return found.length === 1 && found[0].z === 1 ? found[0].g[2] : undefined; };
  function adjoint(shown, write = short) {
    if (scalar(shown) !== undefined) return write(scalar(shown));
    let total = 0, count = 0;
    for (const n of result(shown)) if (typeof n.g[3] === "number") { total += n.g[3] ** 2 * n.z; count += n.z; }
    return count ? write(Math.sqrt(total / count)) : "none";
  }
  const unit = (x, units, factor) => { let k = 0; while (x >= 999.5 && k < units.length - 1) { x /= factor; k++; } return +x.toPrecision(3) + " " + units[k]; };
  const bars = h => `<svg width="128" height="26" style="display:block">${[...h].map((c, k) => { const v = parseInt(c, 17); return `<rect x="${8 * k}" y="${25 - 1.5 * v}" width="7" height="${Math.max(1.5 * v, v ? 1 : 0)}" fill="#6f9fd8"/>`; }).join("")}</svg>`;
  function describe(shown) {
    const rows = [], row = (a, b) => b !== undefined && b !== "" && rows.push(`<tr><td style="color:${MUTED};padding-right:8px;vertical-align:top">${safe(a)}</td><td>${b}</td></tr>`);
    let head = shown.box.T;
    const nodes = shown.items.map(i => doc.items[i].n).filter(Boolean);
    const sum = k => nodes.reduce((t, n) => t + (n[k] || 0), 0), bytes = sum("b"), time = nodes.reduce((t, n) => n.t ? [t[0] + n.t[0], t[1] + (n.t[1] || 0)] : t, [0, 0]);
    if (shown.section >= 0) {
      const s = doc.sections[shown.section];
      head = s.path || s.name;
      row("module", safe(s.kind || "")); row("holds", safe(s.info)); row("gradient", result(shown).length ? "rms " + adjoint(shown) : "");
    } else if (nodes.length) {
      const n = nodes[nodes.length - 1], p = doc.sections[doc.items[shown.item].s];
      const stats = (v, what) => v && row(what, `min ${short(v[0])}, max ${short(v[1])}<br>mean ${short(v[2])}, σ ${short(v[4])}${v[6] ? "<br><b>" + v[6] + " not finite</b>" : ""}${v[5] ? bars(v[5]) : ""}`);
      row("of", n.x ? `the first of ${n.x}; kept and time are of all` : ""); row("in", p ? safe(p.path || p.name) : ""); row("shape", n.s ? safe(n.s) : ""); row("dtype", n.d); row("with", safe(n.p || "")); stats(n.v, "value");
      if (n.g) { row("gradient", `norm ${short(n.g[3] * Math.sqrt(n.z))}, rms ${short(n.g[3])}`); stats(n.g, "∇"); }
      row("∇≡0", n.r ? "because: " + safe(n.r) : ""); row("raised", n.e ? safe(n.e) : ""); row("check", n.c ? safe(n.c) : "");
      row("line", n.o !== undefined ? safe(doc.lines[n.o]) : "");
    }
    row("kept", bytes ? unit(bytes, ["B", "kB", "MB", "GB"], 1000) + " for the backward pass" : "");
    row("time", time[0] + time[1] ? `forward ${unit(time[0], ["µs", "ms", "s"], 1000)}, backward ${unit(time[1], ["µs", "ms", "s"], 1000)}` : "");
    const chips = shown.section < 0 ? (shown.box.c || []).map(c => c[0]).join(", ") : "";
    row("uses", safe(chips));
    return `<b>${safe(head)}</b><table style="border:0;font-size:11px">${rows.join("")}</table>`;
  }

  // ---- what the reader does
  function size() {
    const svg = stage.querySelector("svg"), room = stage.clientWidth || root.clientWidth || 1000, [w, h] = state.size;
    const scale = state.zoom * Math.min(1, Math.max(0.9, room / w));
    svg.setAttribute("width", round1(w * scale)); svg.setAttribute("height", round1(h * scale));
  }
  function zoom(factor) { state.zoom = Math.min(8, Math.max(0.1, state.zoom * factor)); size(); }
  function redraw() { tip.style.display = "none"; draw(); }
  function toggle(section, open) {
    if (open) opened.add(section); else opened.delete(section);
    redraw();
  }
  function walk(by) {
    state.step = Math.max(0, Math.min(order.length, state.step + by));
    redraw();
    if (current < 0) { status.textContent = ""; return; }
    const g = stage.querySelector(`[data-box="${current}"]`);
    if (g.scrollIntoView) g.scrollIntoView({block: "nearest", inline: "nearest"});
    const shown = view.boxes[current], sends = view.wires.filter(w => w.target === current && w.flows && (w.adjoint || doc.scalar && w.label));
    const sent = w => `${doc.scalar ? (w.label.includes("+") ? `(${w.label})` : w.label) + " × " + adjoint(shown) : short(w.adjoint)} to ${view.boxes[w.source].box.T}`;
    status.textContent = `step ${state.step} of ${order.length}: ${shown.box.T} has its ${scalar(shown) === undefined ? "adjoint, rms" : "gradient,"} ${adjoint(shown)}` +
      (sends.length ? "; it sends back " + sends.map(sent).join(", ") : "");
  }
  const matches = i => {
    const item = doc.items[i], words = [item.T, ...(item.l || []), ...(item.c || []).map(c => c[0]), ...chain(item.s).map(s => doc.sections[s].path || doc.sections[s].name)];
    const said = words.join(" ").toLowerCase();
    return state.find.split(/\s+/).every(word => said.includes(word));
  };
  function mark() {
    let hits = 0, first = null;
    if (state.find) stage.querySelectorAll("[data-box]").forEach(g => {
      if (!view.boxes[+g.dataset.box].items.some(matches)) { g.setAttribute("opacity", "0.25"); return; }
      hits++; first = first || g; g.setAttribute("data-hit", "1");
      const r = g.querySelector("rect:last-of-type") || g.querySelector("rect"), edge = g.querySelectorAll("rect")[view.boxes[+g.dataset.box].section >= 0 ? 1 : 0] || r;
      edge.setAttribute("stroke", "#d9480f"); edge.setAttribute("stroke-width", "3");
    });
    if (state.find) {
      const all = doc.items.filter((_, i) => matches(i)).length;
      status.textContent = all ? `${all} found, in ${hits} box${hits === 1 ? "" : "es"}; Enter opens the groups around the first` : `nothing matches ${search.value}`;
      if (first && first.scrollIntoView && document.activeElement === search) first.scrollIntoView({block: "nearest", inline: "nearest"});
    } else if (!state.step) status.textContent = "click a group's box to open it, its title to close it; hover for numbers";
  }
  search.oninput = () => { state.find = search.value.trim().toLowerCase(); redraw(); };
  search.onkeydown = e => {
    if (e.key !== "Enter" || !state.find) return;
    const i = doc.items.findIndex((_, i) => matches(i));
    if (i >= 0) { chain(doc.items[i].s).forEach(s => opened.add(s)); redraw(); }
  };
  let drag = null, moved = false;
  stage.onpointerdown = e => { drag = [e.clientX, e.clientY, stage.scrollLeft, stage.scrollTop, scrollX, scrollY]; moved = false; };
  stage.onpointermove = e => {
    if (drag) {
      const x = e.clientX - drag[0], y = e.clientY - drag[1];
      if (moved || Math.abs(x) + Math.abs(y) > 4) {
        if (!moved) { moved = true; stage.style.cursor = "grabbing"; }
        stage.scrollLeft = drag[2] - x; stage.scrollTop = drag[3] - y;
        if (stage.scrollHeight <= stage.clientHeight + 1) scrollTo(drag[4], drag[5] - y);
      }
      return;
    }
    const g = e.target.closest("[data-box]");
    if (!g) { tip.style.display = "none"; return; }
    tip.innerHTML = describe(view.boxes[+g.dataset.box]);
    tip.style.display = "block";
    const frame = root.getBoundingClientRect();
    let x = e.clientX - frame.left + 14, y = e.clientY - frame.top + 14;
    if (x + tip.offsetWidth > frame.width) x = Math.max(0, x - tip.offsetWidth - 28);
    if (e.clientY + tip.offsetHeight + 20 > innerHeight) y = Math.max(0, y - tip.offsetHeight - 28);
    tip.style.left = x + "px"; tip.style.top = y + "px";
  };
  stage.onpointerleave = () => { tip.style.display = "none"; drag = null; stage.style.cursor = "grab"; };
  stage.onpointerup = () => { drag = null; stage.style.cursor = "grab"; };
  stage.onclick = e => {
    if (moved) return;
    const open = e.target.closest("[data-open]"), close = e.target.closest("[data-close]");
    if (open) toggle(+open.dataset.open, true); else if (close) toggle(+close.dataset.close, false);
  };
  stage.onwheel = e => { if (e.ctrlKey || e.metaKey) { e.preventDefault(); zoom(e.deltaY < 0 ? 1.1 : 1 / 1.1); } };
  addEventListener("resize", size);
  host.replaceWith(root);
  draw();
  return {open: s => toggle(s, true), close: s => toggle(s, false), walk};
}
