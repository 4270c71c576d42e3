// The table of kernels, what changed since another report, and the panel with a kernel's program.

function matchKernels() {
  const matches = new Map();
  if (!against) return matches;
  const byKey = new Map(), byName = new Map();
  for (const k of against.kernels) {
    byKey.set(k.key + " " + k.shape, k);
    byName.set(k.name + " " + k.shape, k);
  }
  for (const k of report.kernels) {
    const match = byKey.get(k.key + " " + k.shape) ?? byName.get(k.name + " " + k.shape);
    if (match) matches.set(k.row, match);
  }
  return matches;
}
const matches = matchKernels();

const COLUMNS = [
  {name: "kernel", text: (k) => k.name, value: (k) => k.name},
  {name: "operator", text: (k) => k.operator, value: (k) => k.operator},
  {name: "shape", text: (k) => k.shape, value: (k) => k.shape},
  {name: "calls", text: (k) => digits(k.calls, 1), value: (k) => k.calls, number: true},
  {name: "time", text: (k) => time(k.time_s), value: (k) => k.time_s, number: true},
  {name: "share", text: (k) => percent(k.time_s / report.kernel_time_s), value: (k) => k.time_s, number: true, bar: true},
  {name: "GFLOP/s", text: (k) => digits(rate(k.flops, k.time_s) * 1e-9), value: (k) => rate(k.flops, k.time_s), number: true},
  {name: "GB/s", text: (k) => digits(rate(k.bytes, k.time_s) * 1e-9), value: (k) => rate(k.bytes, k.time_s), number: true},
  {name: "bytes", text: (k) => bytes(k.bytes), value: (k) => k.bytes, number: true},
  {name: "of bound", text: (k) => percent(k.sol_s / k.time_s), value: (k) => rate(k.sol_s, k.time_s), number: true},
  {name: "schedule", text: (k) => k.schedule, value: (k) => k.schedule},
];
if (against) {
  const past = (k) => matches.get(k.row)?.time_s;
  COLUMNS.splice(5, 0,
    {name: "before", text: (k) => past(k) === undefined ? "new" : time(past(k)), value: (k) => past(k) ?? -1, number: true},
    {name: "change", text: (k) => past(k) > 0 ? (k.time_s > past(k) ? "+" : "") + digits(100 * (k.time_s / past(k) - 1)) + " %" : "-",
     value: (k) => past(k) === undefined ? -Infinity : k.time_s - past(k), number: true,
     kind: (k) => past(k) === undefined ? "" : k.time_s > past(k) * 1.02 ? "worse" : k.time_s < past(k) * 0.98 ? "better" : ""});
}

function showKernels() {
  const body = el("tbody");
  const heads = COLUMNS.map((column, i) => el("th", {scope: "col", class: column.number ? "number" : null, "aria-sort": "none"},
    el("button", {type: "button", onclick: () => sortBy(i)}, column.name)));
  const count = el("span", {class: "note", id: "kernel-count"});
  const search = el("input", {type: "search", id: "kernel-search", placeholder: "search names, operators, shapes",
                              "aria-label": "search kernels", oninput: () => show()});
  let sorted = COLUMNS.findIndex((c) => c.name === "time"), down = true;
  function sortBy(i) {
    down = i === sorted ? !down : Boolean(COLUMNS[i].number);
    sorted = i;
    show();
  }
  function compare(a, b) {
    const x = COLUMNS[sorted].value(a), y = COLUMNS[sorted].value(b);
    const order = typeof x === "string" ? x.localeCompare(y, "en", {numeric: true}) : x - y;
    return down ? -order : order;
  }
  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = report.kernels.filter((k) => {
      const text = [k.name, k.operator, k.shape, k.schedule, ...k.instructions].join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    }).sort(compare);
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== sorted ? "none" : down ? "descending" : "ascending"));
    body.replaceChildren(...rows.map(rowOf));
    const shown = rows.reduce((sum, k) => sum + k.time_s, 0);
    count.textContent = `${rows.length} of ${report.kernels.length} kernels, ${percent(shown / report.kernel_time_s)} of the time`;
  }
  const most = Math.max(...report.kernels.map((k) => k.time_s), 1e-12);
  function rowOf(k) {
    const row = el("tr", {tabindex: 0, "data-row": k.row, onclick: () => openKernel(k),
                          onkeydown: (e) => { if (e.key === "Enter") openKernel(k); }});
    for (const c of COLUMNS) {
      const cell = el("td", {class: [c.number ? "number" : "", c.kind ? c.kind(k) : ""].join(" ").trim() || null},
                      c.number ? c.text(k) : el("div", {class: "words"},
                        c.name === "kernel" ? el("span", {class: "dot " + colorOf(k.operator)}) : null, el("span", {}, breakable(c.text(k)))));
      if (c.bar) cell.append(el("span", {class: "share " + colorOf(k.operator), style: `width:${100 * k.time_s / most}%`}));
      row.append(cell);
    }
    return row;
  }
  section("kernels", "Kernels", "Click a head to sort, a row for the kernel's program.",
    el("p", {class: "tools"}, search, count),
    el("div", {class: "scroll"}, el("table", {id: "kernel-table"}, el("thead", {}, el("tr", {}, heads)), body)));
  show();
}

// Long names may break behind an underscore, shapes behind an x.
function breakable(text) {
  return text.split(/(?<=[_x])/).flatMap((piece, i) => i ? [el("wbr"), piece] : [piece]);
}

// ---- the panel

function closeDetail() { document.getElementById("detail").hidden = true; }
document.addEventListener("keydown", (e) => { if (e.key === "Escape") closeDetail(); });

function openDetail(title, ...content) {
  const panel = document.getElementById("detail");
  panel.replaceChildren();
  fill(panel, {}, [el("button", {type: "button", class: "close", "aria-label": "close", onclick: closeDetail}, "\u00d7"),
                   el("h2", {}, title), ...content]);
  panel.hidden = false;
  panel.scrollTop = 0;
}

function program(title, text, open) {
  return el("details", {open}, el("summary", {}, title), el("pre", {}, text));
}

function factsOf(k) {
  const rows = [["operator", k.operator], ["shape", k.shape], ["time", `${time(k.time_s)} in ${digits(k.calls, 1)} ${k.calls === 1 ? "call" : "calls"}, ` +
                `${percent(k.time_s / report.kernel_time_s)} of all`],
                ["bound", `${time(k.sol_s)}, ${percent(k.sol_s / k.time_s)} of the time`],
                ["work", `${amount(k.flops, "FLOP")}, ${amount(rate(k.flops, k.time_s), "FLOP/s")} of ` +
                 `${amount(k.peak_gops * 1e9 * report.threads, "FLOP/s")} at most`],
                ["memory", `${bytes(k.bytes)}, ${digits(rate(k.bytes, k.time_s) * 1e-9)} GB/s`], ["schedule", k.schedule],
                ["instructions", k.instructions.join(", ") || "none of its own"]];
  const past = matches.get(k.row);
  if (past) rows.push(["before", time(past.time_s)]);
  return el("table", {class: "facts"}, rows.map(([name, value]) => el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, value))));
}

function partsOf(node) {
  if (!node?.parts?.length) return null;
  return el("div", {}, el("h3", {}, "Made of"), el("table", {class: "parts"},
    node.parts.map((p) => el("tr", {}, el("td", {}, p.op), el("td", {}, p.type), el("td", {}, p.from)))));
}

function openKernel(k, node = report.graph?.find((n) => n.row === k.row)) {
  const code = report.code?.[k.code];
  openDetail(k.name, factsOf(k), partsOf(node),
    code ? [code.trace.length ? program("Schedule", code.trace.join("\n"), true) : null,
            program("Definition", code.definition, false),
            code.loops ? program("Loops, before they become vectors", code.loops, !code.trace.length) : null] :
           el("p", {class: "note"}, "A .tenon file holds no programs; profile the .onnx or .tir file to see them."));
}

function showGone() {
  if (!against) return;
  const found = new Set([...matches.values()]);
  const gone = against.kernels.filter((k) => !found.has(k) && k.time_s > 0);
  const change = report.latency_s.median / against.latency_s.median - 1;
  const rows = new Map();
  for (const o of against.operators) rows.set(o.operator, [o.time_s, 0]);
  for (const o of report.operators) rows.set(o.operator, [rows.get(o.operator)?.[0] ?? 0, o.time_s]);
  const sorted = [...rows].sort((a, b) => Math.abs(b[1][1] - b[1][0]) - Math.abs(a[1][1] - a[1][0]));
  section("comparison", "Comparison",
    `Against ${against.model.file} on ${against.machine.cpu}, ${against.threads} threads: the median latency changed by ` +
    `${change > 0 ? "+" : ""}${digits(100 * change)} %. The table of kernels has columns of its own for it.`,
    el("table", {}, el("thead", {}, el("tr", {}, ["operator", "before", "now", "change"].map((h, i) =>
      el("th", {scope: "col", class: i ? "number" : null}, h)))),
      el("tbody", {}, sorted.map(([name, [then, now]]) => el("tr", {}, el("td", {}, name), el("td", {class: "number"}, time(then)),
        el("td", {class: "number"}, time(now)),
        el("td", {class: "number " + (now > then * 1.02 ? "worse" : now < then * 0.98 ? "better" : "")},
           (now < then ? "-" : "+") + time(Math.abs(now - then))))))),
    gone.length ? el("p", {class: "note"}, `Kernels of before that are no more: ${gone.map((k) => k.name + " " + k.shape).join(", ")}.`) : null);
}
