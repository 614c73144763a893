"""What the pages say about keys and signatures, and the people who hold them."""

from __future__ import annotations

from typing import Final

SIGNING: Final[dict[str, tuple[str, str]]] = {
    # your key
    "your_key": ("Your key", "내 서명 키"),
    "account": ("Account", "계정"),
    "roles": ("Roles", "역할"),
    "role_until": ("until {when}", "{when}까지"),
    "no_end": ("no end", "기한 없음"),
    "account_until": ("Account ends", "계정 만료"),
    "token_until": ("Token ends", "토큰 만료"),
    "role_tracer": ("tracer", "역학조사관"),
    "role_approver": ("approver", "승인자"),
    "role_privacy-officer": ("privacy officer", "개인정보 보호책임자"),
    "role_technician": ("technician", "기술 담당자"),
    "role_administrator": ("administrator", "관리자"),
    "signing_key": ("Signing key", "서명 키"),
    "key_none": ("none yet", "아직 없음"),
    "key_file": ("key file", "키 파일"),
    "key_passkey": ("passkey", "패스키"),
    "fingerprint": ("Fingerprint", "지문 값"),
    "key_note": (
        "Only you hold the secret half. The centre cannot sign for you, and each authority counts your signature only "
        "after its own office has registered this key.",
        "비밀 키는 본인만 가지고 있습니다. 센터는 대신 서명할 수 없으며, 각 기관은 "
        "이 키를 직접 등록한 뒤에만 서명을 인정합니다.",
    ),
    "key_download": ("Download the public file for the offices", "기관에 제출할 공개 키 파일 받기"),
    "key_compare": (
        "Bring this file to each authority's office yourself, and compare the fingerprint there.",
        "이 파일을 각 기관에 직접 제출하고 지문 값을 함께 확인하세요.",
    ),
    "enrol": ("Make a passkey", "패스키 만들기"),
    "enrol_until": (
        "You may make one passkey until {when}. It asks for your fingerprint, face or PIN.",
        "{when}까지 패스키를 하나 만들 수 있습니다. 지문, 얼굴 또는 PIN을 확인합니다.",
    ),
    "enrol_replaces": (
        "It takes the place of your present key. Cases signed with that key must be signed again.",
        "현재 키를 대신하게 됩니다. 이전 키로 서명한 사례는 다시 서명해야 합니다.",
    ),
    "enrol_closed": (
        "A new passkey can be made only after an administrator allows it: cairn-central account passkey {who}",
        "관리자가 허용한 뒤에만 새 패스키를 만들 수 있습니다: cairn-central account passkey {who}",
    ),
    "no_site": (
        "Passkeys do not work under this address. An administrator sets CAIRN_CENTRE_ORIGIN to these pages' address.",
        "이 주소에서는 패스키를 쓸 수 없습니다. 관리자가 CAIRN_CENTRE_ORIGIN에 이 화면의 주소를 설정해야 합니다.",
    ),
    "needs_script": (
        "A passkey needs JavaScript, which this browser has switched off. Everything else here works without.",
        "패스키에는 자바스크립트가 필요한데 이 브라우저에서는 꺼져 있습니다. 다른 기능은 그대로 쓸 수 있습니다.",
    ),
    "passkey_waits": ("Answer your device's question.", "기기의 안내에 따르세요."),
    "passkey_NotAllowedError": (
        "Nothing was signed: it was cancelled, took too long, or this device does not hold your passkey. Try again.",
        "서명되지 않았습니다. 취소했거나 시간이 지났거나 이 기기에 패스키가 없습니다. 다시 시도하세요.",
    ),
    "passkey_InvalidStateError": (
        "This device holds your present passkey already. Use another device or security key.",
        "이 기기에는 이미 현재 패스키가 있습니다. 다른 기기나 보안 키를 쓰세요.",
    ),
    "passkey_SecurityError": (
        "The browser does not accept passkeys under this address. Open the pages under their own address.",
        "브라우저가 이 주소에서 패스키를 허용하지 않습니다. 정해진 주소로 다시 여세요.",
    ),
    "passkey_other": (
        "The browser could not use a passkey. Try another browser, or sign with a key file.",
        "브라우저에서 패스키를 쓸 수 없습니다. 다른 브라우저를 쓰거나 키 파일로 서명하세요.",
    ),
    # approval
    "approve": ("Look at what there is to sign", "서명할 내용 보기"),
    "approve_title": ("Sign case {case}?", "사례 {case}에 서명할까요?"),
    "you_sign": (
        "You sign, as {who}, that this search is necessary and lawful. It counts for exactly what stands here.",
        "{who}의 이름으로 이 검색이 필요하고 적법함을 확인하는 서명입니다. 아래 내용에만 효력이 있습니다.",
    ),
    "cells_of": ("{n} of {all} cells", "전체 {all}개 구역 중 {n}개"),
    "whole_city": (
        "This searches the whole city: all {all} cells.",
        "도시 전체 검색입니다: {all}개 구역 모두.",
    ),
    "which_cells": ("Which cells", "구역 목록"),
    "opened_who": ("Opened by", "연 사람"),
    "search_by": ("Search by", "검색 방법"),
    "consent_says": ("Patient's consent", "환자의 동의"),
    "consent_by": ("{receipt}: {scopes}", "{receipt}: {scopes}"),
    "consent_until": (
        "given {given}, until {until}, noted by {who}",
        "{given} 동의, {until}까지, 확인 {who}",
    ),
    "template_digest": ("Template", "등록 정보"),
    "photos": ("made from {n} photos", "사진 {n}장으로 만듦"),
    "no_photos": ("made without a photo", "사진 없이 만듦"),
    "nothing_after": ("No key is released after", "이후 열쇠 제공 불가"),
    "zone": ("Times in {zone}.", "시각 기준: {zone}."),
    "sign_passkey": ("Sign with my passkey", "내 패스키로 서명"),
    "signed_until": (
        "Sign within {minutes} minutes, or open this page again.",
        "{minutes}분 안에 서명하거나 화면을 다시 여세요.",
    ),
    "no_passkey": (
        "You hold no passkey here. Sign with your key file, or make a passkey under Your key.",
        "등록된 패스키가 없습니다. 키 파일로 서명하거나 ‘내 서명 키’에서 패스키를 만드세요.",
    ),
    "sign_file": ("Sign with a key file", "키 파일로 서명"),
    "sign_file_how": (
        "On your own machine, where your key file is; it shows the same before it signs:",
        "키 파일이 있는 본인의 컴퓨터에서 실행하세요. 서명 전에 같은 내용을 보여 줍니다:",
    ),
}
