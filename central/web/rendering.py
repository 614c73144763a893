"""Pages from templates: escaped, in one of two languages, under the strictest policy that a page can have."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from central.reports.map_words import Language, length
from central.web.words import word

HERE: Final = Path(__file__).parent / "templates"
ZONE: Final = ZoneInfo("Asia/Seoul")
LANGUAGE_COOKIE: Final = "cairn-language"
# No script, no frame, nothing from elsewhere: what a page needs is its own style sheet, its map and its own forms.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    # Not no-referrer: browsers then say "Origin: null" of their own forms, which looks like a foreign one.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

_pages = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def language_of(request: Request) -> Language:
    """What was asked for with this page, or last time, or what the browser prefers."""
    for asked in (request.query_params.get("language"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in ("en", "ko"):
            return "ko" if asked == "ko" else "en"
    first = request.headers.get("Accept-Language", "").split(",")[0].strip().lower()
    return "ko" if first.startswith("ko") else "en"


def page(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A whole page. `values` are escaped where they are shown."""
    language = language_of(request)
    about = {
        "language": language,
        "here": request.url.path,
        "w": partial(word, language=language),
        "local": _local,
        "length": partial(length, language=language),
        "account": None,
        "form_key": "",
        "reload_s": 0,
    }
    html = _pages.get_template(template).render(about | values)
    answer = Response(html, status, media_type="text/html; charset=utf-8")
    if request.query_params.get("language") == language:
        answer.set_cookie(LANGUAGE_COOKIE, language, httponly=True, samesite="lax", secure=is_secure(request))
    return answer


def is_secure(request: Request) -> bool:
    """Whether a cookie can be kept to TLS; on a loopback without it, it cannot."""
    return request.url.scheme == "https"


def _local(moment: datetime | str, form: str = "%Y-%m-%d %H:%M") -> str:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone(ZONE).strftime(form)


def style_sheet() -> Response:
    return Response((HERE / "style.css").read_text("utf-8"), media_type="text/css; charset=utf-8")
