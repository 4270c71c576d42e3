"""Pages of the Python packages from their stubs and sources: signatures and docstrings, without importing anything."""
import ast
import re

import prose


def signature(function, name=None, method=False):
    arguments = ast.parse(ast.unparse(function)).body[0].args
    if method:
        (arguments.posonlyargs or arguments.args).pop(0)
    parts = [re.sub(r"(: .*?)=", r"\1 = ", p) for p in split(ast.unparse(arguments))]
    text = f"{name or function.name}({', '.join(parts)})"
    if len(text) > 100:  # one parameter a line
        text = text[:text.index("(") + 1] + "\n    " + ",\n    ".join(parts) + ")"
    return text + (f" -> {ast.unparse(function.returns)}" if function.returns and name is None else "")


def split(text):
    """At the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "[({") - (c in "])}")
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def decorators(node):
    return {ast.unparse(d) for d in node.decorator_list}


class Module:
    def __init__(self, folder):
        self.folder = folder
        self.tree = ast.parse((folder / "__init__.py").read_text())
        self.names = next(ast.literal_eval(n.value) for n in self.tree.body
                          if isinstance(n, ast.Assign) and n.targets[0].id == "__all__")

    def find(self, name):
        """The definition that `from .file import name` brings."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and name in [a.name for a in node.names]:
                return definitions(self.folder / source(node.module))[name]
        return definitions(self.folder / "__init__.py")[name]


def source(module):
    return "_core.pyi" if module == "_core" else f"{module}.py"


def definitions(path):
    return {n.name: n for n in ast.parse(path.read_text()).body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}


def code(text):
    return f"```python\n{text}\n```"


def docs(node, page):
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return ""
    indent = " " * node.body[0].col_offset  # of the docstring, as its lines below the first have it
    return prose.markdown(re.sub(f"^{indent}", "", text, flags=re.MULTILINE).strip(), page, "python")


def of_function(node, page, prefix="", level="##"):
    return [f"{level} `{prefix}{node.name}` {{#{prefix}{node.name}}}", code(signature(node)), docs(node, page)]


def of_class(node, page):
    members = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    start = next((n for n in members if n.name == "__init__"), None)
    out = [f"## `{node.name}` {{#{node.name}}}"]
    if start:
        out.append(code(signature(start, node.name, method=True)))
    out.append(docs(node, page))
    if start:
        out.append(docs(start, page))
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    if fields:
        out.append(code("\n".join(ast.unparse(n) for n in fields)))
    for n in members:
        if n.name.startswith("_") and n.name not in ("__call__", "__getitem__"):
            continue
        out.append(f"### `{node.name}.{n.name}` {{#{node.name}.{n.name.strip('_')}}}")
        if "property" in decorators(n):
            if n.returns:
                out.append(code(f"{n.name}: {ast.unparse(n.returns)}"))
        else:
            out.append(code(signature(n, method="staticmethod" not in decorators(n))))
        out.append(docs(n, page))
    return out


def package(folder, page, first=()):
    """The page of a package: what __all__ names, functions first."""
    module = Module(folder)
    found = sorted((module.find(n) for n in module.names), key=lambda n: (isinstance(n, ast.ClassDef), n.name))
    out = [f"# {folder.name}", docs(module.tree, page), *first]
    for node in found:
        out += of_class(node, page) if isinstance(node, ast.ClassDef) else of_function(node, page)
    return "\n\n".join(o for o in out if o) + "\n"


def module(path, page, title):
    """The page of a module that `__all__` of the package does not name."""
    tree = ast.parse(path.read_text())
    out = [f"# {title}", docs(tree, page)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            out += of_function(node, page)
    return "\n\n".join(o for o in out if o) + "\n"
