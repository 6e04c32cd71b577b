"""Polling: each change once, whatever its time stamp; deletions and merges; and nothing lost when Kafka fails."""

import pytest

from agents.local.org import Fault, OrgServer
from agents.sources.salesforce.backfill import backfill
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.polling import MINUTE_MS, OVERLAP_MS, Recent, look_through_windows, poll
from agents.sources.salesforce.records import Record

T0 = 1_760_000_000_000


@pytest.fixture
async def contact(salesforce: OrgServer, desk: Desk) -> str:
    """One contact, and a backfill that has it."""
    salesforce.org.set_clock(T0)
    found = salesforce.org.create("Contact", LastName="Ng")
    salesforce.org.set_clock(T0 + 60 * MINUTE_MS)
    async for _ in backfill(desk, "Contact"):
        pass
    desk.publisher.batches.clear()
    return found


def record(at: int, **fields: str) -> Record:
    return Record("Contact", "x", at, "poll", fields)


async def polled(desk: Desk, shelf, recent: Recent) -> list[str]:
    before = len(shelf.records)
    await poll(desk, "Contact", recent)
    return [each.id for each in shelf.records[before:]]


async def test_a_change_is_published_once(salesforce: OrgServer, desk: Desk, shelf, contact: str) -> None:
    recent = Recent()
    await polled(desk, shelf, recent)
    salesforce.org.update(contact, Title="VP")
    assert await polled(desk, shelf, recent) == [contact]
    assert await polled(desk, shelf, recent) == []


async def test_two_changes_within_one_second_are_two(salesforce: OrgServer, desk: Desk, shelf, contact: str) -> None:
    recent = Recent()
    salesforce.org.update(contact, Title="VP")
    await polled(desk, shelf, recent)
    salesforce.org.update(contact, Title="CEO")
    assert await polled(desk, shelf, recent) == [contact]
    assert shelf.records[-1].fields["Title"] == "CEO"


async def test_a_change_that_is_committed_late_is_seen(salesforce: OrgServer, desk: Desk, shelf, contact: str) -> None:
    org, recent = salesforce.org, Recent()
    now = org.now()
    org.update(contact, Title="VP")
    await polled(desk, shelf, recent)
    org.set_clock(now - OVERLAP_MS + MINUTE_MS)
    late = org.create("Contact", LastName="Late")
    org.set_clock(now + MINUTE_MS)
    assert await polled(desk, shelf, recent) == [late]


async def test_a_quiet_object_is_not_read_again_and_again(salesforce: OrgServer, desk: Desk, contact: str) -> None:
    recent = Recent()
    await poll(desk, "Contact", recent)
    salesforce.org.set_clock(salesforce.org.now() + 60 * MINUTE_MS)
    await poll(desk, "Contact", recent)
    assert recent.start(desk.cursor("Contact").at) == desk.cursor("Contact").at


async def test_the_loser_of_a_merge_names_its_master(salesforce: OrgServer, desk: Desk, shelf, contact: str) -> None:
    loser = salesforce.org.create("Contact", LastName="Ng")
    salesforce.org.merge(contact, loser)
    await poll(desk, "Contact", Recent())
    merged = {each.id: each for each in shelf.records}
    assert merged[loser].deleted
    assert merged[loser].fields["MasterRecordId"] == contact
    assert not merged[contact].deleted


async def test_what_kafka_did_not_take_comes_again(salesforce: OrgServer, desk: Desk, shelf, contact: str) -> None:
    recent = Recent()
    salesforce.org.update(contact, Title="VP")
    shelf.failing = True
    with pytest.raises(TimeoutError):
        await poll(desk, "Contact", recent)
    shelf.failing = False
    assert await polled(desk, shelf, recent) == [contact]


async def test_windows_find_a_deletion_that_no_query_shows(
    salesforce: OrgServer, desk: Desk, shelf, contact: str, monkeypatch
) -> None:
    deleted_at = salesforce.org.now()
    salesforce.org.delete(contact)
    salesforce.org.set_clock(deleted_at + 2 * MINUTE_MS)
    await desk.ask(desk.client.limits)
    monkeypatch.setattr(desk.client, "rows", lambda soql: [])
    assert await look_through_windows(desk, "Contact", Recent()) == 1
    assert [(each.id, each.deleted, each.at) for each in shelf.records] == [(contact, True, deleted_at)]


async def test_windows_repeat_nothing_that_polling_has_seen(
    salesforce: OrgServer, desk: Desk, shelf, contact: str
) -> None:
    recent = Recent()
    salesforce.org.update(contact, Title="VP")
    salesforce.org.set_clock(salesforce.org.now() + 2 * MINUTE_MS)
    assert await polled(desk, shelf, recent) == [contact]
    assert await look_through_windows(desk, "Contact", recent) == 0
    assert desk.cursor("Contact").windows_at == salesforce.org.now() // MINUTE_MS * MINUTE_MS


async def test_a_window_that_the_org_refuses_is_given_up_and_told(
    salesforce: OrgServer, desk: Desk, contact: str, said: list[str]
) -> None:
    salesforce.org.set_clock(salesforce.org.now() + 2 * MINUTE_MS)
    await desk.ask(desk.client.limits)
    salesforce.fail(Fault.expired_locator, path="/updated/")
    assert await look_through_windows(desk, "Contact", Recent()) == 0
    assert "reconcile" in said[-1]
    assert desk.cursor("Contact").windows_at == salesforce.org.now() // MINUTE_MS * MINUTE_MS


async def test_a_silence_of_months_asks_for_the_last_29_days_only(
    salesforce: OrgServer, desk: Desk, contact: str
) -> None:
    salesforce.org.set_clock(salesforce.org.now() + 90 * 1440 * MINUTE_MS)
    await desk.ask(desk.client.limits)
    assert await look_through_windows(desk, "Contact", Recent()) == 0
    assert desk.cursor("Contact").windows_at > T0 + 89 * 1440 * MINUTE_MS


def test_the_memory_of_what_was_published_ends() -> None:
    recent = Recent()
    assert len(recent.new([record(T0, LastName="Ng"), record(T0, LastName="Ng")])) == 1
    recent.forget(T0 + 1)
    assert recent.seen == {}
