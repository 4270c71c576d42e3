// What a reader wants first: latency, bound, memory, machine, times by operator.

function tile(label, value, note) {
  return el("div", {class: "tile"}, el("div", {class: "label"}, label), el("div", {class: "value"}, value),
            note ? el("div", {class: "label"}, note) : null);
}

function before(get, format) {
  if (!against) return null;
  const value = get(against);
  return Number.isFinite(value) ? "before: " + format(value) : null;
}

function showHead() {
  const m = report.model;
  const name = m.file.split("/").pop();
  document.title = name + " - Tenon profile";
  document.getElementById("title").textContent = name;
  const shapes = m.inputs.map((input, i) => input.name + " " + (m.given_shapes[i] ?? input.shape).join("x"));
  document.getElementById("subtitle").textContent =
      `${shapes.join(", ")} on ${report.threads} ${report.threads === 1 ? "thread" : "threads"}; ${m.producer}, target ${m.target}`;
}

function showSummary() {
  const r = report, memory = r.memory_bytes;
  section("summary", "Summary", null, el("div", {class: "tiles"},
    tile("median latency", time(r.latency_s.median), before((b) => b.latency_s.median, time) ??
         `min ${time(r.latency_s.min)}, p99 ${time(r.latency_s.p99)}, ${r.latency_s.count} runs`),
    tile("time in kernels", time(r.kernel_time_s), before((b) => b.kernel_time_s, time)),
    tile("bound", time(r.sol_s), `${percent(r.sol_s / r.kernel_time_s)} of the time in kernels`),
    tile("work of a run", amount(r.flops, "FLOP"), amount(rate(r.flops, r.kernel_time_s), "FLOP/s")),
    tile("weights", bytes(memory.weights), `code ${bytes(memory.code)}`),
    tile("arena and scratch", bytes(memory.arena), before((b) => b.memory_bytes.arena, bytes)),
    tile("compiled in", time(r.setup_s.compile), before((b) => b.setup_s.compile, time))));
}

function showMachine() {
  const m = report.machine, peaks = m.peaks_of_a_core;
  const rows = [["CPU", `${m.cpu}; compiled for as ${m.host}`],
                ["processors", `${m.cpus} may be used, ${report.threads} were`],
                ["caches", m.cache_bytes.map((b, i) => `L${i + 1} ${bytes(b)}`).join(", ")],
                ["f32 peak of a core", amount(peaks.f32_gflops * 1e9, "FLOP/s")],
                ...Object.entries(peaks.instruction_gops).map(([name, gops]) => [`peak of ${name}`, amount(gops * 1e9, "FLOP/s")]),
                ["reads of a core", `L1 ${digits(peaks.l1_gbs)}, L2 ${digits(peaks.l2_gbs)}, memory ${digits(peaks.dram_gbs)} GB/s`]];
  section("machine", "Machine", "Peaks were measured in the process that measured the kernels.",
    el("table", {class: "facts"}, rows.map(([name, value]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, value)))));
}

function bars(rows, total) {
  const most = Math.max(...rows.map((r) => r.time_s), 1e-12);
  return el("div", {class: "bars"}, rows.map((r) => el("div", {class: "bar"},
    el("span", {class: "name"}, r.name),
    el("span", {class: "track"},
      el("span", {class: "part " + r.color, style: `width:${100 * r.time_s / most}%`},
        r.sol_s === undefined ? null : el("span", {class: "bound", style: `width:${Math.min(100, 100 * r.sol_s / r.time_s)}%`}))),
    el("span", {class: "number"}, time(r.time_s)),
    el("span", {class: "number"}, percent(r.time_s / total)),
    el("span", {class: "more"}, r.more))));
}

function showOperators() {
  const rows = report.operators.filter((o) => o.time_s > 0).map((o) => ({...o, name: o.operator, color: colorOf(o.operator),
    more: `${o.kernels} ${o.kernels === 1 ? "kernel" : "kernels"}, ${amount(rate(o.flops, o.time_s), "FLOP/s")}, ` +
          `${percent(o.sol_s / o.time_s)} of bound`}));
  section("operators", "Time by operator",
    "A kernel counts for the operator at its center; the hatched part of a bar is the bound, what the machine needs at least.",
    bars(rows, report.kernel_time_s));
}

function showPasses() {
  if (!report.passes) return;
  const rows = report.passes.filter((p) => !p.of_kernels && p.time_s > 0).map((p) => ({...p, color: "plain", more: ""}));
  const stages = report.passes.filter((p) => p.of_kernels && p.time_s > 0).map((p) => ({...p, color: "plain", more: ""}));
  const sum = (all) => all.reduce((s, p) => s + p.time_s, 0);
  section("passes", "Compilation", "Wall time of each pass; below, the stages of compile_kernels, summed over all kernels and threads.",
    bars(rows, sum(rows)), el("h3", {}, "Stages of kernels"), bars(stages, sum(stages)));
}
