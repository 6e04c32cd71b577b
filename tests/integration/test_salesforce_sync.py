"""The Salesforce sync as people run it: `touchline salesforce` beside a real Kafka and an org over HTTPS."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from agents import admin
from agents.local.org import Fault, OrgServer
from agents.settings import Settings
from agents.sources.salesforce.claim import Claim
from agents.sources.salesforce.cursors import CLAIM_KEY
from agents.sources.salesforce.errors import FencedError
from agents.sources.salesforce.kafka import Publisher, latest
from agents.sources.salesforce.metrics import SyncMetrics
from streams.topics import PROFILE_VIEWS, SALESFORCE_CHANGES, SALESFORCE_CURSORS, SALESFORCE_RECORDS, SALESFORCE_REFETCH
from tests.conftest import LiveStack
from tests.integration.kafka import write

pytestmark = pytest.mark.integration

MINUTE = 60_000
T0 = 1_760_000_000_000


@pytest.fixture
def settings(stack, salesforce: OrgServer) -> Settings:
    values = {key.removeprefix("TOUCHLINE_").lower(): value for key, value in salesforce.environment.items()}
    found = stack.settings(**values, salesforce_poll_seconds=1, salesforce_metrics_port=0)
    asyncio.run(stack.fresh_topics(found))
    return found


def published(settings: Settings) -> dict[str, dict[str, Any]]:
    """{id: its latest message}."""
    return {key: json.loads(value) for key, value in asyncio.run(latest(settings, SALESFORCE_CHANGES.name)).items()}


def cursors(settings: Settings) -> dict[str, dict[str, Any]]:
    return {key: json.loads(value) for key, value in asyncio.run(latest(settings, SALESFORCE_CURSORS.name)).items()}


def fill(salesforce: OrgServer, number: int) -> set[str]:
    org = salesforce.org
    ids = set()
    for each in range(number):
        org.set_clock(T0 + each * 10 * MINUTE)
        ids.add(org.create("Contact", LastName=f"n{each}", Email=f"n{each}@x.example"))
        ids.add(org.create("Lead", LastName=f"l{each}", Company="Acme"))
    org.set_clock(T0 + number * 10 * MINUTE)
    return ids


def ask_again(settings: Settings, **request: Any) -> None:
    body = {"id": None, "since": 0, "why": "gap"} | request
    asyncio.run(write(settings, SALESFORCE_REFETCH.name, [(b"x", json.dumps(body).encode())]))


def synced(touchline, settings: Settings) -> None:
    done = touchline.run(settings, "salesforce", "sync", "--once")
    assert done.returncode == 0, done.stderr


def test_every_record_arrives_and_then_every_change(touchline, salesforce: OrgServer, settings: Settings) -> None:
    org = salesforce.org
    ids = fill(salesforce, 20)
    synced(touchline, settings)
    found = published(settings)
    assert ids <= found.keys()
    some, other, third = sorted(each for each in ids if each.startswith("003"))[:3]
    assert found[some]["why"] == "backfill"
    assert found[some]["fields"]["Email"].endswith("@x.example")
    org.set_clock(org.now() + 10 * MINUTE)
    org.update(some, Title="VP")
    org.merge(some, other)
    org.delete(third)
    org.set_clock(org.now() + 10 * MINUTE)
    synced(touchline, settings)
    found = published(settings)
    assert (found[some]["fields"]["Title"], found[some]["why"]) == ("VP", "poll")
    assert (found[other]["deleted"], found[other]["fields"]["MasterRecordId"]) == (True, some)
    assert found[third]["deleted"]


@pytest.mark.parametrize("bulk_above", [50_000, 10])
def test_killed_in_the_middle_of_a_backfill_it_goes_on_without_loss(
    touchline, salesforce: OrgServer, settings: Settings, eventually: Callable[..., None], bulk_above: int
) -> None:
    settings = settings.model_copy(update={"salesforce_bulk_above": bulk_above})
    ids = fill(salesforce, 150)
    salesforce.interface.page_size = 10
    for _ in range(3):
        salesforce.fail(Fault.slow, times=200, path="/results" if bulk_above == 10 else "/query", seconds=0.15)
        before = len(salesforce.interface.calls)
        running = touchline.start(settings, "salesforce", "sync")
        eventually(lambda before=before: len(salesforce.interface.calls) > before + 12, what="some pages")
        running.kill()
        salesforce.interface.faults.clear()
    synced(touchline, settings)
    found = published(settings)
    assert ids <= found.keys()
    assert all(cursors(settings)[entity]["complete"] for entity in ("Lead", "Contact"))


def test_what_a_gap_hides_is_fetched_again_and_what_is_nowhere_is_deleted(
    touchline, salesforce: OrgServer, settings: Settings, eventually: Callable[..., None]
) -> None:
    ids = sorted(fill(salesforce, 3))
    running = touchline.start(settings, "salesforce", "sync")
    eventually(lambda: ids[0] in published(settings), what="the backfill")
    contact, lead = ids[0], ids[-1]
    salesforce.org.hard_delete(lead)
    asyncio.run(write(settings, SALESFORCE_REFETCH.name, [(b"x", b"no request"), (b"x", b'{"object":"No","id":"x"}')]))
    ask_again(settings, object="Contact", id=contact)
    ask_again(settings, object="Lead", id=lead)
    eventually(lambda: published(settings)[lead]["deleted"], what="the deletion")
    eventually(lambda: published(settings)[contact]["why"] == "refetch", what="the record")
    assert running.stop() == 0


def test_an_overflow_brings_the_whole_object_again(touchline, salesforce: OrgServer, settings: Settings) -> None:
    ids = fill(salesforce, 5)
    gone = min(ids)
    salesforce.org.delete(gone)
    synced(touchline, settings)
    ask_again(settings, object="Contact", why="overflow")
    synced(touchline, settings)
    why = {message["why"] for message in published(settings).values() if message["object"] == "Contact"}
    assert "resync" in why
    assert "backfill" not in why
    assert published(settings)[gone]["deleted"]


def test_reconciliation_finds_hard_deletes_lost_changes_and_a_changed_stage(
    touchline, salesforce: OrgServer, settings: Settings
) -> None:
    org = salesforce.org
    ids = sorted(fill(salesforce, 6))
    deal = org.create("Opportunity", Name="x", StageName="Closed Won")
    synced(touchline, settings)
    told = touchline.run(settings, "salesforce", "reconcile", "--json")
    assert "nothing known yet" in told.stdout
    asyncio.run(write(settings, SALESFORCE_RECORDS.name, known(settings)))
    org.set_clock(org.now() + 30 * MINUTE)
    young = org.create("Lead", LastName="Young", Company="Acme")
    for record in (ids[2], deal):
        org.update(record, Description="just now")
    told = touchline.run(settings, "salesforce", "reconcile")
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["Contact", "6", "6", "5", "1", "none"] in lines
    assert ["Lead", "7", "6", "6", "1", "none"] in lines
    assert ["Opportunity", "1", "1", "0", "1", "nothing", "compared"] in lines
    assert told.stdout.count("left out: 1 changed in the last 10 minutes") == 4  # the org's own user too
    org.hard_delete(young)
    lost, purged = ids[0], ids[1]
    org.hard_delete(purged)
    org.update(lost, LastName="Changed")
    org.set_clock(org.now() + 60 * MINUTE)
    org.change_stage("Closed Won", won=False, closed=True)
    told = touchline.run(settings, "salesforce", "reconcile", "--json")
    reports = {report["object"]: report for report in json.loads(told.stdout)}
    assert reports["Contact"]["drift"] == {"gone": 1, "stale": 2}
    assert [reports["Lead"][name] for name in ("known", "actual", "compared", "left_out", "drift")] == [6, 6, 6, {}, {}]
    assert reports["Task"]["drift"] is None
    assert reports["Task"]["note"] == "there are no records on either side"
    found = published(settings)
    assert found[purged]["deleted"]
    assert found[lost]["fields"]["LastName"] == "Changed"
    assert not found[deal]["fields"]["IsWon"]


def known(settings: Settings) -> list[tuple[bytes, bytes]]:
    """What a worker would have written about the records that were published."""
    return [
        (
            key.encode(),
            json.dumps(
                {name: message[name] for name in ("object", "id", "deleted")} | {"modified_at": message["at"]}
            ).encode(),
        )
        for key, message in published(settings).items()
    ]


def test_a_second_sync_ends_the_first(
    touchline, salesforce: OrgServer, settings: Settings, eventually: Callable[..., None]
) -> None:
    ids = sorted(fill(salesforce, 2))
    first = touchline.start(settings, "salesforce", "sync")
    eventually(lambda: ids[0] in published(settings), what="the backfill")
    claim = cursors(settings)[CLAIM_KEY]
    second = touchline.start(settings, "salesforce", "sync")
    eventually(lambda: cursors(settings)[CLAIM_KEY] != claim, what="the second")
    moment = defaultdict(int)

    def changes() -> bool:
        moment["n"] += 1
        salesforce.org.set_clock(salesforce.org.now() + MINUTE)
        salesforce.org.update(ids[0], LastName=f"x{moment['n']}")
        return first.process.poll() is not None

    eventually(changes, what="the end of the first")
    assert first.process.returncode == 1
    assert "another `touchline salesforce sync`" in first.output
    assert second.stop() == 0


async def test_a_sync_that_lost_kafka_ends_if_another_has_started_meanwhile(stack: LiveStack) -> None:
    """Whatever the error was: to connect again would fence the newer one."""
    settings = stack.settings()
    await stack.fresh_topics(settings)
    older, newer = Claim(), Claim()
    for claim in (older, newer):
        await claim.check(settings)
        publisher = Publisher(settings, SyncMetrics())
        await publisher.start()
        await claim.make(publisher)
        await claim.check(settings)
        await publisher.stop()
    with pytest.raises(FencedError, match="another `touchline salesforce sync`"):
        await older.check(settings)
    await newer.check(settings)


def test_the_org_may_fail_in_every_way_meanwhile(touchline, salesforce: OrgServer, settings: Settings) -> None:
    ids = fill(salesforce, 30)
    salesforce.interface.page_size = 7
    for fault in (Fault.unavailable, Fault.too_many, Fault.dropped, Fault.expired_session, Fault.limit):
        salesforce.fail(fault, path="/query")
    salesforce.fail(Fault.expired_locator, path="/queryAll/0r8")
    synced(touchline, settings)
    assert ids <= published(settings).keys()
    assert salesforce.interface.faults.pending == 0


def test_a_malformed_page_is_told_and_the_other_objects_arrive(
    touchline, salesforce: OrgServer, settings: Settings
) -> None:
    ids = fill(salesforce, 30)
    salesforce.interface.page_size = 7
    salesforce.fail(Fault.malformed, path="/queryAll/0r8")
    done = touchline.run(settings, "salesforce", "sync", "--once")
    assert done.returncode == 1
    assert "records[0]: expected an object with an Id" in done.stderr or "expected `done`" in done.stderr
    assert {each for each in ids if each.startswith("003")} <= published(settings).keys()
    synced(touchline, settings)
    assert ids <= published(settings).keys()


def test_what_we_know_is_written_back_once(touchline, salesforce: OrgServer, settings: Settings, tmp_path) -> None:
    salesforce.org.schema.add("Contact", First_Channel__c="string")
    contact = salesforce.org.create("Contact", LastName="Ng")
    mapping = tmp_path / "writeback.toml"
    mapping.write_text('[Contact]\n"first_touch.channel" = "First_Channel__c"\n')
    settings = settings.model_copy(update={"salesforce_writeback_file": mapping})
    view = {"person": "user:u1", "aliases": [f"sf:{contact}", "user:u1"], "first_touch": {"channel": "Email"}}
    asyncio.run(write(settings, PROFILE_VIEWS.name, [(b"user:u1", json.dumps(view).encode())]))
    synced(touchline, settings)
    assert salesforce.org.get(contact)["First_Channel__c"] == "Email"
    asyncio.run(write(settings, PROFILE_VIEWS.name, [(b"user:u1", json.dumps(view).encode())]))
    synced(touchline, settings)
    assert sum(call.startswith("PATCH") for call in salesforce.interface.calls) == 1


def test_a_mapping_that_cannot_be_read_is_one_line(touchline, settings: Settings, tmp_path) -> None:
    settings = settings.model_copy(update={"salesforce_writeback_file": tmp_path / "none.toml"})
    done = touchline.run(settings, "salesforce", "sync", "--once")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "none.toml" in done.stderr


def test_without_the_topics_the_sync_says_what_to_do(touchline, settings: Settings) -> None:
    asyncio.run(admin.delete_topics(settings))
    done = touchline.run(settings, "salesforce", "sync", "--once")
    assert done.returncode == 1
    assert "no topic salesforce-changes: run `touchline topics create`" in done.stderr


def test_without_kafka_the_sync_says_so(touchline, settings: Settings, free_port_number: int) -> None:
    away = settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port_number}"})
    done = touchline.run(away, "salesforce", "sync", "--once")
    assert done.returncode == 1
    assert "`touchline doctor` says what is wrong" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_object_that_cannot_be_read_is_told_once_a_round_and_the_others_go_on(
    touchline, salesforce: OrgServer, settings: Settings, eventually: Callable[..., None]
) -> None:
    contact = salesforce.org.create("Contact", LastName="Ng")
    changed = {"salesforce_objects": ("Nothing", "Contact"), "salesforce_poll_seconds": 600}
    running = touchline.start(settings.model_copy(update=changed), "salesforce", "sync")
    eventually(lambda: contact in published(settings), what="the contact")
    ask_again(settings, object="Contact", id=contact)
    eventually(lambda: published(settings)[contact]["why"] == "refetch", what="the record")
    assert running.stop() == 0
    assert running.output.count("describe Nothing") == 1


def test_check_says_what_can_be_read(touchline, salesforce: OrgServer, settings: Settings) -> None:
    fill(salesforce, 3)
    done = touchline.run(settings, "salesforce", "check")
    assert done.returncode == 0
    assert "by jwt-bearer" in done.stdout
    wrong = settings.model_copy(update={"salesforce_user": "somebody@else.example"})
    refused = touchline.run(wrong, "salesforce", "check")
    assert refused.returncode == 1
    assert "was refused" in refused.stderr
    assert "Traceback" not in refused.stderr
