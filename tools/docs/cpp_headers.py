"""A page for each header of C++: classes and functions with the bodies left out."""
import re

import prose


def matching(text, at, pair="{}"):
    """Behind the bracket that closes the one at `at`; comments and strings are skipped."""
    depth = 0
    for m in re.compile(r"//[^\n]*|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[" + re.escape(pair) + "]").finditer(text, at):
        if m[0] in pair:
            depth += 1 if m[0] == pair[0] else -1
            if depth == 0:
                return m.end()
    raise ValueError("a bracket is not closed")


TOKEN = re.compile(r"//[^\n]*|[;{(]")


def statements(text):
    """(comment, head, body, comment behind it) of each declaration; body is None, or what stands between its braces."""
    out, at, start, comment = [], 0, 0, []
    while m := TOKEN.search(text, at):
        token, head = m[0], text[start:m.start()].strip()
        if token.startswith("//"):
            if not head:  # before a declaration
                behind = out and "\n" not in text[start:m.start()]
                if behind:
                    out[-1][3] = token
                else:
                    comment.append(token)
                start = m.end()
            at = m.end()
        elif token == "(":
            at = matching(text, m.start(), "()")
        else:
            body = None
            at = m.end()
            if token == "{":
                end = matching(text, m.start())
                body, at = text[m.end():end - 1], end
                if re.match(r"\s*;", text[at:]):
                    at = text.index(";", at) + 1
            out.append(["\n".join(comment), head, body, ""])
            comment, start = [], at
    return out


def without_initializers(head):
    """A constructor without its list of initializers."""
    m = re.search(r"\)\s*:\s*(?!:)", head)
    return head[:m.start() + 1] if m else head


def declaration(comment, head, body, behind, indent):
    kind = re.search(r"^(?:template <[^>]*>\s*)?(class|struct|enum)\b", head)
    head = head if kind else without_initializers(head)
    head = indent + head  # lines below the first have the indentation of the file
    text = "".join(f"{indent}{c.strip()}\n" for c in comment.split("\n") if c and not c.startswith("// ----"))
    if kind and body is not None:
        return text + head + " {\n" + members(body, kind[1], indent + "  ") + f"{indent}}};"
    return text + head + ";" + ("  " + behind if behind and "NOLINT" not in behind else "")


def members(body, kind, indent):
    """The public ones, one a line."""
    public = kind == "struct"
    out = []
    for comment, head, inner, behind in statements(body):
        while m := re.match(r"(public|private):\s*", head):
            public = m[1] == "public"
            head = head[m.end():]
        if "private:" in comment or not head:
            continue
        if public:
            out.append(declaration(comment, head, inner, behind, indent) + "\n")
    return "".join(out)


def title(head):
    head = re.sub(r"^template <[^>]*>\s*", "", head)
    m = re.match(r"(?:class|struct) (?:\[\[\w+\]\] )?(\w+)", head)
    return m[1] if m else re.search(r"(\w+)\s*\(", head)[1]


def page(path, name):
    text = path.read_text()
    head = re.match(r"(?://[^\n]*\n)+", text)[0]
    outer = re.search(r"^namespace tenon \{\n(.*)^\}  // namespace tenon", text, re.DOTALL | re.MULTILINE)[1]
    out = [f"# tenon/{path.name}", prose.markdown(re.sub(r"^// ?", "", head, flags=re.MULTILINE), name, "cpp")]
    seen = None
    for comment, head, body, behind in statements(outer):
        for section in re.findall(r"^// ---- (.*)$", comment, re.MULTILINE):
            out.append(f"## {section[0].upper() + section[1:]}")
        if head.startswith("namespace") or (body is None and re.match(r"class \w+$", head)):
            continue
        if title(head) != seen:  # overloads share a heading
            seen = title(head)
            out.append(f"### {seen}")
        lines = [c for c in comment.split("\n") if c.startswith("///")]
        if lines:
            out.append(prose.markdown("\n".join(c[3:].removeprefix(" ") for c in lines), name, "cpp"))
        out.append("```cpp\n" + declaration("", head, body, behind, "") + "\n```")
    return "\n\n".join(part for part in out if part) + "\n"
