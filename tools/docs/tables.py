"""Pages that the programs and tables of Tenon fill: the command line, ONNX operators, schedule primitives, operators of
graphs, targets and passes."""
import json
import pathlib
import re
import subprocess

import prose

ROOT = pathlib.Path(__file__).resolve().parents[2]


def say(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def row(*cells):
    return "| " + " | ".join(c.replace("|", "&#124;") for c in cells) + " |"


def table(head, rows):
    return "\n".join([row(*head), "|" + "---|" * len(head), *(row(*r) for r in rows)])


WIDE = "---\nhide: [toc]\n---\n\n"  # a page that is a table


def code(text):
    return f"`{text}`" if text else ""


# ---- the command line: the manual page, whose few macros this reads

def roff(text):
    return text.replace("\\-", "-").replace("\\(aq", "'").replace("\\&", "").replace("\\e", "\\")


def command_line(program, runner):
    lines = roff(say(program, "man")).splitlines()
    out, rows, i = ["# Command line", "Generated from the option table, as `tenon man` and each `--help` are. "
                    "Results go to standard output, messages to standard error; the exit status is 0 for success, 1 for a "
                    "failure that the [message explains](../errors.md), 2 for wrong usage, 130 where Ctrl-C ended it."], [], 0

    def flush():
        if rows:
            out.append(table(("option", "meaning"), rows))
            rows.clear()

    while i < len(lines):
        line = lines[i]
        word, _, rest = line.partition(" ")
        if word == ".SS":
            flush()
            out.append(f"## {' '.join(rest.split()[:2])}")
            out.append(f"```text\n{rest}\n```")
        elif word == ".SH" and rest in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS"):
            flush()
        elif word == ".SH":
            flush()
            out.append(f"## {rest.capitalize()}")
        elif word == ".TP":
            name = lines[i + 1].partition(" ")[2]
            i += 2
            text = []
            while i < len(lines) and not lines[i].startswith("."):
                text.append(lines[i])
                i += 1
            option, _, value = name.rpartition(" ")
            if "|" in value:  # its values, in the text
                name = f"{option} VALUE"
                text.append("one of " + ", ".join(code(v) for v in value.split("|")))
            rows.append((code(name), prose.inline("; ".join(t.replace("Default: ", "default: ").removesuffix(".") for t in text))))
            continue
        elif word == ".nf":
            flush()
            end = lines.index(".fi", i)
            out.append("```text\n" + "\n".join(lines[i + 1:end]) + "\n```")
            i = end
        elif word in (".TH", ".B", ".I", ".PP", ".fi"):
            pass
        elif line.startswith("tenon - ") or line == "[options]":
            pass
        else:
            flush()
            out.append(prose.inline(line))
        i += 1
    flush()
    out += ["## tenon-run", "The runtime alone, for compiled models.", f"```text\n{say(runner, '--help').strip()}\n```"]
    return "\n\n".join(out) + "\n"


# ---- ONNX: what the importer says of each version of each operator

def is_supported(tenon, helper, domain, name, version):
    """Whether the importer knows how to convert it: a node alone is refused for its name, or for something else."""
    graph = helper.make_graph([helper.make_node(name, [], ["y"], domain=domain)], "g", [], [])
    opsets = [helper.make_opsetid("", version if not domain else 17)]
    if domain:
        opsets.append(helper.make_opsetid(domain, version))
    try:
        tenon.compile(helper.make_model(graph, opset_imports=opsets, ir_version=10), threads=1)
    except tenon.Error as error:
        return not any(code in ("onnx.unsupported_operator", "onnx.unknown_operator", "onnx.opset") for code, _ in error.problems)
    return True


def onnx_operators():
    import onnx
    import onnx.defs
    from onnx import helper

    import tenon

    versions = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.deprecated:
            versions.setdefault((schema.domain, schema.name), set()).add(schema.since_version)
    yes, no = [], {}
    for (domain, name), known in sorted(versions.items()):
        good = [v for v in sorted(known) if is_supported(tenon, helper, domain, name, v)]
        if good:
            yes.append((code(f"{domain}.{name}" if domain else name), ", ".join(map(str, good))))
        else:
            no.setdefault(domain, []).append(name)
    plain = no.get("", [])
    return "\n\n".join([
        "# ONNX operators",
        f"What the importer converts, asked of it for each version of each operator that the `onnx` package {onnx.__version__} "
        f"defines, up to opset {onnx.defs.onnx_opset_version()}. A version is the opset that brought it, and is in force until the "
        "next one. An operator that stands here may still be refused for its types or attributes, by name and with the "
        "reason: `tenon check MODEL` lists all that a model asks for in vain. Operators of your own are added by "
        "[text or by a function](../tutorials/own-operator.md).",
        f"{len(yes)} operators:",
        table(("operator", "versions"), yes),
        "## Not converted",
        f"Of ONNX itself, {len(plain)}: " + ", ".join(code(n) for n in plain) + ".",
        "Of other domains that the package defines: " + "; ".join(
            f"`{d}`: " + ("all" if not any(f"`{d}." in y[0] for y in yes) else ", ".join(code(n) for n in names))
            for d, names in sorted(no.items()) if d) + ".",
    ]) + "\n"


# ---- schedules

def primitives(program):
    """The rows of the program, with the pictures that stand above each row of the table in the source."""
    listed = dict(re.findall(r"^  ((\w+)\(.*\))$", say(program, "opt", "--list").split("schedule primitives")[1], re.MULTILINE))
    signatures = {name: text for text, name in listed.items()}
    source = (ROOT / "src/schedule/primitives/primitives.def").read_text()
    out = ["# Schedule primitives",
           "`tenon opt --list` prints the signatures. A line of a schedule is a primitive, `i_0, i_1 = split(i, 16)`, with the names "
           "of what it made on its left; [Schedule a kernel by hand](../guide/schedules.md) shows them at work. Each is a pure "
           "function from program to program: a picture is *before --> after*, and what is refused says why."]
    text = []
    for line in source[source.index("// ---- "):].splitlines():
        if line.startswith("// ---- "):
            out.append(f"## {line[8:].capitalize()}")
        elif line.startswith("// "):
            text.append(line[3:])
        elif m := re.match(r'TENON_PRIMITIVE\(\w+, "(\w+)"', line):
            out.append(f"### {m[1]}")
            out.append(f"```text\n{signatures.pop(m[1])}\n```")
            out += picture(text)
            text = []
        else:
            text = []
    assert not signatures, f"no row for {signatures}"
    return "\n\n".join(out) + "\n"


def picture(lines):
    drawn = [i for i, line in enumerate(lines) if "-->" in line]
    if not drawn:
        return [prose.inline(" ".join(lines))]
    rest = lines[drawn[-1] + 1:]
    return ["```text\n" + "\n".join(lines[:drawn[-1] + 1]) + "\n```"] + ([prose.inline(" ".join(rest))] if rest else [])


def passes(program):
    rows = []
    for name, text in re.findall(r"^  (\w+)  +(.*)$", say(program, "opt", "--list").split("schedule primitives")[0], re.MULTILINE):
        fixed = text.endswith(" (cannot be switched off)")
        text = text.removesuffix(" (cannot be switched off)")
        on = "kernels" if text.startswith("on kernels: ") else "the graph"
        rows.append((code(name), on, prose.inline(text.removeprefix("on kernels: ")), "" if fixed else "yes"))
    return WIDE + "\n\n".join(["# Passes", "In the order of the pipeline; `tenon opt --pass NAME` runs one on a text, `--disable-pass NAME` "
                        "leaves one out where the last column says so.",
                        table(("pass", "on", "what it does", "switch"), rows)]) + "\n"


def graph_operators():
    import tenon.graph

    meanings = dict(re.findall(r'^TENON_(?:OP|SCALAR)\((\w+),.*, "((?:[^"\\]|\\.)*)"\)$', (ROOT / "src/ir/ops.def").read_text(), re.MULTILINE))
    rows = []
    for o in tenon.graph.operators().values():
        options = ", ".join(code(w) for w in o.options.split(",") if w)
        extents = ", ".join(code(w) for w in o.extents.split(",") if w)
        rows.append((code(o.name), code(o.operands.replace(",", ", ")),
                     options + ("; " if options and extents else "") + (f"extents {extents}" if extents else ""),
                     prose.inline(meanings.get(o.name, ""))))
    return WIDE + "\n\n".join([
        "# Operators of graphs",
        "What `g.NAME(...)` of a [`tenon.Graph`](python/tenon.md#Graph), and `tenon_graph_apply` in C, make: the rows of "
        "`tenon.graph.operators()`. `?` stands behind operands that may be absent, `x*` is any number of them. Extents are options that "
        "take expressions over the graph's symbols. Many are operators of ONNX under their names in lower case, with its attributes as "
        "options.",
        table(("operator", "operands", "options", "meaning"), rows)]) + "\n"


def targets(program):
    rows = [(code(t["name"]), str(t["vector_bytes"] * 8), code(" ".join(t["needs"])), code(" ".join(t["units"])))
            for t in json.loads(say(program, "targets", "--json"))["targets"]]
    return WIDE + "\n\n".join(["# Targets", "The machine rows of `tenon targets`, which also says what runs on the CPU at hand; "
                        "`--target NAME` compiles for one. Units are used only by code that asks for them.",
                        table(("target", "bits of a vector", "needs", "units"), rows)]) + "\n"
