"""The map's colours and type. The colours stay apart for the colour-blind and in grey."""

from __future__ import annotations

from typing import Final

from shared.face_mask import FaceMask

INK: Final = "#1d2733"
QUIET: Final = "#68717d"
PAPER: Final = "#f8f6f1"
CAMERA: Final = "#c3bdb0"
WAY: Final = "#1f5fbf"
RIDE: Final = "#7a3fb5"
GAP: Final = "#a8662b"
STAY: Final = "#f2b134"
TRUTH: Final = "#58b368"
TRUTH_LINE: Final = "#2c3e36"
CONTACT: Final = "#000000"
OUT: Final = "#8a3d3d"
MASKS: Final = {
    FaceMask.WORN: "#0f8b74",
    FaceMask.INCORRECT: "#d98a00",
    FaceMask.ABSENT: "#c8374b",
    FaceMask.UNKNOWN: "#7d8590",
}
# A visit less sure than this is drawn hollow.
SURE: Final = 0.8
FONTS: Final = "system-ui, 'Segoe UI', 'Noto Sans', 'Noto Sans KR', 'Noto Sans CJK KR', 'Malgun Gothic', sans-serif"
TITLE: Final[dict[str, str | float]] = {"font_size": 24, "font_weight": 650, "fill": INK}
HEADING: Final[dict[str, str | float]] = {"font_size": 13, "font_weight": 650, "fill": INK}
PLAIN: Final[dict[str, str | float]] = {"font_size": 13, "fill": INK}
SMALL: Final[dict[str, str | float]] = {"font_size": 11.5, "fill": INK}
BADGE: Final[dict[str, str | float]] = {"font_size": 11, "font_weight": 700, "text_anchor": "middle"}
