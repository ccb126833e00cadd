"""Hooks of the documentation site: pages of the root folder, an inlined drawing, a check for other hosts.

mkdocs calls them; mkdocs.yml names this file.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")
_DRAWING = re.compile(r'<p><img [^>]*src="([\w/.-]+\.svg)"[^>]*></p>')
_LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages of the root folder, with links that fit their new place."""
    for name, page in ROOT_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_LINK.sub(_relink, text)))
    return files


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Inlines drawings, which lets them use the page's colours."""
    return _DRAWING.sub(lambda found: (Path(config["docs_dir"]) / found[1]).read_text(encoding="utf-8"), html)


def on_post_build(config: Any) -> None:
    """Refuses a site that loads anything from another host."""
    for path in Path(config["site_dir"]).rglob("*.html"):
        reader = _LoadedUrls()
        reader.feed(path.read_text(encoding="utf-8"))
        if reader.urls:
            raise PluginError(f"{path.name} loads {reader.urls[0]}: the site must not need other hosts")


class _LoadedUrls(HTMLParser):
    """Collects the URLs of other hosts that a browser would load with the page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        url = values.get(_LOADED.get(tag, ""), "") or ""
        if url.startswith(("http:", "https:", "//")) and values.get("rel") != "canonical":
            self.urls.append(url)


def _relink(found: re.Match[str]) -> str:
    text, target = found[1], found[2]
    if target in ROOT_PAGES:
        return f"[{text}]({ROOT_PAGES[target]})"
    if target.startswith("docs/") and target.endswith(".md"):
        return f"[{text}]({target.removeprefix('docs/')})"
    return f"`{target}`" if target == text else f"{text} (`{target}`)"
