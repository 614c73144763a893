"""What Go.Data and SORMAS do with a file, as read in their importers: what they would refuse, this refuses.

Go.Data: GoDataSource-API `components/importableFile.js` (headers are matched with English labels after camel-casing
and lower-casing; empty cells are dropped), GoDataSource-FrontEnd `import-contact-data.component.ts` and
`import-case-data.component.ts` (required fields), `english_us.json` (labels and reference data).
SORMAS: `DataImporter.java` (comment lines, two header rows, trimming, dates by the user's language, names of
constants), `ContactImporter.java`, `ContactDto.java` and `PersonDto.java` (required fields).
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime

GO_DATA_LABELS = {
    "case": {
        "First Name": "firstName", "Last Name": "lastName", "Visual ID": "visualId",
        "Classification": "classification", "Date of reporting": "dateOfReporting",
        "Date of reporting approximate": "isDateOfReportingApproximate",
    },
    "contact": {
        "First Name": "firstName", "Last Name": "lastName", "Date of reporting": "dateOfReporting",
        "Related person": "relationship.persons[].id", "Date of last contact": "relationship.contactDate",
        "Date of first contact": "relationship.dateOfFirstContact",
        "Is contact date estimated?": "relationship.contactDateEstimated",
        "Certainty level": "relationship.certaintyLevelId", "Exposure frequency": "relationship.exposureFrequencyId",
        "Exposure duration": "relationship.exposureDurationId", "Comment": "relationship.comment",
    },
}  # fmt: skip
GO_DATA_REQUIRED = {
    "case": {"firstName", "dateOfReporting", "classification"},
    "contact": {
        "firstName", "dateOfReporting", "relationship.persons[].id", "relationship.contactDate",
        "relationship.certaintyLevelId",
    },
}  # fmt: skip
GO_DATA_WORDS = {
    "classification": {"Confirmed", "Probable", "Suspect", "Not a case (discarded)"},
    "relationship.certaintyLevelId": {"1 - Low", "2 - Medium", "3 - High"},
    "relationship.exposureFrequencyId": {"1-5 Times", "6-10 Times", "11-20 Times", "Over 21 times", "Unknown"},
    "relationship.exposureDurationId": {
        "Very short (seconds)", "Short (minutes)", "Medium (hours)", "Long (days)",
    },
}  # fmt: skip
SORMAS_WORDS = {
    "person.sex": {"MALE", "FEMALE", "OTHER", "UNKNOWN"},
    "contactIdentificationSource": {"CASE_PERSON", "CONTACT_PERSON", "TRACING_APP", "OTHER", "UNKNOWN"},
    "contactProximity": {"TOUCHED_FLUID", "PHYSICAL_CONTACT", "CLOTHES_OR_OTHER", "CLOSE_CONTACT", "SAME_ROOM"},
    "contactClassification": {"UNCONFIRMED", "CONFIRMED", "NO_CONTACT"},
    "contactStatus": {"ACTIVE", "CONVERTED", "DROPPED"},
}
SORMAS_DATES = {"reportDateTime", "firstContactDate", "lastContactDate"}
SORMAS_REQUIRED = {"person.firstName", "person.lastName", "person.sex", "reportDateTime", "lastContactDate"}
SORMAS_FIELDS = {
    *SORMAS_WORDS, *SORMAS_DATES, "person.firstName", "person.lastName", "multiDayContact",
    "contactIdentificationSourceDetails", "description",
}  # fmt: skip


def rows_of(content: bytes) -> list[list[str]]:
    """Comma-separated, RFC 4180; a mark in front of the text would be a part of the first header."""
    assert not content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def go_data_records(content: bytes, kind: str) -> list[dict[str, str]]:
    """Records by property, empty cells dropped; an AssertionError for what Go.Data would refuse."""
    header, *rows = rows_of(content)
    labels = {_normal(label): path for label, path in GO_DATA_LABELS[kind].items()}
    paths = [labels[_normal(column)] for column in header]
    found = []
    for row in rows:
        assert len(row) == len(header)
        record = {path: cell.strip() for path, cell in zip(paths, row, strict=True) if cell.strip()}
        assert record.keys() >= GO_DATA_REQUIRED[kind], record
        for path, words in GO_DATA_WORDS.items():
            assert record.get(path, next(iter(words))) in words, (path, record)
        for path, cell in record.items():
            if "date" in path.lower() and cell not in ("TRUE", "FALSE"):
                date.fromisoformat(cell)
        found.append(record)
    return found


def sormas_records(content: bytes, form: str = "%m/%d/%Y") -> list[dict[str, str]]:
    """Records by field; an AssertionError or ValueError for what SORMAS would refuse."""
    lines = [row for row in rows_of(content) if not (row and row[0].startswith("##"))]
    entities, fields, *rows = lines
    assert set(entities) <= {"Contact", "Person"}
    assert set(fields) <= SORMAS_FIELDS
    found = []
    for row in rows:
        assert len(row) <= len(fields)
        record = {field: cell.strip() for field, cell in zip(fields, row, strict=False) if cell.strip()}
        assert record.keys() >= SORMAS_REQUIRED, record
        for field, words in SORMAS_WORDS.items():
            assert record.get(field, next(iter(words))) in words, (field, record)
        for field in SORMAS_DATES & record.keys():
            datetime.strptime(record[field], form)  # noqa: DTZ007  (a day)
        assert len(record.get("description", "")) <= 4096
        found.append(record)
    return found


def _normal(label: str) -> str:
    """lodash's camelCase, lower-cased: words of letters and digits, joined."""
    return "".join(re.findall(r"[A-Za-z]+|[0-9]+", label)).lower()
