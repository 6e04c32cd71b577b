"""The pages' rules on one message and one record, told a second time: examples for each."""

import json
from hashlib import sha256
from typing import Any

import pytest

from agents.verify.salesforce.body import RefusedError
from agents.verify.salesforce.changes import changes
from agents.verify.salesforce.diffs import patched
from agents.verify.salesforce.row import Change, Row
from agents.verify.salesforce.told import line, owner
from agents.verify.salesforce.transactions import Run, runs
from tests.agents.verify.salesforce import avro_schema
from tests.agents.verify.simulate import T0

RECORD = "003000000000001AAA"


def event(kind: str = "UPDATE", header: dict[str, Any] | None = None, **body: Any) -> dict[str, Any]:
    head = {"entityName": "Contact", "recordIds": [RECORD], "changeType": kind, "commitTimestamp": T0}
    return {"ChangeEventHeader": head | (header or {}), **body}


def said(document: Any) -> list[Change]:
    return changes(json.dumps(document).encode(), T0)


def values(document: Any) -> dict[str, Any]:
    (change,) = said(document)
    return change.values


def listing(*names: str, **more: Any) -> dict[str, Any]:
    return {"changedFields": list(names), **more}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (event("CREATE", Title="VP", Email=None), {"Title": "VP"}),
        (event(header=listing("Title"), Title="VP", Email="x"), {"Title": "VP"}),
        (event(header=listing("Title"), Email="x"), {"Title": None}),
        (event(header=listing("Name"), Name={"FirstName": "A", "LastName": None}), {"FirstName": "A"}),
        (event(header=listing("Name"), Name={"FirstName": None}), {"FirstName": None}),
        (event(header=listing("Name.LastName"), Name={"FirstName": "A"}), {"LastName": None}),
        (event(header=listing("Loc__c"), Loc__c={"Latitude": 1.0}), {"Loc__Latitude__s": 1}),
        (event(header=listing("Geo.X"), Geo={"X": 2.5}), {"Geo.X": 2.5}),
        (event(header=listing("Title", nulledFields=["Title"]), Title="VP"), {"Title": None}),
        (event(Title=None, Email="x"), {"Title": None, "Email": "x"}),
        (event(Title=None, Email="x", _EventType="Updated"), {"Email": "x"}),
        (event("DELETE", Title="VP"), {}),
        (event("CREATE", CloseDate=T0, CreatedDate=T0), {
            "CloseDate": "2025-10-09", "CreatedDate": "2025-10-09T08:53:20.000Z"}),
        (event("CREATE", X="2025-10-09T10:53:20.1239+02:00"), {"X": "2025-10-09T08:53:20.123Z"}),
        (event("CREATE", X="1600-01-01T00:00:00Z", Y="2025-10-09"), {"X": "1600-01-01T00:00:00Z", "Y": "2025-10-09"}),
        (event("CREATE", Description={"diff": "x"}, Y=[1.0]), {"Y": [1.0]}),
    ],
)  # fmt: skip
def test_an_event_sets_what_its_lists_name(document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert values(document) == expected


def test_an_address_that_was_cleared_is_all_its_parts() -> None:
    found = values(event(header=listing("MailingAddress"), MailingAddress=None))
    assert len(found) == 10
    assert found["MailingPostalCode"] is None


def test_bits_name_fields_of_the_schema_and_parts_of_compounds() -> None:
    document = event(header=listing("0x4", "1-0x2"), Title="VP", Name={"LastName": "Lee"})
    assert values({"payload": document, "schema": json.dumps(avro_schema())}) == {"Title": "VP", "LastName": "Lee"}
    cleared = event(header=listing(nulledFields=["0x2"]))
    assert values({"payload": cleared, "schema": avro_schema()}) == {"FirstName": None, "LastName": None}


def test_bits_name_fields_of_the_body_only_if_they_name_when_it_was_modified() -> None:
    assert values(event(header=listing("0x4"), Title="VP", LastModifiedDate=T0))["LastModifiedDate"]
    with pytest.raises(RefusedError, match="no-schema"):
        said(event(header=listing("0x2"), Title="VP", LastModifiedDate=T0))
    with pytest.raises(RefusedError, match="no-schema"):
        said(event(header=listing("0x4", "0x100"), Title="VP", LastModifiedDate=T0))


def test_a_diff_is_no_value() -> None:
    (change,) = said(event(header=listing("Description", "Notes", diffFields=["Notes"]), Description={"diff": "d"},
                           Notes="n"))  # fmt: skip
    assert (change.values, change.diffs) == ({}, {"Description": "d", "Notes": "n"})


def test_ids_get_their_suffix_and_each_record_counts_once() -> None:
    ids = ["003aB0000000001", "003aB0000000001QAA", "000000000000000AAA", "001*"]
    assert [(one.record, one.type) for one in said(event(header={"recordIds": ids}))] == [
        ("003aB0000000001QAA", "update"),
        ("", "gap"),
    ]


def test_snapshots_have_no_transaction_and_no_compounds() -> None:
    fields = {"Id": RECORD, "Name": "A Lee", "LastName": "Lee", "MailingAddress": None, "MailingCity": None, "Acc": {}}
    (own,) = said({"kind": "record", "object": "Contact", "id": RECORD, "at": T0 - 1, "fields": fields})
    assert (own.values, own.at, own.sequence) == ({"LastName": "Lee", "MailingCity": None}, T0 - 1, T0)
    (theirs,) = said({"_ObjectType": "Lead", "Id": RECORD[:15], "_EventType": "Deleted", "Title": "VP"})
    assert (theirs.record, theirs.at, theirs.deleted, theirs.transaction) == (RECORD, T0, True, "")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "wrong-type"),
        ({"a": 1}, "no-header"),
        (event(header={"entityName": ""}), "no-object"),
        (event(header={"recordIds": []}), "no-record-id"),
        (event(header={"recordIds": [RECORD] * 2001}), "too-many-records"),
        (event(header={"recordIds": ["003"]}), "bad-record-id"),
        (event("RENAME"), "unknown-change"),
        (event(header={"commitTimestamp": 1.5}), "bad-timestamp"),
        (event(header={"commitTimestamp": 5}), "bad-timestamp"),
        (event(header={"commitTimestamp": T0 + 300_001}), "future"),
        (event(header={"sequenceNumber": -1}), "wrong-type"),
        (event(header={"transactionKey": "x" * 257}), "wrong-type"),
    ],
)
def test_what_is_no_change_is_rejected(document: Any, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        said(document)


def test_a_diff_needs_the_text_before() -> None:
    diff = f"--- \n+++ {sha256(b'a' + bytes([10]) + b'c').hexdigest()}\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    assert patched("a\nb", diff) == "a\nc"
    assert patched("a\nc", diff) == "a\nc"
    assert patched("x\nb", diff) is None


def change(kind: str, at: int, transaction: str = "t", **more: Any) -> Change:
    return Change("Contact", RECORD, kind, at, transaction, **more)


def test_a_gap_hides_what_comes_until_a_snapshot_closes_it() -> None:
    row = Row()
    row.fold(change("create", T0, values={"Title": "a"}))
    assert row.fold(change("gap", T0 + 500, "g")).refetch == ("gap", T0 + 500)
    assert row.fold(change("update", T0 + 900, "u", values={"Title": "c"})).differences == {}
    assert row.fold(change("snapshot", T0 - 1000, "", values={"Title": "x"})).differences == {}
    assert row.fold(change("snapshot", T0, "", values={"Title": "b"})).differences == {"Title": ("a", "c")}
    assert row.fold(change("gap", T0 + 400, "late")).refetch is None


def test_the_line_names_ten_fields_and_counts_the_others() -> None:
    pairs = {f"F{number:02}": (None, number) for number in range(12)} | {"LastModifiedDate": ("a", "b")}
    text = line(change("update", T0), pairs)
    assert text.startswith("Salesforce Contact Updated: F00 (empty) -> 0; ")
    assert text.endswith("; F09 (empty) -> 9; 2 more")
    assert line(change("snapshot", T0), pairs | {"LastModifiedDate": (None, "b")}) == ""
    assert line(change("delete", T0), {"IsDeleted": (False, True)}) == "Salesforce Contact Deleted"


def test_a_snapshot_releases_a_transaction_and_does_not_end_it() -> None:
    first, second, other = change("update", T0 + 5), change("update", T0), change("update", T0, "u")
    messages = [(0, [first]), (1, [change("snapshot", T0, "")]), (2, [second]), (3, [other])]
    found = {run.transaction: run for run in runs(messages, 0)}
    assert [(one.offset, one.released_by) for one in found["t"].held] == [(0, 1), (2, 3)]
    assert found["t"].instants() == [T0 + 5]
    assert isinstance(found["u"], Run)
    assert found["u"].held[0].released_by is None


def test_within_one_instant_a_snapshot_is_older_than_a_change() -> None:
    row = Row()
    row.fold(change("update", T0, "", values={"Title": "said"}))
    assert row.fold(change("snapshot", T0, "", sequence=T0, values={"Title": "read"})).differences == {}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"MasterRecordId": "003000000000002AAA", "Email": "a@x.org"}, "sf:003000000000002AAA"),
        ({"MasterRecordId": RECORD, "Email": "A@x.org"}, "email:a@x.org"),
        ({"IsConverted": True, "ConvertedContactId": "003000000000002AAA"}, None),
        ({"Email": "support+x@x.org"}, None),
    ],
)
def test_a_contact_belongs_to_its_winner_or_its_address(known: dict[str, Any], expected: str | None) -> None:
    assert owner(change("update", T0), known) == expected
