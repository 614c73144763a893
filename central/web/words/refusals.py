"""Common refusals in Korean, by the error's name; the English original is shown below each."""

from __future__ import annotations

from typing import Final

REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "NotFound": ("그런 것이 없거나 볼 권한이 없습니다.", "목록으로 돌아가 다시 선택하세요."),
    "NotAllowed": ("이 계정의 역할로는 할 수 없습니다.", "알맞은 역할을 가진 계정으로 로그인하세요."),
    "NotSignedIn": ("로그인되어 있지 않습니다.", "토큰으로 로그인하세요."),
    "TooManyAttempts": (
        "이 주소에서 잘못된 토큰이 너무 많이 입력되었습니다.",
        "잠시 기다린 뒤 가장 최근에 받은 토큰으로 다시 시도하세요.",
    ),
    "WrongState": ("사례가 지금은 이 작업을 할 수 없는 상태입니다.", "사례를 다시 열어 상태를 확인하세요."),
    "CaseEnded": ("종료되었거나 동의가 철회된 사례입니다.", "새 동의를 받아 새 사례를 여세요."),
    "ReleaseRefused": (
        "서명, 동의, 범위 또는 기한이 맞지 않아 거절되었습니다.",
        "아래 영어 원문에 이유가 있습니다. 그에 따라 고친 뒤 다시 시도하세요.",
    ),
    "ForeignForm": ("오래되었거나 이 화면에서 보낸 것이 아닌 양식입니다.", "화면을 새로 고친 뒤 다시 보내세요."),
    "BadRequest": ("읽을 수 없는 요청입니다.", "이전 화면으로 돌아가 다시 시도하세요."),
    "BadInput": ("입력한 내용이 맞지 않습니다.", "아래 영어 원문의 설명에 따라 고친 뒤 다시 보내세요."),
    "ServiceDown": (
        "기관 한 곳이 응답하지 않습니다. 사례는 그대로 기다립니다.",
        "그 기관의 서비스가 다시 켜지면 다시 시도하세요.",
    ),
    "TransportDown": ("상대 서비스에 연결할 수 없습니다.", "잠시 뒤 다시 시도하세요."),
    "TooMuch": ("보낸 내용이 너무 큽니다.", "더 작게 나누어 보내세요."),
    "NoPictures": ("센터는 사진을 받지 않습니다.", "등록은 상자(엣지 장치)에서 하세요."),
}
