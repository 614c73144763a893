"""The formats by name, and how each is made of the same material."""

from __future__ import annotations

from enum import StrEnum

from central.exports.files import Download, Table, archive
from central.exports.geojson import geojson
from central.exports.go_data import go_data
from central.exports.material import Material
from central.exports.notes import map_note, note
from central.exports.plain_csv import plain_csv
from central.exports.sormas import Dates, sormas


class Format(StrEnum):
    """What a case can be exported as. All but the last are a ZIP archive with a note in it."""

    GO_DATA = "godata"
    SORMAS = "sormas"
    CSV = "csv"
    GEOJSON = "geojson"


def export(material: Material, kind: Format, dates: Dates = Dates.MONTH_FIRST) -> Download:
    """`dates` matters to SORMAS only."""
    if kind is Format.GEOJSON:
        return geojson(material, map_note())
    tables: tuple[Table, ...]
    match kind:
        case Format.GO_DATA:
            tables = go_data(material)
        case Format.SORMAS:
            tables = sormas(material, dates)
        case _:
            tables = plain_csv(material)
    name = f"{material.of.case}-{kind.value}.zip"
    return archive(name, tables, note(material, kind.value, dates.value), material.made_at)
