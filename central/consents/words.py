"""The words of the patient's copy that are ours; what the patient was told stands in the notice."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("What you agreed to", "동의 내용 확인서"),
    "yours": (
        "This copy is yours to keep. Nobody may ask you to show it.",
        "이 확인서는 환자분께서 보관하시는 것입니다. 누구도 보여 달라고 요구할 수 없습니다.",
    ),
    "title_refused": ("Your answer, as we wrote it down", "답변 내용 확인서"),
    "face": ("Search by your face", "얼굴로 찾기"),
    "appearance": ("Search by your shape and clothing", "체형과 옷차림으로 찾기"),
    "yes": ("You said yes", "동의함"),
    "no": ("You said no", "동의하지 않음"),
    "taken_back": ("You took it back", "동의를 철회함"),
    "purpose": ("What for", "목적"),
    "basis": ("By which law", "법적 근거"),
    "searched": ("What is searched", "찾아보는 범위"),
    "processing": ("How", "방법"),
    "until": ("Until when", "기간"),
    "until_text": (
        "Your consent was given on {given} and ends by itself on {ends}.",
        "{given}에 동의하셨으며, {ends}에 저절로 끝납니다.",
    ),
    "until_refused": ("You answered on {given}.", "{given}에 답변하셨습니다."),
    "seen_by": ("Who sees it", "누가 보나요"),
    "storage": ("Where it is kept", "보관 장소"),
    "retention": ("How long it is kept", "보관 기간"),
    "withdraw": ("How to take it back", "동의를 철회하려면"),
    "remains": ("What remains then", "철회한 뒤에 남는 것"),
    "refused": ("What you refused", "동의하지 않으신 것"),
    "rights": ("Your rights", "환자분의 권리"),
    "contact": ("Whom to call", "연락처"),
    "receipt": ("Receipt", "확인서 번호"),
    "case": ("Case", "사례 번호"),
    "witness": ("Taken down by", "작성자"),
    "withdrawn_on": ("Taken back on {when}", "{when}에 철회함"),
    "qr": (
        "The square holds this receipt with its signature, and nothing about where you were. Any phone can read it; "
        "whoever has the signer's public key can check that nobody changed it.",
        "이 사각형에는 서명된 이 확인서만 들어 있으며, 다니신 곳에 대한 내용은 없습니다. "
        "어느 휴대전화로도 읽을 수 있고, 서명자의 공개 열쇠로 바뀌지 않았는지 확인할 수 있습니다.",
    ),
    "page": ("Page {n} of {all}", "{all}쪽 중 {n}쪽"),
}


def word(name: str, language: str, **values: object) -> str:
    """A phrase in the language, filled in. KeyError for one that does not exist."""
    return WORDS[name][language == "ko"].format(**values)
