import json
from typing import Any

import pytest

from streams.events import Rejected
from streams.salesforce.change import Change, decode_change, encode_change
from streams.salesforce.shapes import MAX_BYTES, parse_change

AT = 1714172795000
ISO = "2024-04-26T23:06:35.000Z"
CONTACT, ACCOUNT, OTHER = "003ZM000001QkdOYAS", "001ZM000001QkdOYAS", "003ZM000001QkdPYAS"
OPENED = {
    "entityName": "Contact",
    "recordIds": [CONTACT],
    "changeType": "UPDATE",
    "changeOrigin": "com/salesforce/api/soap/61.0;client=x",
    "transactionKey": "00097360-44a0-7c2e-a172-97381ae22f82",
    "sequenceNumber": 1,
    "commitTimestamp": AT,
    "commitNumber": 72657170033,
    "commitUser": "005ZM000000M6o1YAC",
}
NO_LISTS = {"nulledFields": [], "diffFields": [], "changedFields": []}
ENRICHED = {
    "ChangeEventHeader": OPENED
    | NO_LISTS
    | {"entityName": "Account", "recordIds": [ACCOUNT], "changedFields": ["0x400080"]},
    "Name": None,
    "Type": None,
    "ParentId": None,
    "BillingAddress": {"Street": "415 Mission Street", "City": "San Francisco", "State": None},
    "ShippingAddress": None,
    "Phone": None,
    "Fax": "4155551212",
    "AccountNumber": None,
    "Website": None,
    "Sic": None,
    "Industry": "Biotechnology",
    "AnnualRevenue": None,
    "NumberOfEmployees": None,
    "Ownership": None,
    "TickerSymbol": None,
    "Description": None,
    "Rating": None,
    "Site": None,
    "OwnerId": None,
    "CreatedDate": None,
    "CreatedById": None,
    "LastModifiedDate": AT,
    "LastModifiedById": None,
    "External_Account_ID__c": "1ABC",
}
"""An update of Fax alone, as the Pub/Sub API gives it; what else has a value is enrichment."""


def parse(message: Any, kafka_timestamp: int = AT + 1000) -> tuple[Change, ...] | Rejected:
    return parse_change(json.dumps(message).encode(), kafka_timestamp=kafka_timestamp)


def change_of(message: Any) -> Change:
    found = parse(message)
    assert not isinstance(found, Rejected), found
    assert len(found) == 1
    assert decode_change(encode_change(found[0])) == found[0]
    return found[0]


def event(*, body: dict[str, Any] | None = None, **header: Any) -> dict[str, Any]:
    """A change event of a contact without envelope; None takes a field of the header away."""
    given = {name: value for name, value in (OPENED | header).items() if value is not None}
    return {"ChangeEventHeader": given, **(body or {})}


def values_of(*, body: dict[str, Any], **header: Any) -> dict[str, Any]:
    return change_of(event(body=body, **header)).values


def refused(message: Any) -> str:
    found = parse(message)
    assert isinstance(found, Rejected), found
    assert found.detail
    return found.reason


def test_cometd_gives_what_changed_and_null_for_what_was_cleared() -> None:
    body = {"Title": "VP Sales", "Name": {"LastName": "Ng"}, "Fax": None, "LastModifiedDate": "2024-04-26T23:06:35Z"}
    found = change_of(
        {"schema": "I8b-dYx", "payload": event(body=body), "event": {"replayId": 42}, "channel": "/data/x"}
    )
    assert found == Change(
        object="Contact",
        record=CONTACT,
        type="update",
        at=AT,
        transaction=OPENED["transactionKey"],
        sequence=1,
        values={"Title": "VP Sales", "LastName": "Ng", "Fax": None, "LastModifiedDate": ISO},
        by="005ZM000000M6o1YAC",
    )


def test_cometd_is_known_in_the_whole_message_too() -> None:
    inner = {"schema": "I8b-dYx", "payload": event(body={"Title": "VP"}), "event": {"replayId": 42}}
    assert change_of({"data": inner, "channel": "/data/ContactChangeEvent"}).values == {"Title": "VP"}


def test_with_changed_fields_cometd_is_bound_by_them() -> None:
    body = {"Title": "VP", "Industry": "enriched"}
    assert values_of(body=body, changedFields=["Title"]) == {"Title": "VP"}


def test_of_an_enriched_update_only_what_changed_is_applied() -> None:
    assert change_of(ENRICHED).values == {"Fax": "4155551212", "LastModifiedDate": ISO}


def test_a_cleared_field_is_known_by_nulled_fields_alone() -> None:
    body = {"Title": None, "Fax": "still there", "Phone": None, "LastModifiedDate": AT}
    found = values_of(body=body, changedFields=["LastModifiedDate"], nulledFields=["Fax"], diffFields=[])
    assert found == {"Fax": None, "LastModifiedDate": ISO}


def test_with_an_empty_list_nothing_changed() -> None:
    assert values_of(body={"Title": "VP"}, **NO_LISTS) == {}


def test_the_writer_schema_goes_before_the_order_of_the_body() -> None:
    names = ["ChangeEventHeader", "Title", "LastModifiedDate", "Fax"]
    schema = {"type": "record", "name": "C", "fields": [{"name": name, "type": "string"} for name in names]}
    body = event(body={"Fax": "1", "Title": "VP"}, **(NO_LISTS | {"changedFields": ["0x06"], "nulledFields": ["0x08"]}))
    expected = {"Title": "VP", "LastModifiedDate": None, "Fax": None}
    assert change_of({"replayId": 1, "schema": schema, "event": body}).values == expected
    assert change_of({"replayId": 1, "schema": json.dumps(schema), "event": body}).values == expected
    assert change_of({**body, "schema": schema}).values == expected


def test_a_compound_that_is_cleared_as_a_whole_loses_each_part_that_the_schema_names() -> None:
    address = {
        "type": "record",
        "name": "A",
        "fields": [{"name": "Street", "type": "string"}, {"name": "Xyz", "type": "string"}],
    }
    fields = [
        {"name": "ChangeEventHeader", "type": "string"},
        {"name": "BillingAddress", "type": ["null", address]},
        {"name": "LastModifiedDate", "type": "long"},
    ]
    schema = {"type": "record", "name": "C", "fields": fields}
    body = {"BillingAddress": None, "LastModifiedDate": AT}
    message = {"schema": schema, "payload": event(body=body, **(NO_LISTS | {"changedFields": ["0x06"]}))}
    assert change_of(message).values == {"BillingStreet": None, "BillingXyz": None, "LastModifiedDate": ISO}


@pytest.mark.parametrize(
    "message",
    [
        {**ENRICHED, "ChangeEventHeader": ENRICHED["ChangeEventHeader"] | {"changedFields": ["0x80"]}},
        {**ENRICHED, "ChangeEventHeader": ENRICHED["ChangeEventHeader"] | {"changedFields": ["0x4000000000"]}},
        {**ENRICHED, "ChangeEventHeader": ENRICHED["ChangeEventHeader"] | {"nulledFields": ["5-0x01"]}},
        {"Fax": "1", **{name: value for name, value in ENRICHED.items() if name != "Fax"}},
    ],
)
def test_bitmaps_that_the_body_cannot_explain_are_refused(message: dict[str, Any]) -> None:
    assert refused(message) == "no-schema"


def test_part_of_an_address_changes_only_that_part() -> None:
    address = {"Street": None, "City": None, "State": "CA", "Xyz": None}
    changed = ["LastModifiedDate", "BillingAddress.State", "BillingAddress.City"]
    found = values_of(body={"BillingAddress": address, "LastModifiedDate": AT}, changedFields=changed)
    assert found == {"BillingState": "CA", "BillingCity": None, "LastModifiedDate": ISO}


def test_a_compound_named_as_a_whole_sets_the_parts_that_have_a_value() -> None:
    found = values_of(body={"Name": {"FirstName": None, "LastName": "Ng"}}, changedFields=["Name"])
    assert found == {"LastName": "Ng"}


def test_an_address_that_is_cleared_as_a_whole_loses_every_part() -> None:
    found = values_of(body={"MailingAddress": None}, changedFields=["MailingAddress"])
    assert set(found.values()) == {None}
    assert {"MailingStreet", "MailingCity", "MailingStateCode"} < found.keys()
    assert found == values_of(body={}, changedFields=[], nulledFields=["MailingAddress"])
    assert values_of(body={"Place__c": {"Latitude": None}}, nulledFields=["Place__c.Latitude"], changedFields=[]) == {
        "Place__Latitude__s": None
    }


@pytest.mark.parametrize("wrap", [False, True])
def test_in_kafka_connect_a_null_is_a_field_that_did_not_change(wrap: bool) -> None:
    connect = {"Id": CONTACT, "ReplayId": "7", "_ObjectType": "Contact", "_EventType": "UPDATE"}
    record = event(body=connect | {"Title": "VP", "Fax": None, "Name": {"FirstName": None, "LastName": "Ng"}})
    message = {"schema": {"type": "struct", "fields": []}, "payload": record} if wrap else record
    assert change_of(message).values == {"Title": "VP", "LastName": "Ng"}


def test_a_snapshot_of_kafka_connect_says_what_the_record_is() -> None:
    record = {
        "Id": CONTACT[:15],
        "_ObjectType": "Contact",
        "Title": "VP",
        "Fax": None,
        "IsDeleted": True,
        "SystemModstamp": "2024-04-26T23:06:35.000+0000",
    }
    found = change_of({"payload": record})
    assert (found.type, found.at, found.record, found.deleted) == ("snapshot", AT, CONTACT, True)
    assert found.values == {"Title": "VP", "Fax": None, "SystemModstamp": ISO}


def test_our_own_record_says_what_the_record_is() -> None:
    fields = {"Id": CONTACT, "FirstName": "Ann", "LastName": "Ng", "Name": "Ann Ng", "Fax": None}
    message = {
        "kind": "record",
        "object": "Contact",
        "id": CONTACT,
        "deleted": False,
        "at": AT,
        "why": "poll",
        "fields": fields,
    }
    assert change_of(message) == Change(
        "Contact",
        CONTACT,
        "snapshot",
        AT,
        sequence=AT + 1000,
        values={"FirstName": "Ann", "LastName": "Ng", "Fax": None},
    )


def test_our_own_record_of_a_deleted_one_keeps_its_fields() -> None:
    message = {"kind": "record", "object": "Contact", "id": CONTACT, "deleted": True, "at": AT}
    found = change_of(message | {"fields": {"MasterRecordId": OTHER}})
    assert (found.deleted, found.values) == (True, {"MasterRecordId": OTHER})


def test_our_own_record_without_an_instant_has_that_of_its_last_change() -> None:
    message = {"kind": "record", "object": "Contact", "id": CONTACT, "fields": {"LastModifiedDate": ISO}}
    assert change_of(message).at == AT
    assert change_of(message | {"fields": {"LastModifiedDate": ISO, "SystemModstamp": AT + 1000}}).at == AT + 1000
    assert refused(message | {"fields": {}}) == "bad-timestamp"


def test_a_created_record_has_every_field_with_a_value() -> None:
    body = {"Name": {"FirstName": "Ann", "Salutation": None}, "CloseDate": AT, "Custom__c": 3.0, "Fax": None}
    expected = {"FirstName": "Ann", "CloseDate": "2024-04-26", "Custom__c": 3}
    assert values_of(body=body, changeType="CREATE", changedFields=["0x99"]) == expected
    assert values_of(body=body, changeType="UNDELETE") == expected


def test_a_deleted_record_sets_nothing() -> None:
    found = change_of(event(changeType="DELETE", body={"Industry": "enriched"}))
    assert (found.type, found.values) == ("delete", {})


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"])
def test_a_gap_names_a_record_and_sets_nothing(kind: str) -> None:
    found = change_of(event(changeType=kind, body={"Title": "VP"}))
    assert (found.type, found.record, found.values) == ("gap", CONTACT, {})


def test_an_overflow_means_the_whole_object() -> None:
    found = change_of(event(changeType="GAP_OVERFLOW", recordIds=["000000000000000AAA"]))
    assert (found.type, found.object, found.record) == ("overflow", "Contact", "")


def test_a_wildcard_means_the_whole_object() -> None:
    found = change_of(event(changeType="UPDATE", recordIds=["003*"], body={"Title": "VP"}))
    assert (found.type, found.record, found.values) == ("gap", "", {})


def test_each_record_of_a_merged_event_has_its_change() -> None:
    found = parse(event(recordIds=[CONTACT, OTHER[:15], CONTACT], body={"Title": "VP"}))
    assert not isinstance(found, Rejected)
    assert [(one.record, one.values) for one in found] == [(CONTACT, {"Title": "VP"}), (OTHER, {"Title": "VP"})]


def test_a_long_text_comes_as_a_diff() -> None:
    diff = "--- \n+++ 00\n@@ -1,1 +1,1 @@\n-a\n+b"
    lists = {"changedFields": ["Description", "Title"], "diffFields": ["Description"], "nulledFields": []}
    found = change_of(event(body={"Description": diff, "Title": "VP"}, **lists))
    assert (found.values, found.diffs) == ({"Title": "VP"}, {"Description": diff})
    cometd = change_of(event(body={"Description": {"diff": diff}, "Title": "VP"}))
    assert (cometd.values, cometd.diffs) == (found.values, found.diffs)
    listed = change_of(event(body={"Description": {"diff": diff}, "Title": "VP"}, changedFields=["Description"]))
    assert (listed.values, listed.diffs) == ({}, found.diffs)
    enriched = change_of(event(body={"Description": {"diff": diff}, "Title": "VP"}, changedFields=["Title"]))
    assert (enriched.values, enriched.diffs) == ({"Title": "VP"}, {})
    lost = change_of(event(body={"Description": None}, **lists))
    assert (lost.values, lost.diffs) == ({"Title": None}, {"Description": ""})


def test_unknown_objects_and_custom_fields_are_carried() -> None:
    found = change_of(event(entityName="Thing__c", body={"What__c": [1, "x"], "my_flag__c": True}))
    assert (found.object, found.values) == ("Thing__c", {"What__c": [1, "x"], "my_flag__c": True})


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ([], "wrong-type"),
        ({}, "no-header"),
        ({"payload": {"Title": "VP"}}, "no-header"),
        ({"payload": {"ChangeEventHeader": None, "Id": CONTACT}}, "no-header"),
        (event(entityName=None), "no-object"),
        (event(entityName=""), "no-object"),
        (event(entityName=3), "wrong-type"),
        (event(recordIds=None), "no-record-id"),
        (event(recordIds=[]), "no-record-id"),
        (event(recordIds=["nobody"]), "bad-record-id"),
        (event(recordIds=[CONTACT] * 2001), "too-many-records"),
        (event(changeType="UPSERT"), "unknown-change"),
        (event(changeType=None), "unknown-change"),
        (event(commitTimestamp=None), "bad-timestamp"),
        (event(commitTimestamp="2024-04-26"), "bad-timestamp"),
        (event(commitTimestamp=AT // 1000), "bad-timestamp"),
        (event(commitTimestamp=AT + 400_000), "future"),
        (event(sequenceNumber=-1), "wrong-type"),
        (event(changedFields="Title"), "wrong-type"),
        (event(changedFields=["0x06"]), "no-schema"),
        ({"kind": "record", "object": "Contact", "id": "x", "at": AT, "fields": {}}, "bad-record-id"),
        ({"kind": "record", "object": "", "id": CONTACT, "at": AT, "fields": {}}, "no-object"),
        ({"kind": "record", "object": "Contact", "id": CONTACT, "at": "now", "fields": {}}, "bad-timestamp"),
        ({"kind": "record", "object": "Contact", "id": CONTACT, "at": AT, "fields": []}, "wrong-type"),
        ({"kind": "record", "object": "Contact", "at": AT, "fields": {}}, "wrong-type"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(message: Any, reason: str) -> None:
    assert refused(message) == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "empty"),
        (b"{", "not-json"),
        (b"\xff", "not-utf8"),
        (b"[" * 100 + b"]" * 100, "too-deep"),
        (b" " * (MAX_BYTES + 1), "too-large"),
        (b'{"Amount":1e999}', "not-json"),
    ],
)
def test_bytes_that_are_no_message_are_refused(raw: bytes | None, reason: str) -> None:
    found = parse_change(raw, kafka_timestamp=AT)
    assert isinstance(found, Rejected)
    assert found.reason == reason
