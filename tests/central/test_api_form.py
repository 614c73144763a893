"""The form of the API: one shape for every refusal, limits on what comes in, no picture, no trace."""

from __future__ import annotations

import ast
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from central.answers import MAX_BODY_BYTES
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.test_roles import filled

ROOT = Path(__file__).parent.parent.parent
# The smallest of its kind: one grey pixel.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////"
    "wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def endpoints_with_a_body(office: Office) -> list[tuple[str, str]]:
    paths: dict[str, dict[str, Any]] = office.http.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), filled(path))
        for path, methods in paths.items()
        for method, about in methods.items()
        if "requestBody" in about or method in ("post", "put", "patch")
    ]


def shaped(answer: httpx.Response) -> tuple[int, str]:
    """Status and name of a refusal, which has the one shape and a hint."""
    said = answer.json()
    assert set(said) == {"error", "message", "hint"}
    assert said["hint"]
    return answer.status_code, said["error"]


def test_no_endpoint_takes_a_picture(office: Office) -> None:
    """A JPEG sent to whatever takes a body, under any name, is refused and changes nothing."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    asked = endpoints_with_a_body(office)
    assert {path.rpartition("/")[2] for _, path in asked} >= {"cases", "consent", "template", "approve", "withdraw"}
    for method, path in asked:
        for kind in ("image/jpeg", "application/octet-stream", "application/cbor", "application/json", "text/plain"):
            answer = kim.http.request(method, path, content=JPEG, headers={"Content-Type": kind})
            assert shaped(answer) == (415, "NoPictures"), (method, path, kind)
    form = kim.http.put(f"/cases/{CASE}/template", files={"photo": ("p.jpg", JPEG, "image/jpeg")})
    assert (form.status_code, form.json()["error"]) == (415, "NoPictures")
    assert kim.show(CASE)["registered"] is False
    assert list((office.folder / "templates").iterdir()) == []


def test_nothing_in_the_centre_can_read_a_picture() -> None:
    """No module of the centre imports a library that decodes images."""
    libraries = {"cv2", "PIL", "imageio", "skimage", "matplotlib", "turbojpeg", "rawpy", "pyvips"}
    for path in sorted((ROOT / "central").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & libraries, path


def test_every_refusal_has_one_shape(office: Office) -> None:
    """No such address, wrong method, malformed JSON and wrong fields all answer error, message and hint."""
    kim = office.as_("kim").http
    assert shaped(kim.get("/nowhere")) == (404, "NotFound")
    assert shaped(kim.delete("/cases")) == (405, "BadRequest")
    assert shaped(kim.post("/cases", content=b"{", headers={"Content-Type": "application/json"})) == (422, "BadRequest")
    assert shaped(kim.post("/cases", json={"case": "x"})) == (422, "BadRequest")
    assert shaped(kim.post("/cases", json=[[[[]]]])) == (422, "BadRequest")
    assert shaped(kim.get(f"/cases/{CASE}/contacts", params={"preset": "x" * 50})) == (422, "BadRequest")
    assert shaped(kim.get("/cases/Not%20A%20Name")) == (422, "BadRequest")
    deep = b"[" * 100_000
    assert shaped(kim.post("/cases", content=deep, headers={"Content-Type": "application/json"})) == (422, "BadRequest")


def test_a_refusal_never_repeats_what_was_sent(office: Office) -> None:
    """A wrong field is named, and its content, which may be a person's name, is not."""
    body = {"case": "Hong Gil-dong", "purpose": "p", "start": "yesterday with Hong", "hobby": "Hong"}
    answer = office.as_("kim").http.post("/cases", json=body)
    assert shaped(answer) == (422, "BadRequest")
    assert "Hong" not in answer.text
    assert "case" in answer.json()["message"]


def test_a_body_over_the_limit_is_refused_while_it_comes(office: Office) -> None:
    """More than 1 MiB is refused with 413, whatever the length claims to be."""
    kim = office.as_("kim").http

    def flood() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(MAX_BODY_BYTES // 16)

    for body in (bytes(MAX_BODY_BYTES + 1), flood()):
        try:
            answer = kim.post("/cases", content=body, headers={"Content-Type": "application/json"})
        except httpx.TransportError:
            continue  # the server hung up on us before we had sent everything, which is as good
        assert shaped(answer) == (413, "TooMuch")
    assert kim.get("/health").status_code == 200


def test_an_unexpected_failure_shows_no_trace(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """A mistake of ours is a plain 500; what happened stands in the log."""
    office.centre.engine.dispose()
    kim = office.as_("kim")
    with office.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE camera RENAME TO nowhere")
    answer = kim.http.get("/cameras")
    assert shaped(answer) == (500, "InternalError")
    assert "camera" not in answer.text
    assert "OperationalError" in caplog.text


def test_the_schema_names_the_refusals_of_each_endpoint(office: Office) -> None:
    """Whoever reads the OpenAPI document learns which named errors an endpoint has, and the shape that they have."""
    schema = office.http.get("/openapi.json").json()
    approve = schema["paths"]["/cases/{case}/approve"]["post"]
    assert {"401", "403", "404", "409", "413", "422"} <= set(approve["responses"])
    assert "ReleaseRefused" in approve["responses"]["403"]["description"]
    assert approve["responses"]["403"]["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")
    assert set(schema["components"]["schemas"]["Refusal"]["properties"]) == {"error", "message", "hint"}
    for path, methods in schema["paths"].items():
        for about in methods.values():
            assert about["summary"], path
            assert about["tags"], path


def test_answers_are_not_kept_by_anybody_on_the_way(office: Office) -> None:
    """No cache may keep an answer, and no browser may guess its type."""
    answer = office.as_("kim").http.get("/cases")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
