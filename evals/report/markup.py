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
        tag: the element's name.
        *children: markup as it is, text escaped and without control characters; None is left out.
        **attributes: the values are escaped, None leaves one out. `class_` is `class` and `stroke_width` is
            `stroke-width`.
    """
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    opening = "".join(f' {key}="{_escape(_format_attribute(value))}"' for key, value in named if value is not None)
    if tag in _VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{join(*children)}</{tag}>")


def join(*children: str | None) -> Html:
    """Concatenates markup and escaped texts."""
    present = (child for child in children if child is not None)
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in present))


def document(title: str, style: str, *children: str | None) -> Html:
    """A whole page, with a security policy that forbids the browser to run or load anything.

    Args:
        title: the page's title.
        style: trusted CSS; it is not escaped.
        *children: the body's contents.
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


def _escape(text: str) -> str:
    return html.escape(printable(text), quote=True)


def _format_attribute(value: str | float) -> str:
    """A number with at most two decimals, which is finer than a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
