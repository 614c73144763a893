"""Import files for Go.Data (World Health Organization).

As its importer wants them (GoDataSource-API `components/importableFile.js`, GoDataSource-FrontEnd
`import-contact-data.component.ts`, read in November 2026): a CSV file with one header row, whose columns map by
themselves when they bear the field's English label. A case needs a first name, a date of reporting and a
classification; a contact a first name, a date of reporting, the related person (by identifier or visual identifier),
the date of last contact and a certainty level. Reference data goes by its English label.
"""

from __future__ import annotations

from typing import Final

from central.contacts.exposures import Contact
from central.exports.files import Table
from central.exports.material import SURE, Material

CASE_COLUMNS: Final = (
    "First Name", "Last Name", "Visual ID", "Classification", "Date of reporting", "Date of reporting approximate",
)  # fmt: skip
CONTACT_COLUMNS: Final = (
    "First Name", "Last Name", "Date of reporting", "Related person", "Date of first contact", "Date of last contact",
    "Is contact date estimated?", "Certainty level", "Exposure frequency", "Exposure duration", "Comment",
)  # fmt: skip
CONFIRMED: Final = "Confirmed"
LOW, MEDIUM, HIGH = "1 - Low", "2 - Medium", "3 - High"
_OFTEN: Final = ((5, "1-5 Times"), (10, "6-10 Times"), (20, "11-20 Times"))
_LONG: Final = ((1, "Very short (seconds)"), (60, "Short (minutes)"), (24 * 60, "Medium (hours)"))


def go_data(material: Material) -> tuple[Table, Table]:
    """The case first: contacts refer to it."""
    return (
        Table("1-cases.csv", CASE_COLUMNS, [_case(material)]),
        Table("2-contacts.csv", CONTACT_COLUMNS, [_contact(material, one) for one in material.contacts]),
    )


def certainty(contact: Contact) -> str:
    """Low where the truth may lie beyond the rule, high where it cannot and the patient was surely there."""
    if contact.uncertain:
        return LOW
    return HIGH if contact.confidence >= SURE and not contact.unknown_minutes else MEDIUM


def frequency(contact: Contact) -> str:
    times = len(contact.exposures)
    return next((label for most, label in _OFTEN if times <= most), "Over 21 times")


def duration(contact: Contact) -> str:
    return next((label for minutes, label in _LONG if contact.minutes < minutes), "Long (days)")


def _case(material: Material) -> tuple[str | bool, ...]:
    of = material.of
    return of.case, "case of Cairn", of.case, CONFIRMED, material.day(of.opened_at), True


def _contact(material: Material, contact: Contact) -> tuple[str | bool, ...]:
    days = material.day(contact.start), material.day(contact.end)
    known = certainty(contact), frequency(contact), duration(contact)
    reported, case = material.day(material.found_at), material.of.case
    return contact.pseudonym, f"contact of {case}", reported, case, *days, False, *known, material.told(contact)
