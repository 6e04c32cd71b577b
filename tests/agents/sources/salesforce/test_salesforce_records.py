"""Records: what a row becomes, and which pages and lines are refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sources.salesforce.errors import MalformedError
from agents.sources.salesforce.reading import after, among
from agents.sources.salesforce.records import Described, csv_rows, from_row, gone, instant, rows_of
from streams.instants import iso

T0 = 1_760_000_000_000
ROW = {"Id": "003000000000001AAA", "SystemModstamp": "2025-10-09T08:53:20.000+0000", "LastName": "Ng"}
CONTACT = Described(
    "Contact", {"Id": "id", "Age": "int", "Pay": "currency", "Out": "boolean", "SystemModstamp": "datetime"}, True
)
HEAD = ",".join(CONTACT.kinds)


def test_a_record_has_the_fields_of_rest_and_the_instant_of_its_state() -> None:
    value = json.loads(from_row("Contact", ROW, "poll").value)
    assert value == {
        "kind": "record",
        "object": "Contact",
        "id": "003000000000001AAA",
        "deleted": False,
        "at": T0,
        "why": "poll",
        "fields": ROW,
    }


def test_without_a_system_time_stamp_the_last_modification_counts() -> None:
    row = {"Id": "x", "LastModifiedDate": "2025-10-09T08:53:20.000Z"}
    assert from_row("Thing", row, "poll").at == T0


def test_a_record_without_any_instant_is_refused() -> None:
    with pytest.raises(MalformedError, match=r"Contact\.SystemModstamp: expected an instant"):
        from_row("Contact", {"Id": "x"}, "poll")


def test_what_is_gone_is_deleted_and_has_no_fields() -> None:
    value = json.loads(gone("Lead", "00Q", T0, "refetch").value)
    assert (value["deleted"], value["at"], value["fields"]) == (True, T0, {})


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ([], "expected a page with records"),
        ({"records": {}}, "expected a page with records"),
        ({"records": []}, "expected `done`"),
        ({"records": [], "done": False}, "where the next page is"),
        ({"records": [{"Id": "x"}, {"Name": "Ng"}], "done": True}, r"records\[1\]: expected an object with an Id"),
        ({"records": [None], "done": True}, r"records\[0\]"),
    ],
)
def test_a_page_that_is_none_is_refused_with_the_place_and_without_the_value(page, said) -> None:
    with pytest.raises(MalformedError, match=said) as raised:
        rows_of(page, "query")
    assert "Ng" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ("", 0, "first line"),
        ("Id,Age\n", 0, "first line should name the fields, Id and SystemModstamp"),
        ("<html>\n", 0, "first line"),
        (f"{HEAD}\nx,1,2,true,\n", 2, "1 lines, 2 announced"),
        (f"{HEAD}\nx,1,2\n", 1, "line 2 has 3 cells, expected 5"),
        (f"{HEAD}\nx,young,2,true,\n", 1, "expected a number"),
    ],
)
def test_a_bulk_result_that_is_cut_or_wrong_is_refused(text: str, number: int, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        list(csv_rows(text, number, CONTACT))


def test_cells_have_the_types_of_rest() -> None:
    text = f"{HEAD}\nx,7,1.5,true,2025-10-09T08:53:20.000Z\ny,,,,\n"
    full, empty = csv_rows(text, 2, CONTACT)
    assert full == {"Id": "x", "Age": 7, "Pay": 1.5, "Out": True, "SystemModstamp": "2025-10-09T08:53:20.000+0000"}
    assert empty == {"Id": "y", "Age": None, "Pay": None, "Out": False, "SystemModstamp": None}


def test_a_field_that_is_not_described_any_more_is_text() -> None:
    (row,) = csv_rows("Id,SystemModstamp,Gone__c\nx,,7\n", 1, CONTACT)
    assert row["Gone__c"] == "7"


@given(st.integers(0, 4_000_000_000).map(lambda second: second * 1000))
def test_an_instant_survives_soql(at: int) -> None:
    assert instant(iso(at), "x") == at


def test_conditions_go_on_behind_a_record_or_from_an_instant() -> None:
    assert after(0, "") == ""
    assert after(T0, "") == "WHERE SystemModstamp >= 2025-10-09T08:53:20.000Z"
    assert after(T0, "003").endswith("OR (SystemModstamp = 2025-10-09T08:53:20.000Z AND Id > '003'))")
    assert among(["a", "b"]) == "WHERE Id IN ('a','b')"
