// The graph of kernels in layers: a node stands below all that it reads. Values that pass layers run through points of
// their own (one chain for each value), and each layer is ordered by where its neighbours stand.

const NODE = {width: 196, height: 42, gap: 18, layer: 74, point: 10};

function layersOf(nodes) {
  const rank = nodes.map(() => 0);
  nodes.forEach((n, i) => { for (const r of n.reads ?? []) rank[i] = Math.max(rank[i], rank[r.node] + 1); });
  const first = nodes.map(() => Infinity);  // an input stands right above who reads it first
  nodes.forEach((n, i) => { for (const r of n.reads ?? []) first[r.node] = Math.min(first[r.node], rank[i]); });
  nodes.forEach((n, i) => { if (!n.reads && Number.isFinite(first[i])) rank[i] = first[i] - 1; });
  return rank;
}

function layout(nodes) {
  const rank = layersOf(nodes);
  const lowest = Math.min(...rank);
  const layers = Array.from({length: Math.max(...rank) - lowest + 1}, () => []);
  const items = nodes.map((node, i) => ({node, rank: rank[i] - lowest, width: NODE.width, ups: [], downs: []}));
  items.forEach((item) => layers[item.rank].push(item));
  const links = [];
  const connect = (a, b) => { a.downs.push(b); b.ups.push(a); links.push([a, b]); };
  const chains = items.map((item) => [item]);  // by how many layers below
  nodes.forEach((n, i) => {
    for (const source of new Set((n.reads ?? []).map((r) => r.node))) {
      const chain = chains[source], below = items[i].rank - items[source].rank;
      while (chain.length < below) {
        const point = {rank: items[source].rank + chain.length, width: NODE.point, ups: [], downs: []};
        layers[point.rank].push(point);
        connect(chain[chain.length - 1], point);
        chain.push(point);
      }
      connect(chain[Math.max(below, 1) - 1], items[i]);
    }
  });
  place(layers);
  return {items, links, height: layers.length * NODE.layer};
}

// Each item wants to stand at the mean of its neighbours; items of a layer keep their distance.
function place(layers) {
  for (const layer of layers) layer.forEach((item, i) => { item.x = i * (NODE.width + NODE.gap); });
  const mean = (list) => list.reduce((s, n) => s + n.x, 0) / list.length;
  const settle = (layer, side) => {
    layer.forEach((item, i) => { item.want = item[side].length ? mean(item[side]) : item.x; item.i = i; });
    layer.sort((a, b) => a.want - b.want || a.i - b.i);
    let edge = -Infinity;
    for (const item of layer) {
      item.x = Math.max(item.want, edge + item.width / 2);
      edge = item.x + item.width / 2 + NODE.gap;
    }
    const shift = layer.reduce((s, item) => s + item.want - item.x, 0) / layer.length;
    layer.forEach((item) => { item.x += shift; });
  };
  for (let sweep = 0; sweep < 4; ++sweep) {
    for (const layer of layers) settle(layer, "ups");
    for (const layer of [...layers].reverse()) settle(layer, "downs");
  }
  for (const layer of layers) settle(layer, "ups");
}

function insideOf(n) {
  return el("table", {class: "parts"}, n.inside.map((part) => {
    const k = kernelByRow.get(part.row);
    return el("tr", {}, el("td", {}, k ? el("button", {type: "button", onclick: () => openKernel(k, part)}, part.label) : part.label),
              el("td", {class: "number"}, time(part.time_s)));
  }));
}

const short = (text, most) => text.length > most ? text.slice(0, most - 1) + "\u2026" : text;

function drawNode(item, y, most) {
  const n = item.node, k = kernelByRow.get(n.row);
  const share = n.time_s ? n.time_s / report.kernel_time_s : 0;
  const heat = n.time_s ? Math.sqrt(n.time_s / most) : 0;
  const title = `${n.label}\n${n.type}${n.from ? "\n" + n.from : ""}`;
  const second = n.time_s !== undefined ? `${time(n.time_s)}, ${percent(share)}` : n.type;
  const open = () => {
    if (k) openKernel(k, n);
    else openDetail(n.label, el("p", {}, n.kind + " of type " + n.type), n.from ? el("p", {class: "note"}, "from " + n.from) : null,
                    n.inside ? insideOf(n) : null);
  };
  return svg("g", {class: "node " + n.kind, transform: `translate(${item.x - NODE.width / 2} ${y})`, tabindex: 0, onclick: open,
                   onkeydown: (e) => { if (e.key === "Enter") open(); }}, tip(title),
    svg("rect", {class: "box", width: NODE.width, height: NODE.height, rx: n.kind === "kernel" ? 4 : 18}),
    heat ? svg("rect", {class: "heat", width: NODE.width, height: NODE.height, rx: n.kind === "kernel" ? 4 : 18, style: `--share:${heat.toFixed(3)}`}) : null,
    k ? svg("rect", {class: "mark " + colorOf(k.operator), width: 5, height: NODE.height, rx: 2}) : null,
    svg("text", {x: 14, y: 17}, short(n.label, 24)), svg("text", {class: "second", x: 14, y: 33}, short(second, 29)));
}

function showGraph() {
  const nodes = report.graph;
  if (!nodes?.length) return;
  const {items, links, height} = layout(nodes);
  const xs = items.map((i) => i.x);
  const left = Math.min(...xs) - NODE.width, right = Math.max(...xs) + NODE.width;
  const y = (item) => item.rank * NODE.layer + 16;
  const most = Math.max(...nodes.map((n) => n.time_s ?? 0), 1e-12);
  const picture = svg("svg", {class: "graph", role: "img", "aria-label": "graph of kernels"});
  for (const [a, b] of links) {
    const y1 = y(a) + (a.node ? NODE.height : NODE.height / 2), y2 = y(b) + (b.node ? 0 : NODE.height / 2), bend = (y2 - y1) / 2;
    picture.append(svg("path", {class: "edge", d: `M${a.x} ${y1}C${a.x} ${y1 + bend} ${b.x} ${y2 - bend} ${b.x} ${y2}`}));
  }
  items.forEach((item) => picture.append(drawNode(item, y(item), most)));
  const holder = el("div", {class: "graph-holder"}, picture);
  const width = right - left, tall = height + 16;
  picture.setAttribute("viewBox", `${left} 0 ${width} ${tall}`);
  let scale = 1;
  // The point of the holder at (px, py), both from 0 to 1, stays where it is.
  function zoom(to, px = 0.5, py = 0.5) {
    const x = (holder.scrollLeft + px * holder.clientWidth) / scale, y = (holder.scrollTop + py * holder.clientHeight) / scale;
    scale = Math.min(Math.max(to, 0.01), 3);
    picture.setAttribute("width", width * scale);
    picture.setAttribute("height", tall * scale);
    picture.classList.toggle("far", scale < 0.3);
    holder.scrollLeft = x * scale - px * holder.clientWidth;
    holder.scrollTop = y * scale - py * holder.clientHeight;
  }
  const whole = () => zoom(Math.min(1, holder.clientWidth / width, holder.clientHeight / tall));
  function top() {
    zoom(Math.min(1, Math.max(holder.clientWidth / width, 0.75)));
    const first = items.find((i) => i.rank === 0) ?? items[0];
    holder.scrollLeft = (first.x - left) * scale - holder.clientWidth / 2;
    holder.scrollTop = 0;
  }
  holder.addEventListener("wheel", (e) => {
    if (!e.ctrlKey) return;
    e.preventDefault();
    const box = holder.getBoundingClientRect();
    zoom(scale * (e.deltaY > 0 ? 0.8 : 1.25), (e.clientX - box.left) / box.width, (e.clientY - box.top) / box.height);
  }, {passive: false});
  dragging(holder, (dx, dy) => holder.scrollBy(-dx, -dy));
  const button = (text, label, act) => el("button", {type: "button", "aria-label": label, onclick: act}, text);
  section("graph", "Graph",
    `${nodes.filter((n) => n.kind === "kernel").length} calls of kernels` +
    `${nodes.some((n) => n.inside) ? ", beside those in loops and branches" : ""}. The redder, the more time. Weights, and values that only change their shape, are not drawn. ` +
    "Click a node for what it is made of; scroll or drag to move; the buttons, or the wheel with Ctrl, zoom.",
    el("p", {class: "tools"}, button("+", "zoom in", () => zoom(scale * 1.4)), button("\u2212", "zoom out", () => zoom(scale / 1.4)),
       button("whole", "show the whole graph", whole), button("top", "go to the top", top)), holder);
  top();
}
