// Roofline, timeline, memory: plots that are drawn anew for the width at hand and the part that is zoomed into.

const redraws = [];
function plot(height, draw) {
  const holder = el("div", {class: "plot"});
  const redraw = () => {
    const width = Math.max(300, holder.clientWidth || 900);
    const picture = svg("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img"});
    draw(picture, width, height);
    holder.replaceChildren(picture);
  };
  redraws.push(redraw);
  return {holder, redraw};
}
window.addEventListener("resize", () => redraws.forEach((redraw) => redraw()));

// ---- roofline

function roofs() {
  const peaks = report.machine.peaks_of_a_core, threads = report.threads;
  const compute = [["f32", peaks.f32_gflops], ...Object.entries(peaks.instruction_gops)]
      .map(([name, gops]) => ({name, rate: gops * 1e9 * threads}));
  const memory = [{name: "L2", rate: peaks.l2_gbs * 1e9 * threads}, {name: "memory", rate: peaks.dram_gbs * 1e9}];
  return {compute, memory};
}

function showRoofline() {
  const kernels = report.kernels.filter((k) => k.flops > 0 && k.bytes > 0 && k.time_s > 0);
  if (!kernels.length) return;
  const {compute, memory} = roofs();
  const most = Math.max(...kernels.map((k) => k.time_s));
  const xs = kernels.map((k) => k.flops / k.bytes), ys = kernels.map((k) => k.flops / k.time_s);
  const top = Math.max(...compute.map((c) => c.rate));
  const x0 = Math.log10(Math.min(0.05, ...xs)), x1 = Math.log10(Math.max(100, ...xs)) + 0.2;
  const y1 = Math.log10(Math.max(top, ...ys)) + 0.25, y0 = Math.max(y1 - 6, Math.log10(Math.min(...ys)) - 0.2);
  const drawn = plot(420, (picture, width, height) => {
    const left = 64, bottom = height - 40, right = width - 12, upper = 10;
    const x = (v) => left + (Math.log10(v) - x0) / (x1 - x0) * (right - left);
    const y = (v) => bottom - (Math.log10(v) - y0) / (y1 - y0) * (bottom - upper);
    for (let e = Math.ceil(x0); e <= x1; ++e)
      picture.append(svg("line", {class: "grid", x1: x(10 ** e), x2: x(10 ** e), y1: upper, y2: bottom}),
                     svg("text", {class: "tick", x: x(10 ** e), y: bottom + 16, "text-anchor": "middle"}, String(+(10 ** e).toPrecision(1))));
    for (let e = Math.ceil(y0); e <= y1; ++e)
      picture.append(svg("line", {class: "grid", x1: left, x2: right, y1: y(10 ** e), y2: y(10 ** e)}),
                     svg("text", {class: "tick", x: left - 6, y: y(10 ** e) + 4, "text-anchor": "end"}, amount(10 ** e, "").replace(/[.]0+(?= )/, "")));
    picture.append(svg("text", {class: "tick", x: (left + right) / 2, y: height - 6, "text-anchor": "middle"}, "FLOP for each byte that a call touches"),
                   svg("text", {class: "tick", x: 12, y: (upper + bottom) / 2, "text-anchor": "middle",
                                transform: `rotate(-90 12 ${(upper + bottom) / 2})`}, "FLOP/s"));
    for (const m of memory) {
      const from = Math.max(10 ** x0, 10 ** y0 / m.rate), to = top / m.rate;
      picture.append(svg("line", {class: "roof", x1: x(from), y1: y(from * m.rate), x2: x(to), y2: y(top)}),
                     svg("text", {class: "roof-name", x: x(from * 1.6) , y: y(from * m.rate * 1.6) - 8}, m.name));
    }
    const slope = Math.max(...memory.map((m) => m.rate));
    let lowest = -Infinity;  // the highest roof has its name above it, the others below
    for (const c of [...compute].sort((a, b) => b.rate - a.rate)) {
      picture.append(svg("line", {class: "roof", x1: x(c.rate / slope), y1: y(c.rate), x2: right, y2: y(c.rate)}));
      const at = c.rate === top && lowest < 0 ? y(c.rate) - 5 : Math.max(y(c.rate) + 14, lowest + 14);
      if (c.rate !== top || lowest > 0) lowest = at;
      picture.append(svg("text", {class: "roof-name", x: right, y: at, "text-anchor": "end"}, `${c.name} ${amount(c.rate, "FLOP/s")}`));
    }
    kernels.forEach((k) => picture.append(svg("circle", {class: "mark " + colorOf(k.operator), cx: x(k.flops / k.bytes), cy: Math.min(bottom, y(k.flops / k.time_s)),
      r: 3.5 + 10 * Math.sqrt(k.time_s / most), tabindex: 0, onclick: () => openKernel(k)},
      tip(`${k.name} ${k.shape}: ${amount(rate(k.flops, k.time_s), "FLOP/s")}, ${percent(k.sol_s / k.time_s)} of bound`))));
  });
  section("roofline", "Roofline",
    `Each circle is a kernel, its area the time. Lines are what ${report.threads === 1 ? "one core" : report.threads + " cores"} can do at most: ` +
    "from memory or L2 on the left, by arithmetic on the right.", drawn.holder, legend());
  drawn.redraw();
}

function legend() {
  const names = report.operators.filter((o) => o.time_s > 0);
  const shown = names.slice(0, names.length > COLORS ? COLORS - 1 : COLORS);
  return el("p", {class: "legend"}, shown.map((o) => el("span", {}, el("span", {class: "dot " + colorOf(o.operator)}), o.operator)),
            names.length > shown.length ? el("span", {}, el("span", {class: "dot c" + (COLORS - 1)}), "others") : null);
}

// ---- timeline and memory, which share the part that is shown

function showTimeline() {
  const t = report.timeline;
  if (!t.events.length) return;
  const all = Math.max(t.time_us, 1e-3);
  let from = 0, to = all;
  const lanes = [...new Set(t.events.map((e) => e[1]))].sort((a, b) => a - b);
  const laneHeight = 24, left = 64;
  const scale = (width) => (us) => left + (us - from) / (to - from) * (width - left - 8);
  function axis(picture, width, bottom) {
    const x = scale(width), raw = (to - from) / 8, unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((f) => f * unit).find((s) => s >= raw);
    for (let v = Math.ceil(from / step) * step; v <= to; v += step)
      picture.append(svg("line", {class: "grid", x1: x(v), x2: x(v), y1: 0, y2: bottom}),
                     svg("text", {class: "tick", x: x(v), y: bottom + 15, "text-anchor": "middle"}, v === 0 ? "0" : time(v * 1e-6)));
  }
  const events = plot(lanes.length * laneHeight + 28, (picture, width, height) => {
    axis(picture, width, height - 24);
    const x = scale(width);
    lanes.forEach((lane, i) => {
      picture.append(svg("text", {class: "tick", x: left - 6, y: i * laneHeight + 16, "text-anchor": "end"}, lane < 0 ? "steps" : `thread ${lane}`));
      let drawnTo = -1;
      for (const [step, thread, begin, took] of t.events) {
        if (thread !== lane || begin + took < from || begin > to) continue;
        const a = Math.max(x(begin), left), b = Math.min(x(begin + took), width - 8);
        if (b < drawnTo + 0.4) continue;  // what is thinner than a pixel and beside another
        drawnTo = b;
        const info = t.steps[step], k = kernelByRow.get(info.row);
        const bar = svg("rect", {class: "mark " + (k ? colorOf(k.operator) : "plain"), x: a, y: i * laneHeight + 3, width: Math.max(0.6, b - a), height: laneHeight - 6,
                                 onclick: k ? () => openKernel(k) : undefined}, tip(`${k ? k.name + " " + k.shape : info.kind}: ${time(took * 1e-6)}`));
        picture.append(bar);
        if (b - a > 60 && k) picture.append(svg("text", {class: "inside", x: a + 4, y: i * laneHeight + 16}, k.name.slice(0, Math.floor((b - a - 8) / 6.6))));
      }
    });
  });
  const live = t.memory;
  const most = Math.max(...live.map((m) => m[2]), 1);
  const arena = plot(130, (picture, width, height) => {
    const bottom = height - 24, x = scale(width), y = (v) => bottom - v / most * (bottom - 10);
    axis(picture, width, bottom);
    let line = "";
    live.forEach(([begin, took, size]) => {
      const a = Math.min(Math.max(x(begin), left), width - 8), b = Math.min(Math.max(x(begin + took), left), width - 8);
      line += `${line ? "L" : "M"}${a.toFixed(1)} ${y(size).toFixed(1)}L${b.toFixed(1)} ${y(size).toFixed(1)}`;
    });
    const begin = Math.min(Math.max(x(live[0]?.[0] ?? 0), left), width - 8);
    const last = live[live.length - 1] ?? [0, 0, 0];
    const end = Math.min(Math.max(x(last[0] + last[1]), left), width - 8);
    picture.append(svg("path", {class: "area", d: `${line}L${end.toFixed(1)} ${bottom}L${begin.toFixed(1)} ${bottom}Z`}), svg("path", {class: "curve", d: line}),
                   svg("text", {class: "tick", x: left - 6, y: 14, "text-anchor": "end"}, bytes(most)),
                   svg("text", {class: "tick", x: left - 6, y: bottom, "text-anchor": "end"}, "0"));
  });
  const redraw = () => { events.redraw(); arena.redraw(); };
  function zoom(factor, at = (from + to) / 2) {
    const span = Math.min(all, (to - from) * factor);
    from = Math.min(Math.max(0, at - (at - from) * span / (to - from)), all - span);
    to = from + span;
    redraw();
  }
  function move(by) {
    const span = to - from;
    from = Math.min(Math.max(0, from + by), all - span);
    to = from + span;
    redraw();
  }
  for (const {holder} of [events, arena]) {
    const unit = () => (to - from) / (holder.clientWidth - left - 8);
    holder.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.shiftKey) return;
      e.preventDefault();
      const at = from + (e.clientX - holder.getBoundingClientRect().left - left) * unit();
      zoom((e.deltaY || e.deltaX) > 0 ? 1.25 : 0.8, at);
    }, {passive: false});
    dragging(holder, (dx) => move(-dx * unit()));
  }
  const button = (text, label, act) => el("button", {type: "button", "aria-label": label, onclick: act}, text);
  section("timeline", "Timeline and memory",
    `The shortest of a few runs that were recorded event by event, ${time(all * 1e-6)}. Drag to move; the buttons, or the wheel with Ctrl or Shift, zoom.` +
    (t.left_out ? ` ${t.left_out} events are left out; --trace has more.` : ""),
    el("p", {class: "tools"}, button("+", "zoom in", () => zoom(0.5)), button("\u2212", "zoom out", () => zoom(2)), button("all", "show all", () => zoom(1e9))),
    events.holder, el("h3", {}, "Bytes of the arena that hold something"), arena.holder);
  redraw();
}

function dragging(holder, moved) {
  let last = null;
  holder.addEventListener("pointerdown", (e) => { if (e.button === 0) last = [e.clientX, e.clientY]; });
  window.addEventListener("pointermove", (e) => {
    if (!last) return;
    moved(e.clientX - last[0], e.clientY - last[1]);
    last = [e.clientX, e.clientY];
  });
  window.addEventListener("pointerup", () => { last = null; });
}
