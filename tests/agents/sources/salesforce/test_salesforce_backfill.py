"""Backfill: each record once, wherever it is broken off."""

from collections.abc import AsyncIterator
from itertools import islice

import pytest

from agents.local.org import Fault, OrgServer
from agents.sources.salesforce import backfill as backfill_module
from agents.sources.salesforce.backfill import backfill
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import MalformedError, RefusedError

T0 = 1_760_000_000_000


@pytest.fixture
def contacts(salesforce: OrgServer) -> list[str]:
    """25 contacts, 20 of which have one time stamp."""
    salesforce.interface.page_size = 4
    org, ids = salesforce.org, []
    for number in range(25):
        org.set_clock(T0 + max(0, number - 19) * 1000)
        ids.append(org.create("Contact", LastName=f"n{number}"))
    org.set_clock(T0 + 3_600_000)
    return ids


@pytest.fixture
def bulk(desk: Desk, org_settings, monkeypatch) -> Desk:
    """A desk that reads in bulk, five records a page."""
    monkeypatch.setattr(backfill_module, "JOB_LOOK_SECONDS", 0.0)
    monkeypatch.setattr("agents.sources.salesforce.client.BULK_PAGE", 5)
    desk.settings = org_settings(salesforce_bulk_above=10)
    return desk


async def pages(desk: Desk, most: int | None = None) -> None:
    """So many pages of a backfill; then it is broken off."""
    source: AsyncIterator[int] = backfill(desk, "Contact")
    numbers = islice(range(1_000_000), most)
    for _ in numbers:
        if await anext(source, None) is None:
            return
    await source.aclose()


def restarted(desk: Desk, shelf) -> None:
    """Forget everything, and load what was committed."""
    stored = {key: value for batch in shelf.batches for key, value in batch.cursors.items()}
    desk.load(stored)


async def test_every_record_comes_in_order_and_then_it_is_complete(desk: Desk, shelf, contacts: list[str]) -> None:
    await pages(desk)
    assert [record.id for record in shelf.records] == contacts
    assert desk.cursor("Contact").complete


@pytest.mark.parametrize("most", [1, 3, 6])
async def test_broken_off_at_a_page_it_goes_on_behind_it(desk: Desk, shelf, contacts: list[str], most: int) -> None:
    await pages(desk, most)
    assert len(shelf.records) == 4 * most
    restarted(desk, shelf)
    await pages(desk)
    assert [record.id for record in shelf.records] == contacts


async def test_a_query_cursor_that_expires_is_replaced(
    salesforce: OrgServer, desk: Desk, shelf, contacts: list[str]
) -> None:
    salesforce.fail(Fault.expired_locator, times=2, path="/queryAll/0r8")
    await pages(desk)
    assert [record.id for record in shelf.records] == contacts


async def test_of_a_malformed_page_nothing_is_published_and_the_next_round_has_it(
    salesforce: OrgServer, desk: Desk, shelf, contacts: list[str]
) -> None:
    salesforce.fail(Fault.malformed, path="/queryAll/0r8")
    with pytest.raises(MalformedError):
        await pages(desk)
    assert len(shelf.records) == 4
    await pages(desk)
    assert [record.id for record in shelf.records] == contacts


async def test_above_the_threshold_a_bulk_job_brings_them(
    salesforce: OrgServer, bulk: Desk, shelf, contacts: list[str]
) -> None:
    await pages(bulk)
    assert sorted(record.id for record in shelf.records) == contacts
    assert sum("/results" in call for call in salesforce.interface.calls) == 5
    assert bulk.cursor("Contact").job == ""


async def test_a_bulk_job_goes_on_at_its_locator(salesforce: OrgServer, bulk: Desk, shelf, contacts: list[str]) -> None:
    await pages(bulk, 2)
    restarted(bulk, shelf)
    await pages(bulk)
    assert sorted(record.id for record in shelf.records) == contacts
    assert sum(call.startswith("POST") for call in salesforce.interface.calls) == 1


async def test_a_bulk_job_that_is_forgotten_is_opened_anew(
    salesforce: OrgServer, bulk: Desk, shelf, contacts: list[str]
) -> None:
    await pages(bulk, 2)
    bulk.cursors["Contact"] = backfill_module.msgspec.structs.replace(bulk.cursor("Contact"), job="750nowhere")
    with pytest.raises(RefusedError):
        await pages(bulk)
    await pages(bulk)
    assert {record.id for record in shelf.records} == set(contacts)
    assert bulk.cursor("Contact").complete


async def test_deleted_records_come_too(salesforce: OrgServer, desk: Desk, shelf, contacts: list[str]) -> None:
    salesforce.org.delete(contacts[3])
    await pages(desk)
    assert [record.id for record in shelf.records if record.deleted] == [contacts[3]]
