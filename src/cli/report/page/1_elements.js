// Elements and numbers. Every text of the model goes through `textContent` or an attribute that is no code: names may
// hold markup, and stay text.

const report = JSON.parse(document.getElementById("report").textContent);
const against = JSON.parse(document.getElementById("against").textContent);

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}
const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const tip = (text) => svg("title", {}, text);

function section(id, title, note, ...content) {
  document.getElementById("contents").append(el("a", {href: "#" + id}, title));
  const node = el("section", {id}, el("h2", {}, title), note ? el("p", {class: "note"}, note) : null, ...content);
  document.getElementById("main").append(node);
  return node;
}

// ---- numbers

function digits(value, most = 3) {
  if (!Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const before = Math.max(1, Math.floor(Math.log10(Math.abs(value) || 1)) + 1);
  return value.toFixed(Math.max(0, Math.min(3, most - before)));
}
function time(seconds) {
  if (!(seconds > 0)) return "0";
  if (seconds < 1e-3) return digits(seconds * 1e6) + " us";
  if (seconds < 1) return digits(seconds * 1e3) + " ms";
  return digits(seconds) + " s";
}
function scaled(value, unit, base, prefixes) {
  let p = 0;
  while (Math.abs(value) >= base && p + 1 < prefixes.length) { value /= base; ++p; }
  return digits(value) + " " + prefixes[p] + unit;
}
const amount = (value, unit) => scaled(value, unit, 1000, ["", "k", "M", "G", "T", "P"]);
const bytes = (value) => scaled(value, "B", 1024, ["", "Ki", "Mi", "Gi", "Ti"]);
const percent = (share) => Number.isFinite(share) ? digits(100 * share) + " %" : "-";
const rate = (work, seconds) => seconds > 0 ? work / seconds : 0;

// ---- colors: one for each operator, by its time

const COLORS = 8;
const operatorIndex = new Map(report.operators.map((o, i) => [o.operator, Math.min(i, COLORS - 1)]));
const colorOf = (operator) => "c" + (operatorIndex.get(operator) ?? COLORS - 1);
const kernelByRow = new Map(report.kernels.map((k) => [k.row, k]));
