"""The little SVG that a map needs: elements as text, everything escaped, numbers short."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

# XML 1.0 has no place for these, not even escaped.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def element(name: str, *children: str, **attributes: str | float) -> str:
    """One element; `children` are elements already. Underscores in names of attributes become hyphens."""
    shown = "".join(
        f" {key.strip('_').replace('_', '-')}={quoteattr(_text(value))}" for key, value in attributes.items()
    )
    return f"<{name}{shown}>{''.join(children)}</{name}>" if children else f"<{name}{shown}/>"


def text(words: str, x: float, y: float, **attributes: str | float) -> str:
    """A line of text, escaped. Attributes only: a strict page allows no style within a picture that it holds."""
    return element("text", escaped(words), x=x, y=y, **attributes)


def escaped(words: str) -> str:
    """Words as content of an element."""
    return escape(_NOT_XML.sub("", words))


def path(points: list[tuple[float, float]], **attributes: str | float) -> str:
    """Straight lines through points."""
    d = "M" + " L".join(f"{_text(x)} {_text(y)}" for x, y in points)
    return element("path", d=d, fill="none", **attributes)


def _text(value: str | float) -> str:
    return _NOT_XML.sub("", value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
