"""Import files for SORMAS (Helmholtz Centre for Infection Research and others).

As its importer of a case's contacts wants them (SORMAS-Project `ContactImporter`, `DataImporter`, `ImportFacadeEjb`,
read in November 2026): a row that names the entity of each column, a row of the fields' names, and rows that begin
with ## are comments. A contact needs a person with first and last name and a sex, the date of the report and the date
of the last contact. Dates are in the format of the importing user's language; values of lists are the constants'
names. The case's disease and district come from the case into which the file is imported.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from central.contacts.exposures import Contact
from central.exports.files import Cell, Table
from central.exports.material import Material

COLUMNS: Final = (
    ("Person", "person.firstName"),
    ("Person", "person.lastName"),
    ("Person", "person.sex"),
    ("Contact", "reportDateTime"),
    ("Contact", "multiDayContact"),
    ("Contact", "firstContactDate"),
    ("Contact", "lastContactDate"),
    ("Contact", "contactIdentificationSource"),
    ("Contact", "contactIdentificationSourceDetails"),
    ("Contact", "contactProximity"),
    ("Contact", "contactClassification"),
    ("Contact", "contactStatus"),
    ("Contact", "description"),
)
SEX_UNKNOWN, OTHER_SOURCE, UNCONFIRMED, ACTIVE = "UNKNOWN", "OTHER", "UNCONFIRMED", "ACTIVE"
SAME_ROOM, CLOSE_CONTACT = "SAME_ROOM", "CLOSE_CONTACT"
CLOSE_M: Final = 1.0  # SORMAS: "Was in close proximity (1 meter) with source case"


class Dates(StrEnum):
    """How the importing user's language writes a day: English, most others, German."""

    MONTH_FIRST = "m/d/yyyy"
    DAY_FIRST = "dd/mm/yyyy"
    DOTS = "dd.mm.yyyy"

    @property
    def form(self) -> str:
        return {"m/d/yyyy": "%m/%d/%Y", "dd/mm/yyyy": "%d/%m/%Y", "dd.mm.yyyy": "%d.%m.%Y"}[self.value]


def sormas(material: Material, dates: Dates) -> tuple[Table, ...]:
    entities, names = zip(*COLUMNS, strict=True)
    rows = [_contact(material, one, dates.form) for one in material.contacts]
    return (Table("contacts.csv", names, rows, before=(entities,)),)


def proximity(contact: Contact) -> str:
    """The nearest of the words that SORMAS has, and none where no word of it is true: outdoors, beyond 1 m."""
    if contact.nearest_m is not None and contact.nearest_m <= CLOSE_M:
        return CLOSE_CONTACT
    return SAME_ROOM if all(one.indoor for one in contact.exposures) else ""


def _contact(material: Material, contact: Contact, form: str) -> tuple[Cell, ...]:
    first, last = material.day(contact.start, form), material.day(contact.end, form)
    return (
        contact.pseudonym,
        material.of.case,
        SEX_UNKNOWN,
        material.day(material.found_at, form),
        first != last,
        first if first != last else "",
        last,
        OTHER_SOURCE,
        f"Cairn, case {material.of.case}",
        proximity(contact),
        UNCONFIRMED,
        ACTIVE,
        material.told(contact),
    )
