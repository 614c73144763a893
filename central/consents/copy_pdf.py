"""The patient's copy on paper: plain, kind words in the patient's language, and the receipt as a QR code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from central.cases.bases import Basis
from central.consents.compact import Signed
from central.consents.fonts import FOLDERS, letters
from central.consents.iso import Withdrawal
from central.consents.notices import Notice
from central.consents.qr import QUIET, dark_runs
from central.consents.words import word
from shared.releases import ConsentReceipt

_INK, _QUIET_INK, _YES, _NO = HexColor("#1a2330"), HexColor("#55606e"), HexColor("#0b6b4f"), HexColor("#8a2f2f")
_QR_MM = 74
_PARTS = (
    "purpose", "searched", "processing", "seen_by", "storage", "retention", "withdraw", "remains", "refused", "rights",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Copy:
    """What is printed; `zone` is the one in which times are shown."""

    signed: Signed
    notice: Notice
    basis: Basis
    zone: ZoneInfo
    withdrawal: Withdrawal | None = None
    receipt: ConsentReceipt = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "receipt", self.signed.receipt)


def copy_pdf(copy: Copy, language: str, fonts: tuple[Path, ...] = FOLDERS) -> bytes:
    """A4, in English or Korean (`en`, `ko`). The same receipt gives the same bytes."""
    out = BytesIO()
    title = _title(copy, language)
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=22 * mm, rightMargin=22 * mm, topMargin=18 * mm, bottomMargin=18 * mm,
        title=title, author=copy.receipt.controller, lang=language, invariant=1,
    )  # fmt: skip
    style = _Styles(language, fonts)
    document.build(_story(copy, language, style), onFirstPage=_footer(copy), onLaterPages=_footer(copy))
    return out.getvalue()


class _Styles:
    def __init__(self, language: str, fonts: tuple[Path, ...]) -> None:
        faces = letters(language, fonts)
        # Korean has spaces between words: lines break there, as in English, not between any two syllables.
        self.body = ParagraphStyle("body", fontName=faces.plain, fontSize=10.5, leading=15.5, textColor=_INK)
        self.small = ParagraphStyle("small", parent=self.body, fontSize=8.5, leading=12, textColor=_QUIET_INK)
        self.title = ParagraphStyle("title", parent=self.body, fontName=faces.bold, fontSize=20, leading=26)
        self.head = ParagraphStyle(
            "head", parent=self.body, fontName=faces.bold, fontSize=11.5, leading=16, spaceBefore=8, spaceAfter=1
        )
        self.answer = ParagraphStyle("answer", parent=self.body, fontName=faces.bold)


class _Qr(Flowable):  # type: ignore[misc]  # a library without types
    """The code with its quiet zone, as vectors: sharp at any size."""

    def __init__(self, signed: Signed, side: float) -> None:
        super().__init__()
        self.width = self.height = side
        self._signed = signed

    def draw(self) -> None:
        canvas: Canvas = self.canv
        across, runs = dark_runs(self._signed)
        step = self.width / (across + 2 * QUIET)
        canvas.setFillColorRGB(0, 0, 0)
        for row, column, length in runs:
            canvas.rect((column + QUIET) * step, self.height - (row + QUIET + 1) * step, length * step, step, 0, 1)


def _story(copy: Copy, language: str, style: _Styles) -> list[Flowable]:
    story: list[Flowable] = [Paragraph(_title(copy, language), style.title), Spacer(1, 2 * mm)]
    controller = _plain(copy.notice.controller(language))
    story += [Paragraph(controller, style.body), Paragraph(word("yours", language), style.small)]
    story += [Spacer(1, 4 * mm), _answers(copy, language, style), Spacer(1, 2 * mm)]
    for part in _PARTS:
        story.append(_said(word(part, language), copy.notice.text(part, language, copy.basis), style))
        if part == "purpose":
            story.append(_said(word("basis", language), copy.basis.texts[language], style))
            story.append(_said(word("until", language), _until(copy, language), style))
    contact = copy.notice.parties(language)[0]
    where = f"{contact['party_name']}, {contact['party_address']}\n{contact['party_contact']}"
    story += [_said(word("contact", language), where, style), Spacer(1, 5 * mm), _code(copy, language, style)]
    return story


def _answers(copy: Copy, language: str, style: _Styles) -> Table:
    rows = []
    for scope in ("face", "appearance"):
        answer, colour = _answer(copy, scope)
        said = ParagraphStyle("said", parent=style.answer, textColor=colour)
        about = [
            Paragraph(word(scope, language), style.answer),
            Paragraph(_plain(copy.notice.text(scope, language)), style.body),
        ]
        rows.append([Paragraph(word(answer, language), said), about])
    table = Table(rows, colWidths=[34 * mm, 132 * mm])
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BOX", (0, 0), (-1, -1), 0.7, _QUIET_INK),
                ("LINEBELOW", (0, 0), (-1, 0), 0.4, _QUIET_INK),
                ("TOPPADDING", (0, 0), (-1, -1), 6),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
            ]
        )
    )
    return table


def _answer(copy: Copy, scope: str) -> tuple[str, HexColor]:
    if scope not in copy.receipt.scopes:
        return "no", _NO
    if copy.withdrawal is not None and scope in copy.withdrawal.scopes:
        return "taken_back", _NO
    return "yes", _YES


def _code(copy: Copy, language: str, style: _Styles) -> KeepTogether:
    receipt = copy.receipt
    facts = [
        f"{word('receipt', language)}: {receipt.receipt}",
        f"{word('case', language)}: {receipt.case}",
        f"{word('witness', language)}: {receipt.signed_by}",
        f"{receipt.notice} {receipt.notice_version} · {receipt.notice_digest.hex()[:16]}",
    ]
    if copy.withdrawal is not None:
        facts.append(word("withdrawn_on", language, when=_day(copy.withdrawal.at, copy.zone)))
    about = [Paragraph(_plain(fact), style.small) for fact in facts]
    beside: Sequence[Flowable] = [Paragraph(word("qr", language), style.body), Spacer(1, 3 * mm), *about]
    table = Table([[_Qr(copy.signed, _QR_MM * mm), beside]], colWidths=[(_QR_MM + 4) * mm, 88 * mm])
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, 0), 0)]))
    return KeepTogether([table])


def _said(head: str, text: str, style: _Styles) -> KeepTogether:
    return KeepTogether([Paragraph(head, style.head), Paragraph(_plain(text).replace("\n", "<br/>"), style.body)])


def _plain(text: str) -> str:
    """Words for a paragraph, which would read tags otherwise."""
    return escape(text, quote=False)


def _title(copy: Copy, language: str) -> str:
    return word("title" if copy.receipt.scopes else "title_refused", language)


def _until(copy: Copy, language: str) -> str:
    given = _day(copy.receipt.given_at, copy.zone)
    if not copy.receipt.scopes:
        return word("until_refused", language, given=given)
    return word("until_text", language, given=given, ends=_day(copy.receipt.expires, copy.zone))


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _footer(copy: Copy) -> Callable[[Canvas, SimpleDocTemplate], None]:
    def draw(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(_QUIET_INK)
        canvas.drawString(22 * mm, 10 * mm, f"Cairn · {copy.receipt.receipt}")
        canvas.drawRightString(A4[0] - 22 * mm, 10 * mm, str(document.page))

    return draw
