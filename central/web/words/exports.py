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
}
