#!/usr/bin/env python3
"""Puts page.html, page.css and the scripts of a folder into a header as one string: bundle_page.py FOLDER OUT."""
import pathlib
import sys


def main():
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    page = (folder / "page.html").read_text()
    page = page.replace("@STYLE@", (folder / "page.css").read_text())
    scripts = "\n".join(path.read_text() for path in sorted(folder.glob("*.js")))
    for piece, reason in [("</script", "ends the element that it stands in"), (')page"', "ends the string that it stands in")]:
        if piece in scripts:
            sys.exit(f"bundle_page.py: a script holds {piece}, which {reason}")
    page = page.replace("@SCRIPT@", scripts)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("// Written by tools/bundle_page.py.\n#pragma once\n\n#include <string_view>\n\nnamespace tenon::cli {\n\n"
                   f'inline constexpr std::string_view kReportPage = R"page({page})page";\n\n}}  // namespace tenon::cli\n')


if __name__ == "__main__":
    main()
