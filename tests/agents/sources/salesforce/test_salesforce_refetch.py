"""Requests to fetch again: what is asked comes, what cannot be is passed over, and offsets go along."""

import json
from typing import Any

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.local.org import OrgServer
from agents.sources.salesforce.cursors import Cursor
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.refetch import serve
from streams.topics import SALESFORCE_REFETCH

NOWHERE = "003000000000000AAA"


def message(offset: int, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(SALESFORCE_REFETCH.name, 0, offset, 0, 0, b"k", value, None, 1, len(value), ())


def asked(offset: int, **request: Any) -> ConsumerRecord:
    return message(offset, json.dumps({"since": 0, "why": "gap"} | request).encode())


async def test_records_come_as_they_are_now_each_once(salesforce: OrgServer, desk: Desk, shelf) -> None:
    contact = salesforce.org.create("Contact", LastName="Ng")
    lead = salesforce.org.create("Lead", LastName="Ng", Company="A")
    requests = [asked(0, object="Contact", id=contact), asked(1, object="Lead", id=lead)]
    assert await serve(desk, [*requests, asked(2, object="Contact", id=contact)]) == 2
    assert {(each.id, each.why) for each in shelf.records} == {(contact, "refetch"), (lead, "refetch")}
    assert shelf.batches[-1].offsets == {TopicPartition(SALESFORCE_REFETCH.name, 0): 3}


async def test_a_deleted_record_comes_with_its_fields_and_one_that_is_nowhere_without(
    salesforce: OrgServer, desk: Desk, shelf
) -> None:
    contact = salesforce.org.create("Contact", LastName="Ng")
    salesforce.org.delete(contact)
    await serve(desk, [asked(0, object="Contact", id=contact), asked(1, object="Contact", id=NOWHERE)])
    found = {each.id: each for each in shelf.records}
    assert found[contact].deleted
    assert found[contact].fields["LastName"] == "Ng"
    assert found[NOWHERE].deleted
    assert found[NOWHERE].fields == {}


async def test_many_ids_take_few_calls(salesforce: OrgServer, desk: Desk, shelf) -> None:
    ids = [salesforce.org.create("Contact", LastName=str(each)) for each in range(450)]
    await desk.described("Contact")
    before = len(salesforce.interface.calls)
    await serve(desk, [asked(offset, object="Contact", id=each) for offset, each in enumerate(ids)])
    assert len(salesforce.interface.calls) - before == 3
    assert {each.id for each in shelf.records} == set(ids)


async def test_a_whole_object_is_a_cursor_set_back(desk: Desk, shelf) -> None:
    desk.cursors["Contact"] = Cursor(complete=True, at=7, id="x", windows_at=5)
    await serve(desk, [asked(0, object="Contact", id=None, why="overflow")])
    assert desk.cursor("Contact") == Cursor(why="resync", windows_at=5)
    assert list(shelf.batches[-1].cursors) == ["Contact"]


async def test_a_whole_object_that_is_being_read_goes_on(desk: Desk, shelf) -> None:
    desk.cursors["Contact"] = reading = Cursor(at=7, id="x", began_at=5)
    await serve(desk, [asked(0, object="Contact", id=None, why="overflow")])
    assert desk.cursor("Contact") == reading
    assert shelf.batches[-1].offsets


async def test_what_cannot_be_done_is_told_and_does_not_stop_the_rest(
    salesforce: OrgServer, desk: Desk, shelf, said: list[str]
) -> None:
    contact = salesforce.org.create("Contact", LastName="Ng")
    broken = [
        message(0, b"{"),
        asked(1, object="Contact", id="' OR Name != '"),
        asked(2, object="Nothing", id=NOWHERE),
        asked(3, object="Nothing", id=None),
        asked(4, id=NOWHERE),
    ]
    await serve(desk, [*broken, asked(5, object="Contact", id=contact)])
    assert [each.id for each in shelf.records] == [contact]
    assert len(said) == 5
    assert not any("Name" in line for line in said)
    assert shelf.batches[-1].offsets == {TopicPartition(SALESFORCE_REFETCH.name, 0): 6}
