"""What the pages say about files of a case, places for the public, and masks by place and hour."""

from __future__ import annotations

from typing import Final

EXPORTS: Final[dict[str, tuple[str, str]]] = {
    "export": ("Save as a file", "파일로 저장"),
    "export_lead": (
        "Route and contacts leave the centre with this file. It is noted in the audit log, and the patient's report "
        "tells of it. Keep the file as you keep the case, and delete it with the case.",
        "이 파일로 동선과 접촉자가 센터 밖으로 나갑니다. 감사 기록에 남고 환자의 보고서에도 나타납니다. "
        "사례와 같이 보관하고 사례와 함께 삭제하십시오.",
    ),
    "export_pseudonyms": (
        "Contacts are pseudonyms; names, ages and addresses are not in it, since the centre has none.",
        "접촉자는 가명입니다. 이름, 나이, 주소는 센터에 없으므로 파일에도 없습니다.",
    ),
    "export_as": ("For", "용도"),
    "export_godata": ("Go.Data, import files", "Go.Data 가져오기 파일"),
    "export_sormas": ("SORMAS, import file of contacts", "SORMAS 접촉자 가져오기 파일"),
    "export_csv": ("a spreadsheet (CSV)", "스프레드시트 (CSV)"),
    "export_geojson": ("a map (GeoJSON)", "지도 (GeoJSON)"),
    "export_preset": ("Contacts by the rule", "접촉자 기준"),
    "export_dates": ("SORMAS only: days are written", "SORMAS만 해당: 날짜 형식"),
    "export_save": ("Save", "저장"),
    # masks by place and hour
    "place_masks": ("Masks", "마스크 통계"),
    "stats_by_hour": ("by hour of the day", "시간대별"),
    "stats_by_place": ("by place", "장소별"),
    "stats_days": ("{n} d", "{n}일"),
    "stats_hour": ("Hour", "시간"),
    "stats_place": ("Place", "장소"),
    "stats_share": ("Masks worn, of those seen", "마스크 착용률"),
    "stats_worn": ("worn", "착용"),
    "stats_not_worn": ("not or wrongly worn", "미착용·잘못 착용"),
    "stats_unknown": ("not seen", "확인 안 됨"),
    "stats_together": ("Together", "전체"),
    "stats_none": ("No box has reported anything in these hours.", "이 기간에 보고한 단말이 없습니다."),
    "stats_lead": (
        "Sightings, not people: who passes twice is counted twice. From the counts that boxes send in the clear; "
        "no sealed batch is opened.",
        "사람 수가 아니라 목격 수입니다. 두 번 지나가면 두 번 셉니다. 단말이 공개로 보내는 수에서 계산하며 "
        "봉인 묶음은 열지 않습니다.",
    ),
    "stats_small": (
        "Counts below {n} of one place and hour are hidden, and all of them where fewer people passed. Sums are "
        "therefore given from least to most; the light part of a bar is what cannot be told.",
        "한 장소·한 시간의 {n} 미만 수는 감추고, 그보다 적은 사람이 지나간 시간은 모두 감춥니다. "
        "그래서 합계는 최소에서 최대까지로 적고, 막대의 옅은 부분은 알 수 없는 부분입니다.",
    ),
    # places for the public
    "public_places": ("Places for the public", "공개할 장소"),
    "public_lead": (
        "A draft by the Korean rules: places where contacts arose that could not all be found, with times rounded "
        "outward, nothing about the patient, and the last day on which each may be shown. This system publishes "
        "nothing: your office releases the draft.",
        "국내 지침에 따른 초안입니다. 접촉자를 모두 찾지 못한 장소만, 시간은 넓게 반올림하여, 환자에 관한 정보 없이, "
        "공개 기한과 함께 보여 줍니다. 이 시스템은 아무것도 공개하지 않으며 기관이 승인해야 합니다.",
    ),
    "public_camera": ("Camera", "카메라"),
    "public_name": ("Name and address of the place", "상호명과 소재지"),
    "public_until": ("Shown until", "공개 기한"),
    "public_what": ("It is", "구분"),
    "public_what_": ("as proposed", "제안대로"),
    "public_what_private": ("a home or a place of work", "거주지나 직장"),
    "public_what_public": ("neither: tell of it", "둘 다 아님: 공개"),
    "public_what_all_known": ("a place whose contacts are all known", "접촉자를 모두 찾은 곳"),
    "public_left_out": ("Left out", "제외한 장소"),
    "public_why": ("Why", "이유"),
    "public_why_no contact": ("nobody became a contact there", "접촉자가 없음"),
    "public_why_private": ("a home or a place of work, or close to one", "거주지나 직장, 또는 그 근처"),
    "public_why_night": (
        "a night was spent there or close by: perhaps a home",
        "밤을 보낸 곳이나 그 근처: 거주지일 수 있음",
    ),
    "public_why_told private": ("the patient told of being at home or at work", "환자가 집이나 직장이라고 진술"),
    "public_why_all known": ("every contact is known", "접촉자를 모두 찾음"),
    "public_why_over": ("its time to be shown is over", "공개 기한이 지남"),
    "public_passed": ("Seen in passing only", "지나가기만 한 곳"),
    "public_passed_lead": (
        "Tick the cameras at the patient's home or place of work: places within 100 m of them are left out.",
        "환자의 집이나 직장에 있는 카메라를 표시하십시오. 그로부터 100 m 안의 장소는 제외합니다.",
    ),
    "public_show": ("Draft again", "초안 다시 만들기"),
    "public_html": ("Save as a page", "웹 문서로 저장"),
    "public_csv": ("Save as a table", "표로 저장"),
    "public_none": ("There is no place to tell of.", "공개할 장소가 없습니다."),
}
