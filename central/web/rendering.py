"""Pages from templates: escaped, in one of two languages, under the strictest policy that a page can have."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from central.reports.map_words import Language, length
from central.reports.paper import end_time, local_time, time_span
from central.web.words import korean_refusal, word

HERE: Final = Path(__file__).parent / "templates"
_KINDS: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
LANGUAGE_COOKIE: Final = "cairn-language"
POLICY: Final = (
    "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# No script, no frame, nothing from elsewhere: what a page needs is its own style sheet, its map and its own forms.
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
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


def page(request: Request, template: str, status: int = 200, /, *, script: str = "", **values: Any) -> Response:
    """A whole page. `values` are escaped where they are shown; `script` is a file of ours, where there is one."""
    language, zone = language_of(request), zone_of(request)
    about = {
        "language": language,
        "here": request.url.path,
        "w": partial(word, language=language),
        "local": partial(local_time, zone=zone),
        "end_of": partial(end_time, zone=zone),
        "span": partial(time_span, zone=zone),
        "zone": zone.key,
        "length": partial(length, language=language),
        "korean_refusal": korean_refusal,
        "places": [],
        "script": script,
        "account": None,
        "form_key": "",
        "reload_s": 0,
    }
    html = _pages.get_template(template).render(about | values)
    answer = Response(html, status, media_type="text/html; charset=utf-8")
    if script:
        answer.headers["Content-Security-Policy"] = f"{POLICY}; script-src 'self'"
    if request.query_params.get("language") == language:
        answer.set_cookie(LANGUAGE_COOKIE, language, httponly=True, samesite="lax", secure=is_secure(request))
    return answer


def zone_of(request: Request) -> ZoneInfo:
    """The zone in which this centre shows times."""
    found: ZoneInfo = request.app.state.centre.zone
    return found


def is_secure(request: Request) -> bool:
    """Whether a cookie can be kept to TLS; on a loopback without it, it cannot."""
    return request.url.scheme == "https"


def asset(name: str) -> Response:
    """A file of the pages' own."""
    return Response((HERE / name).read_text("utf-8"), media_type=_KINDS[name.rpartition(".")[2]])
