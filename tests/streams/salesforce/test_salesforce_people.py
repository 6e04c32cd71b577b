import json
from typing import Any

import pytest

from streams.salesforce.change import Change
from streams.salesforce.people import facts_of
from streams.salesforce.record import Record, fold

T0 = 1_760_000_000_000
LEAD, ANN, BOB = "00Q000000000001AAA", "003000000000001AAA", "003000000000002AAA"


def record(kind: str, key: str, *, deleted: bool = False, **values: Any) -> Record:
    return fold(None, Change(kind, key, "snapshot", T0, sequence=1, values=values, deleted=deleted)).record


@pytest.mark.parametrize(
    ("row", "owner"),
    [
        (record("Contact", ANN, Email="Ann@Example.com"), "email:ann@example.com"),
        (record("Contact", ANN, Email="support@example.com"), None),
        (record("Contact", ANN, Email="none"), None),
        (record("Contact", ANN), None),
        (record("Contact", ANN, Email="a@b.org", MasterRecordId=BOB, deleted=True), f"sf:{BOB}"),
        (record("Contact", ANN, Email="a@b.org", MasterRecordId=BOB[:15]), f"sf:{BOB}"),
        (record("Contact", ANN, Email="a@b.org", MasterRecordId=ANN), "email:a@b.org"),
        (record("Lead", LEAD, Email="a@b.org", IsConverted=True, ConvertedContactId=ANN), f"sf:{ANN}"),
        (record("Lead", LEAD, Email="a@b.org", IsConverted=False, ConvertedContactId=ANN), "email:a@b.org"),
        (record("Contact", ANN, IsConverted=True, ConvertedContactId=BOB), None),
        (record("Lead", LEAD, MasterRecordId=LEAD, IsConverted=True, ConvertedContactId=ANN), f"sf:{ANN}"),
        (record("Contact", ANN, Email="a@b.org", MasterRecordId="001000000000001AAA"), "email:a@b.org"),
    ],
)
def test_a_record_belongs_to_whom_it_was_merged_into_or_converted_to_else_to_its_address(
    row: Record, owner: str | None
) -> None:
    assert facts_of(row, 1).owner == owner


def test_empty_and_very_long_values_do_not_travel() -> None:
    facts = facts_of(record("Contact", ANN, Title="VP", Phone=None, Description="x" * 2_000), 1)
    assert json.loads(bytes(facts.fields)) == {"Title": "VP"}
