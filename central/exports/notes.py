"""What lies beside exported files: what is a pseudonym, what is missing, and how they are imported."""

from __future__ import annotations

from typing import Final

from central.exports.material import Material

_HEAD: Final = (
    "Case {case}: route and contacts, made {made}, found {found}.\n"
    "Legal basis: {purpose}. No other use is allowed, and the file is to be deleted with the case.\n"
    "\n"
    "Contacts are PSEUDONYMS such as {example}: they are the same within this case, and worth nothing in any other.\n"
    "Nobody's name, age, sex, nationality or address is in these files: the centre has none of them.\n"
    "Contacts are those of the rule {preset}. That nobody was seen is no evidence that nobody was there.\n"
    "Local times are in {zone}.\n",
    "사례 {case}: 동선과 접촉자. 작성 {made}, 검색 {found}.\n"
    "법적 근거: {purpose}. 다른 용도로 쓸 수 없으며, 사례와 함께 삭제해야 합니다.\n"
    "\n"
    "접촉자는 {example}와 같은 가명입니다. 이 사례 안에서만 같고 다른 사례에서는 의미가 없습니다.\n"
    "이름, 나이, 성별, 국적, 주소는 이 파일에 없습니다. 센터가 가지고 있지 않습니다.\n"
    "접촉자는 {preset} 기준에 따른 것입니다. 보이지 않았다는 것이 아무도 없었다는 증거는 아닙니다.\n"
    "현지 시각은 {zone} 기준입니다.\n",
)
_HOW: Final = {
    "godata": (
        "Unpack, then import into Go.Data in this order, language English:\n"
        " 1. Cases > Import case data: 1-cases.csv\n"
        " 2. Contacts > Import contact data: 2-contacts.csv\n"
        "First Name of a contact is the pseudonym; Last Name says whose contact it is. Both are placeholders until a\n"
        "person is identified. The case's date of reporting is the day when it was opened here, marked approximate.\n"
        "If the outbreak has a mask for case identifiers, write one that fits into Visual ID of 1-cases.csv and into\n"
        "Related person of 2-contacts.csv, the same in both. Go.Data gives contacts identifiers of its own.\n"
        "Columns map by themselves where the labels are the same in your version; look at each before you import.\n",
        "압축을 풀고 언어를 영어로 한 뒤 Go.Data에 다음 순서로 가져옵니다.\n"
        " 1. Cases > Import case data: 1-cases.csv\n"
        " 2. Contacts > Import contact data: 2-contacts.csv\n"
        "접촉자의 First Name은 가명이고 Last Name은 어느 사례의 접촉자인지를 나타냅니다. 신원이 확인될 때까지의\n"
        "임시 값입니다. 사례의 신고일은 이곳에서 사례를 연 날이며 추정으로 표시됩니다.\n"
        "사례 번호 형식이 정해져 있으면 1-cases.csv의 Visual ID와 2-contacts.csv의 Related person에 같은 값을\n"
        "그 형식에 맞게 적으십시오. 접촉자의 번호는 Go.Data가 정합니다.\n"
        "버전에 따라 항목 이름이 다를 수 있으니 가져오기 전에 하나씩 확인하십시오.\n",
    ),
    "sormas": (
        "Unpack, open the case in SORMAS, then Contacts > Import: contacts.csv, separator comma.\n"
        "Days are written {dates}: if your SORMAS language writes them otherwise, export again with the other form.\n"
        "First name is the pseudonym, last name is the case here; both are placeholders until a person is identified.\n"
        "Sex is UNKNOWN because nobody measures it. Proximity is left empty where no word of SORMAS is true.\n"
        "Disease, region and district come from the case into which you import.\n",
        "압축을 풀고 SORMAS에서 사례를 연 뒤 Contacts > Import에서 contacts.csv를 쉼표 구분으로 가져옵니다.\n"
        "날짜는 {dates} 형식입니다. SORMAS 언어의 날짜 형식과 다르면 다른 형식으로 다시 내보내십시오.\n"
        "First name은 가명, last name은 이곳의 사례 번호이며 신원이 확인될 때까지의 임시 값입니다.\n"
        "성별은 측정하지 않으므로 UNKNOWN입니다. SORMAS의 어느 말도 맞지 않으면 proximity는 비워 둡니다.\n"
        "질병과 지역은 가져오는 사례에서 정해집니다.\n",
    ),
    "csv": (
        "route.csv has stays, visits, ways and gaps in order of time; contacts.csv the people, and those who do not\n"
        "count as measured but may in truth (counts is FALSE); exposures.csv each time that a contact was near.\n"
        "Every time is given in local time with its offset, and in UTC. UTF-8, commas.\n",
        "route.csv는 체류, 목격, 이동, 공백을 시간순으로 담습니다. contacts.csv는 접촉자와, 측정값으로는 아니지만\n"
        "실제로는 접촉자일 수 있는 사람(counts가 FALSE)을, exposures.csv는 접촉자가 가까이 있던 시간을 담습니다.\n"
        "시각은 현지 시각(시차 포함)과 UTC로 적혀 있습니다. UTF-8, 쉼표 구분.\n",
    ),
}
_MAP: Final = (
    "Contacts are pseudonyms. Points are cameras, not people; lines are straight, not streets. "
    "A gap is time without evidence. 접촉자는 가명이며 점은 카메라의 위치입니다. 공백은 증거가 없는 시간입니다."
)


def note(material: Material, kind: str, dates: str = "") -> str:
    """The companion note of an archive, English and then Korean."""
    about = {
        "case": material.of.case,
        "purpose": material.of.purpose,
        "made": material.local(material.made_at),
        "found": material.local(material.found_at),
        "preset": material.preset,
        "zone": material.zone.key,
        "example": next((one.pseudonym for one in material.contacts), "K7QM2XAB"),
        "dates": dates,
    }
    parts = [f"{head}\n{how}" for head, how in zip(_HEAD, _HOW[kind], strict=True)]
    return "\n----\n\n".join(parts).format(**about)


def map_note() -> str:
    """One line for a file that has no companion."""
    return _MAP
