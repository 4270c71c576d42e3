"""What mkdocs.yml adds to docs/: the generated pages, files of the root, the list of decisions."""
import pathlib
import re
import sys

from mkdocs.structure.files import File

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import pages


def on_files(files, config):
    for path, text in pages.generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links between docs/ and files of the root lead to their pages."""
    if page.file.src_uri in pages.OUTSIDE.values():
        return markdown.replace("](docs/", "](")
    up = "../" * page.file.src_uri.count("/")
    for source, to in pages.OUTSIDE.items():
        markdown = re.sub(rf"\]\((?:\.\./)+{re.escape(source)}", f"]({up}{to}", markdown)
    return markdown
