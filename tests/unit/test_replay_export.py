"""A comparison as files."""

import csv
import io
import json
from datetime import UTC, datetime

from services.replay.export import to_csv, to_json
from services.replay.record import Record, Triple, from_document

RECORD = Record(
    "blue",
    "green",
    datetime(2026, 3, 1, tzinfo=UTC),
    seed=1,
    tolerance=0.0,
    names=("=evil()", 'two, "quoted"'),
    triples=(
        Triple(1, ("200", "200", "Timeout"), (1.0, 2.5, None), (None, None, None), {"status": "candidate"}),
        Triple(0, ("200",) * 3, (1.0,) * 3, (None,) * 3, {"$.a": "first", "$.b": "candidate"}, ("$.id",)),
    ),
)


def test_the_table_has_one_row_for_each_request_in_the_order_of_the_set() -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(RECORD, frozenset({"status"}))))
    assert (first["request"], first["different_fields"]) == ("'=evil()", "")
    assert first["differs_by_itself_fields"] == "$.a $.id"
    assert (second["request"], second["different_fields"]) == ('two, "quoted"', "status")
    assert (second["live_ms"], second["live_again_ms"], second["candidate_ms"]) == ("1.000", "2.500", "")


def test_the_json_holds_everything() -> None:
    assert from_document(json.loads(to_json(RECORD))) == RECORD
