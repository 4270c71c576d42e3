"""A page for each header of C: its comments as prose, its declarations as code."""
import re

import prose


def comment_text(lines):
    """The text between /* and */, without the stars."""
    body = "\n".join(lines).strip()
    body = re.sub(r"^/\*+ ?|\s*\*/$", "", body)
    return re.sub(r"^ \* ?", "", body, flags=re.MULTILINE).strip("\n")


def split(text):
    """The header as parts, in order: ("comment", text), ("code", text), ("gap", "")."""
    lines, i, parts = text.split("\n"), 0, []
    while i < len(lines):
        line = lines[i]
        if line.startswith("/*"):
            end = i
            while "*/" not in lines[end]:
                end += 1
            parts.append(("comment", comment_text(lines[i:end + 1])))
            i = end + 1
        elif re.match(r"#(?!define TENON_\w+ \d)|extern \"C\"|}$", line):
            i += 1
        elif line.strip():
            end, depth = i, 0
            while True:
                bare = re.sub(r"/\*.*?(\*/|$)", "", lines[end])
                depth += bare.count("{") - bare.count("}")
                if depth == 0 and (";" in bare or bare.startswith("#")):
                    break
                end += 1
            parts.append(("code", without_api(lines[i:end + 1])))
            i = end + 1
        else:
            parts.append(("gap", ""))
            i += 1
    return parts


def without_api(lines):
    """A declaration without the macro before it; what was aligned stays so."""
    if not lines[0].startswith("TENON_API "):
        return "\n".join(lines)
    return "\n".join(line[len("TENON_API "):] for line in lines)


def names(code):
    """What a declaration declares."""
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
    if bare.startswith("#define"):
        return [bare.split()[1]]
    if bare.startswith("enum"):
        return re.findall(r"\b(TENON_\w+)\s*=", bare)
    function_type = re.match(r"typedef [^;{]*\(\*(\w+)\)", bare)
    if function_type:
        return [function_type[1]]
    if bare.startswith("typedef"):
        return [re.search(r"(\w+)\s*;\s*$", bare)[1]]
    return [re.search(r"\b(tenon_\w+)\(", bare)[1]]


def items(parts):
    """(comment, [declarations]): those that follow one another without a gap or a comment share theirs."""
    doc, out, joined = "", [], False
    for kind, text in parts:
        if kind == "comment":
            if text.startswith("---- "):
                title, _, rest = text[5:].partition("\n")
                out.append(("section", title.strip(), rest.strip()))
                doc = ""
            else:
                doc = text
            joined = False
        elif kind == "gap":
            joined = False
        else:
            if joined and not doc and is_function(text) and not names(text)[0].endswith("_release"):
                out[-1][2].append(text)
            else:
                out.append(("item", doc, [text]))
                joined = bool(doc) and is_function(text)
            doc = ""
    return out


def is_function(code):
    return not re.match("typedef|enum|#", code)


def heading(declared):
    return ", ".join(f"`{n}`" for n in declared) if len(declared) <= 3 else f"`{declared[0]}`, ..., `{declared[-1]}`"


class Header:
    def __init__(self, path, page):
        self.path, self.page = path, page
        parts = split(path.read_text())
        self.head = next(text for kind, text in parts if kind == "comment")
        first = next(i for i, (kind, _) in enumerate(parts) if kind == "comment")
        self.items = items(parts[first + 1:])
        for kind, _, code in self.items:
            if kind == "item":
                for declaration in code:
                    for name in names(declaration):
                        prose.KNOWN.setdefault(name, f"{page}#{name}")

    def markdown(self):
        out = [f"# tenon/{self.path.name}", prose.markdown(self.head, self.page, "c")]
        level = "##"
        for kind, doc, code in self.items:
            if kind == "section":
                out += [f"## {doc[0].upper() + doc[1:]}", prose.markdown(code, self.page)]
                level = "###"
                continue
            declared = [name for declaration in code for name in names(declaration)]
            anchors = "".join(f'<a id="{name}"></a>' for name in declared[1:])
            out.append(f"{level} {heading(declared)} {{#{declared[0]}}}")
            if anchors:
                out.append(anchors)
            out.append("```c\n" + "\n".join(code) + "\n```")
            out.append(prose.markdown(doc, self.page, "c"))
        return "\n\n".join(part for part in out if part) + "\n"
