"""Comments and docstrings as Markdown."""
import re
import textwrap

KNOWN = {}  # identifier -> address of its section, "c/tenon.h.md#tenon_load"; pages fill it before they are written


def escape(text):
    return re.sub(r"([*_\\\[\]])", r"\\\1", text).replace("<", "&lt;")


def inline(text, page=""):
    """One paragraph: `code` stays, known identifiers become links, all else is text."""
    out = []
    for i, part in enumerate(re.split(r"(`[^`]+`)", text)):
        if i % 2:
            out.append(part)
            continue
        for j, word in enumerate(re.split(r"(\b(?:tenon|TENON)_\w*\w)", part)):
            out.append(link(word, page) if j % 2 else escape(word))
    return "".join(out)


def link(word, page):
    to = KNOWN.get(word)
    if to is None:
        return f"`{word}`"
    path, _, anchor = to.partition("#")
    return f"[`{word}`]({'' if path == page else path.rsplit('/', 1)[-1]}#{anchor})"


def markdown(text, page="", language="text"):
    """Paragraphs of a comment; lines that are indented are code. `Args:` lists become lists."""
    out, code, paragraph, arguments = [], [], [], False

    def flush():
        if paragraph:
            out.append(inline(" ".join(paragraph), page))
            paragraph.clear()
        if code:
            block = textwrap.dedent("\n".join(code)).strip("\n")
            if arguments:
                items = re.sub(r"\n\s+", " ", block).split("\n")
                out.append("\n".join(f"- `{n}`: {inline(t.strip(), page)}" for n, _, t in (i.partition(":") for i in items)))
            else:
                out.append(f"```{language}\n{block}\n```")
            code.clear()

    for line in textwrap.dedent(text).strip("\n").split("\n"):
        if line.startswith("  ") or (code and not line.strip() and not arguments):
            if paragraph:
                flush()
            code.append(line)
        elif not line.strip():
            flush()
            arguments = False
        else:
            if code:
                flush()
                arguments = False
            if line == "Args:":
                flush()
                arguments = True
            else:
                paragraph.append(line.strip())
    flush()
    return "\n\n".join(out)
