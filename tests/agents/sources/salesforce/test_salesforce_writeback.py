"""Write-back: which values go where, and that nothing is written twice."""

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents.local.org import OrgServer
from agents.sources.salesforce import writeback
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.writeback import (
    WriteBack,
    WritebackFileError,
    as_csv,
    differing,
    load,
    records_of,
    values_of,
)
from streams.topics import PROFILE_VIEWS

MAPPING = """
[Contact]
"first_touch.channel" = "First_Channel__c"
"first_touch.at" = "First_At__c"
"segments.power-users.member" = "Power_User__c"
"last_ask.name" = "Last_Ask__c"
[Lead]
"first_touch.channel" = "First_Channel__c"
"""
VIEW = {
    "person": "user:u1",
    "aliases": ["anon:a", "user:u1"],
    "first_touch": {"channel": "Paid Search", "at": "2026-01-01T10:00:00.500Z"},
    "last_touch": None,
    "segments": {"power-users": {"member": False}},
    "asks": {
        "review": {"verdict": "asked", "decided_at": "2026-01-02T00:00:00.000Z"},
        "invite": {"verdict": "asked", "decided_at": "2026-01-03T00:00:00.000Z"},
        "tweet": {"verdict": "not asked", "decided_at": "2026-01-04T00:00:00.000Z"},
    },
}


class Views:
    """In place of the consumer: notes the commit."""

    commits = 0

    async def commit(self, offsets: Any) -> None:
        self.commits += 1


@pytest.fixture
def mapped(tmp_path):
    file = tmp_path / "writeback.toml"
    file.write_text(MAPPING)
    return load(file)


@pytest.fixture
def contact(salesforce: OrgServer) -> str:
    kinds = {"First_Channel__c": "string", "First_At__c": "datetime", "Last_Ask__c": "string"}
    for entity in ("Contact", "Lead"):
        salesforce.org.schema.add(entity, **kinds, Power_User__c="boolean")
    return salesforce.org.create("Contact", LastName="Ng")


def message(offset: int, document: Any) -> ConsumerRecord:
    value = json.dumps(document).encode()
    key = str(document and document["person"]).encode()
    return ConsumerRecord(PROFILE_VIEWS.name, 0, offset, 0, 0, key, value, None, 1, len(value), ())


async def written(desk: Desk, mapped, *documents: Any) -> int:
    """Write back what these views say."""
    views = Views()
    step = WriteBack(desk, mapped, views, [message(offset, each) for offset, each in enumerate(documents)])
    count = await step.write()
    assert views.commits == 1
    return count


def of(*records: str, **fields: Any) -> dict[str, Any]:
    return VIEW | {"aliases": [f"sf:{each}" for each in records]} | fields


def test_a_view_gives_the_values_of_the_mapped_fields(mapped) -> None:
    assert values_of(VIEW, mapped["Contact"]) == {
        "First_Channel__c": "Paid Search",
        "First_At__c": "2026-01-01T10:00:00.500Z",
        "Power_User__c": False,
        "Last_Ask__c": "invite",
    }


def test_what_is_not_known_is_left_as_it_is(mapped) -> None:
    assert values_of({"person": "user:u1"}, mapped["Contact"]) == {}


def test_records_are_found_among_the_aliases() -> None:
    aliases = ["email:a@b", "sf:00Q000000000001AAA", "sf:003000000000001AAA", "sf:006000000000001AAA", "sf:003' OR"]
    assert records_of({"aliases": aliases}) == [("Lead", "00Q000000000001AAA"), ("Contact", "003000000000001AAA")]


def test_equal_instants_in_other_words_are_equal() -> None:
    row = {"At": "2026-01-01T10:00:00.000+0000", "Name": "x"}
    wanted = {"At": "2026-01-01T10:00:00.500Z", "Name": "y"}
    assert differing(wanted, row, {"At": "datetime", "Name": "string"}) == {"Name": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "[Account]\n",
        "Contact = 1\n",
        '[Contact]\n"shoe.size" = "X__c"\n',
        '[Contact]\n"first_touch.at" = "X; y"\n',
        "[",
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_its_place(tmp_path, text: str) -> None:
    file = tmp_path / "writeback.toml"
    file.write_text(text)
    with pytest.raises(WritebackFileError, match=r"writeback\.toml"):
        load(file)


async def test_values_are_written_once(salesforce: OrgServer, desk: Desk, mapped, contact: str) -> None:
    assert await written(desk, mapped, of(contact)) == 1
    row = salesforce.org.get(contact)
    assert (row["First_Channel__c"], row["Last_Ask__c"], row["Power_User__c"]) == ("Paid Search", "invite", False)
    calls = len(salesforce.interface.calls)
    assert await written(desk, mapped, of(contact)) == 0
    assert not any(call.startswith("PATCH") for call in salesforce.interface.calls[calls:])


async def test_the_latest_view_of_a_person_counts(salesforce: OrgServer, desk: Desk, mapped, contact: str) -> None:
    member = {"power-users": {"member": True}}
    assert await written(desk, mapped, of(contact), of(contact, segments=member)) == 1
    assert salesforce.org.get(contact)["Power_User__c"] is True


async def test_deleted_records_and_converted_leads_are_left_alone(
    salesforce: OrgServer, desk: Desk, mapped, contact: str, said: list[str]
) -> None:
    lead = salesforce.org.create("Lead", LastName="Ng", Company="A")
    salesforce.org.convert(lead)
    salesforce.org.delete(contact)
    assert await written(desk, mapped, of(contact, lead)) == 0
    assert not any(call.startswith("PATCH") for call in salesforce.interface.calls)
    assert said == []


async def test_what_is_no_view_is_passed_over(salesforce: OrgServer, desk: Desk, mapped, contact: str) -> None:
    merged = {"person": "anon:a", "merged_into": "user:u1", "quarantined_links": 0}
    assert await written(desk, mapped, None, merged, of(contact)) == 1


async def test_many_are_written_in_bulk(
    salesforce: OrgServer, desk: Desk, mapped, contact: str, monkeypatch, said: list[str]
) -> None:
    monkeypatch.setattr(writeback, "BULK_ABOVE", 2)
    monkeypatch.setattr(writeback, "JOB_LOOK_SECONDS", 0.0)
    others = [salesforce.org.create("Contact", LastName="x") for _ in range(3)]
    views = [of(each, person=f"user:{each}") for each in (contact, *others)]
    assert await written(desk, mapped, *views) == 4
    assert {row["First_Channel__c"] for row in salesforce.org.rows("Contact")} == {"Paid Search"}
    assert any("/jobs/ingest" in call for call in salesforce.interface.calls)
    assert said == []


def test_a_bulk_text_leaves_empty_what_does_not_change() -> None:
    assert as_csv({"1": {"A": "x"}, "2": {"B": True}}) == "Id,A,B\n1,x,\n2,,True\n"
