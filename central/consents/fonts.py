"""Letters for the patient's copy. Korean ones are put into the file when this machine has them (Debian: fonts-nanum).

Where it has none, the file names a Korean face that most readers bring along; one that does not shows empty boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont

FOLDERS: Final = (Path("/usr/share/fonts/truetype/nanum"), Path("/usr/local/share/fonts"))


@dataclass(frozen=True, slots=True)
class Letters:
    """Names under which the two faces are registered; `embedded` says that the file stands for itself."""

    plain: str
    bold: str
    embedded: bool


def letters(language: str, folders: tuple[Path, ...] = FOLDERS) -> Letters:
    """Faces for `en` or `ko`."""
    if language != "ko":
        return Letters("Helvetica", "Helvetica-Bold", embedded=False)  # every reader has these, by the standard
    for folder in folders:
        plain, bold = folder / "NanumGothic.ttf", folder / "NanumGothicBold.ttf"
        if plain.exists() and bold.exists():
            try:
                pdfmetrics.registerFont(TTFont("NanumGothic", plain))
                pdfmetrics.registerFont(TTFont("NanumGothicBold", bold))
            except TTFError:
                continue
            return Letters("NanumGothic", "NanumGothicBold", embedded=True)
    for name in ("HYSMyeongJo-Medium", "HYGothic-Medium"):
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return Letters("HYSMyeongJo-Medium", "HYGothic-Medium", embedded=False)
