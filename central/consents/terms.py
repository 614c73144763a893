"""What is told to a patient and under which law: the notice and the legal bases that this city uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from central.cases.bases import SHIPPED as SHIPPED_BASES
from central.cases.bases import Bases, Basis, basis_of, load_bases
from central.consents.notices import SHIPPED as SHIPPED_NOTICE
from central.consents.notices import Notice, load_notice
from central.errors import BadSettings
from central.retention.rules import Rules
from shared.epochs import Modality
from shared.errors import ReleaseRefused
from shared.releases import ConsentReceipt


class NoticeRefused(ReleaseRefused):
    """The consent was not given on the notice that is in use here."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The notice and the dated list of legal bases."""

    notice: Notice = field(repr=False)
    bases: Bases = field(repr=False)

    @classmethod
    def load(cls, notice: Path | None = None, bases: Path | None = None) -> Terms:
        """The city's own files, or the shipped ones. Raises BadNotice, BadBasis."""
        return cls(load_notice(notice or SHIPPED_NOTICE), load_bases(bases or SHIPPED_BASES))

    def must_hold(self, rules: Rules) -> None:
        """Raises BadSettings when the rules of retention keep something longer than patients are told."""
        for basis in self.bases.values():
            told = timedelta(days=basis.route_days), timedelta(days=basis.case_days)
            if rules.routes > told[0] or rules.case(basis.name) > told[1]:
                hint = "shorten them, or tell patients the truth: in legal_bases, or in retention"
                raise BadSettings(f"the rules {rules.name} keep cases longer than {basis.name} allows", hint=hint)

    def check(self, receipt: ConsentReceipt) -> Basis:
        """Raises NoticeRefused or BasisRefused unless the patient was shown the notice in use, under a known basis."""
        basis = basis_of(self.bases, receipt.purpose, receipt.given_at.date())
        if receipt.jurisdiction != basis.jurisdiction:
            hint = f"the basis {basis.name} is law in {basis.jurisdiction}"
            raise NoticeRefused(f"the consent was given for {receipt.jurisdiction}", hint=hint)
        shown = (receipt.notice, receipt.notice_version, receipt.notice_digest)
        if shown != (self.notice.name, self.notice.version, self.notice.digest(basis)):
            hint = f"show the patient {self.notice.name}, version {self.notice.version}, and ask again"
            raise NoticeRefused("the patient was shown another notice than the one in use", hint=hint)
        if receipt.language not in self.notice.document["texts"]:
            hint = f"use one of {', '.join(self.notice.document['texts'])}"
            raise NoticeRefused("the notice does not exist in the language of the consent", hint=hint)
        if receipt.controller != self.notice.controller(receipt.language):
            hint = f"it is {self.notice.controller(receipt.language)}"
            raise NoticeRefused("the consent names another controller than the notice", hint=hint)
        return basis


@dataclass(frozen=True, slots=True)
class Said:
    """What a patient answered: the scopes in `given` they agreed to, every other one they refused."""

    receipt: str
    case: str
    given: tuple[str, ...]
    given_at: datetime
    expires: datetime
    signed_by: str
    language: str = "en"


def receipt_on(notice: Notice, basis: Basis, said: Said) -> ConsentReceipt:
    """The receipt to be signed for an answer to this notice, under this legal basis."""
    return ConsentReceipt(
        receipt=said.receipt,
        case=said.case,
        purpose=basis.name,
        scopes=said.given,
        refused=tuple(modality.value for modality in Modality if modality.value not in said.given),
        given_at=said.given_at,
        expires=said.expires,
        signed_by=said.signed_by,
        controller=notice.controller(said.language),
        jurisdiction=basis.jurisdiction,
        language=said.language,
        notice=notice.name,
        notice_version=notice.version,
        notice_digest=notice.digest(basis),
    )
