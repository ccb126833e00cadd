"""HTML and SVG elements in which every text and every attribute is escaped.

Markup is made here and nowhere else: a plain `str` is always text, however it looks, and only `element` returns `Html`.
"""

import html
from typing import Final

from mirrormatch.text import printable

_VOID: Final = frozenset({"br", "hr", "meta"})  # elements without an end tag


class Html(str):
    """Finished markup."""

    __slots__ = ()


def element(tag: str, /, *children: str | None, **attributes: str | float | None) -> Html:
    """One element.

    Args:
        tag: its name.
        *children: markup as it is, text escaped and without control characters; None is left out.
        **attributes: their values are escaped, None leaves one out. `class_` is `class` and `stroke_width` is
            `stroke-width`.
    """
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    opening = "".join(f' {key}="{_escaped(_written(value))}"' for key, value in named if value is not None)
    if tag in _VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{joined(*children)}</{tag}>")


def joined(*children: str | None) -> Html:
    """Markup and texts one after the other."""
    present = (child for child in children if child is not None)
    return Html("".join(child if isinstance(child, Html) else _escaped(child) for child in present))


def document(title: str, style: str, *children: str | None) -> Html:
    """A whole page. The browser is told to run nothing and to load nothing.

    Args:
        title: of the page.
        style: CSS of our own making; it is not escaped.
        *children: of the body.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert "<" not in style, "CSS that could end its element"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(style)),
    )
    return Html(f"<!doctype html>\n{element('html', head, element('body', *children), lang='en')}\n")


def _escaped(text: str) -> str:
    return html.escape(printable(text), quote=True)


def _written(value: str | float) -> str:
    """Coordinates don't need more digits than a screen has."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
