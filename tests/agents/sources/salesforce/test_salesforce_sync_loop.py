"""The loop around the rounds: trouble is told and waited out, and a stop ends every wait."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agents.local.org import Fault, OrgServer
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import SignInError, StoppedError
from agents.sources.salesforce.sync import Sync


class NoRequests:
    """In place of the consumer of `salesforce-refetch`: nobody asks."""

    async def getmany(self, **_: Any) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        return {}


@pytest.fixture
def sync(desk: Desk) -> Sync:
    return Sync(desk, NoRequests())


async def test_while_the_org_is_away_it_waits_and_says_so(
    salesforce: OrgServer, desk: Desk, sync: Sync, said: list[str], eventually_async: Callable[..., Any]
) -> None:
    salesforce.fail(Fault.unavailable, times=9999)
    running = asyncio.create_task(sync.run())

    async def told() -> bool:
        return any("HTTP 503" in line and "going on in" in line for line in said)

    await eventually_async(told)
    assert sync.failures == 1
    desk.stopped.set()
    with pytest.raises(StoppedError):
        await running


async def test_a_stop_ends_a_wait(desk: Desk, sync: Sync, salesforce: OrgServer, said: list[str]) -> None:
    desk.stopped.set()
    with pytest.raises(StoppedError):
        await sync.run()
    assert salesforce.interface.calls == said == []


async def test_a_first_sign_in_that_is_refused_ends_it(salesforce: OrgServer, sync: Sync) -> None:
    salesforce.interface.door.consumer_key = "another"
    with pytest.raises(SignInError):
        await sync.run()


async def test_a_round_reads_every_object_and_the_next_one_finds_nothing_new(
    salesforce: OrgServer, sync: Sync, shelf
) -> None:
    contact = salesforce.org.create("Contact", LastName="Ng")
    assert await sync.round() == []
    assert contact in {record.id for record in shelf.records}
    before = len(shelf.records)
    assert await sync.round() == []
    assert len(shelf.records) == before


async def test_what_one_object_refuses_does_not_stop_the_others(
    salesforce: OrgServer, desk: Desk, sync: Sync, shelf, org_settings, said: list[str]
) -> None:
    desk.settings = org_settings(salesforce_objects="Nothing,Contact")
    contact = salesforce.org.create("Contact", LastName="Ng")
    (problem,) = await sync.round()
    assert "NOT_FOUND" in problem
    assert problem in said
    assert {record.id for record in shelf.records} == {contact}


async def test_reconciliation_is_due_after_its_time(
    salesforce: OrgServer, desk: Desk, sync: Sync, org_settings, monkeypatch
) -> None:
    compared: list[list[str]] = []

    async def noted(desk: Desk, objects: list[str]) -> list[Any]:
        compared.append(list(objects))
        return []

    monkeypatch.setattr("agents.sources.salesforce.sync.reconcile", noted)
    desk.settings = org_settings(salesforce_objects="Contact", salesforce_reconcile_seconds=3600)
    salesforce.org.set_clock(1_760_000_000_000)
    await sync.round()
    assert compared == []
    salesforce.org.set_clock(1_760_000_000_000 + 3_660_000)
    await sync.round()
    assert compared == [["Contact"]]
