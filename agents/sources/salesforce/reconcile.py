"""Reconciliation: what Touchline knows of each record beside what the org has; what differs is fetched again.

It finds what no event says: hard deletes, lost events, and a stage whose type an administrator changed.
In: `salesforce-records`, and Id and times of every record of the org.  Out: records, and a report.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec

from agents.sources.salesforce.cursors import Stages
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import MalformedError, RefusedError
from agents.sources.salesforce.kafka import latest
from agents.sources.salesforce.reading import IDS_A_QUERY
from agents.sources.salesforce.records import Described, gone, instant
from agents.sources.salesforce.refetch import fetch
from agents.sources.salesforce.report import SETTLED_MS, Report
from streams.topics import SALESFORCE_RECORDS

SECOND_MS = 1000
KINDS = ("missing", "stale", "ahead", "deleted", "undeleted", "gone", "dirty")


class Known(msgspec.Struct, frozen=True, gc=False):
    """What Touchline knows of one record; a value of `salesforce-records`."""

    object: str
    id: str
    modified_at: int | None = None
    deleted: bool = False
    dirty: bool = False
    forgotten: bool = False
    """An operator had the person forgotten: nothing is known, on purpose."""


@dataclass(frozen=True, slots=True)
class Actual:
    """What the org says of one record."""

    modified_at: int
    """LastModifiedDate, milliseconds."""
    stamped_at: int
    """SystemModstamp: never earlier."""
    deleted: bool = False


Drift: TypeAlias = dict[str, list[str]]
"""{kind: ids}, only kinds that occur."""


class Compared(NamedTuple):
    """What came of an object's records that live on either side: each was compared, or left out for one reason."""

    drift: Drift
    number: int
    """Of records that were compared."""
    left_out: dict[str, int]
    """{reason: records}, only reasons that occur."""


def compare(known: Mapping[str, Known], actual: Mapping[str, Actual], *, settled_before: int) -> Compared:
    """Compare one object.  What changed at `settled_before` or later is left out; so is what was forgotten.

    | we have            | the org has             | kind      |
    |--------------------|-------------------------|-----------|
    | nothing, deleted   | a living record         | missing, undeleted |
    | a living record    | a deleted one           | deleted   |
    | a living record    | nothing                 | gone      |
    | an earlier state   | a later one             | stale     |
    | a later state      | an earlier one          | ahead     |
    | a dirty record     | anything                | dirty     |
    """
    drift: Drift = {}
    number, left_out = 0, Counter[str]()
    for record_id in sorted({*known, *actual}):
        ours, theirs = known.get(record_id), actual.get(record_id)
        if not (_lives(ours) or _lives(theirs)):
            continue
        if reason := _left_out(ours, theirs, settled_before):
            left_out[reason] += 1
            continue
        number += 1
        if kind := _kind(ours, theirs):
            drift.setdefault(kind, []).append(record_id)
    return Compared(drift, number, dict(left_out))


def _lives(record: Known | Actual | None) -> bool:
    return record is not None and not record.deleted and not (isinstance(record, Known) and record.forgotten)


def _left_out(ours: Known | None, theirs: Actual | None, settled_before: int) -> str:
    if ours is not None and ours.forgotten:
        return "forgotten"
    if theirs is not None and theirs.stamped_at >= settled_before:
        return "deleted_lately" if theirs.deleted else "changed_lately"
    if theirs is None and ours is not None and (ours.modified_at or 0) >= settled_before:
        return "heard_of_lately"
    return ""


def _kind(ours: Known | None, theirs: Actual | None) -> str:
    if theirs is None:
        return "gone"
    if ours is None:
        return "missing"
    if ours.deleted != theirs.deleted:
        return "deleted" if theirs.deleted else "undeleted"
    return "dirty" if ours.dirty else _age(ours, theirs)


def _age(ours: Known, theirs: Actual) -> str:
    # Salesforce keeps whole seconds; an event's commit may be a second off.
    modified = (ours.modified_at or 0) // SECOND_MS
    if modified < theirs.modified_at // SECOND_MS:
        return "stale"
    return "ahead" if modified > theirs.stamped_at // SECOND_MS + 1 else ""


async def reconcile(desk: Desk, objects: Iterable[str]) -> list[Report]:
    """Compare these objects, publish what differs, and report.  Raise `TroubleError` where the org fails us.

    An object that the org refuses, or answers with nonsense, is reported as such; the others are compared.
    """
    ours = by_object(await latest(desk.settings, SALESFORCE_RECORDS.name))
    reports = []
    for entity in objects:
        try:
            reports.append(await _reconciled(desk, entity, ours.get(entity, {}), anything=bool(ours)))
        except (RefusedError, MalformedError) as error:
            reports.append(Report(entity, _living(ours.get(entity, {}).values()), None, refused=str(error)))
    if "Opportunity" in {report.object for report in reports}:
        try:
            await check_stages(desk)
        except (RefusedError, MalformedError) as error:
            reports.append(Report("OpportunityStage", actual=None, refused=str(error)))
    return reports


def by_object(values: Mapping[str, bytes]) -> dict[str, dict[str, Known]]:
    """Sort what is known by object; a value that is none of ours counts as unknown, and so is fetched again."""
    found: dict[str, dict[str, Known]] = {}
    for value in values.values():
        try:
            known = msgspec.json.decode(value, type=Known)
        except msgspec.DecodeError:
            continue
        found.setdefault(known.object, {})[known.id] = known
    return found


async def _reconciled(desk: Desk, entity: str, ours: Mapping[str, Known], *, anything: bool) -> Report:
    if not (desk.cursor(entity).complete and anything):
        reason = "no_worker" if desk.cursor(entity).complete else "no_backfill"
        number = await desk.ask(desk.client.count, entity)
        return Report(entity, _living(ours.values()), number, left_out={reason: number})
    now = desk.client.now_ms()
    actual = await desk.ask(_actual, desk, await desk.described(entity))
    drift, number, left_out = compare(ours, actual, settled_before=now - SETTLED_MS)
    await _published(desk, entity, drift, now)
    counts = {kind: len(ids) for kind, ids in drift.items()}
    if number or not left_out:  # else nobody knows: the last numbers stand
        for kind in KINDS:
            desk.metrics.drift.labels(entity, kind).set(counts.get(kind, 0))
    return Report(entity, _living(ours.values()), _living(actual.values()), number, left_out, counts)


def _living(records: Iterable[Known | Actual]) -> int:
    return sum(map(_lives, records))


def _actual(desk: Desk, described: Described) -> dict[str, Actual]:
    named = ("Id", "LastModifiedDate", "SystemModstamp", "IsDeleted")
    fields = ", ".join(name for name in named if name in described.kinds)
    rows = desk.client.rows(f"SELECT {fields} FROM {described.entity}")  # noqa: S608 - no outsider's text
    return {row["Id"]: _state(described.entity, row) for row in rows}


def _state(entity: str, row: Mapping[str, Any]) -> Actual:
    stamped = instant(row["SystemModstamp"], f"{entity}.SystemModstamp")
    modified = row.get("LastModifiedDate")
    modified_at = instant(modified, f"{entity}.LastModifiedDate") if modified else stamped
    return Actual(modified_at, stamped, bool(row.get("IsDeleted")))


async def _published(desk: Desk, entity: str, drift: Drift, now: int) -> None:
    ids = [each for kind, found in drift.items() if kind != "gone" for each in found]
    for at in range(0, len(ids), IDS_A_QUERY):
        await desk.publish(await fetch(desk, entity, ids[at : at + IDS_A_QUERY], "resync"))
    await desk.publish([gone(entity, each, now, "resync") for each in drift.get("gone", [])])


async def check_stages(desk: Desk) -> list[str]:
    """Publish the opportunities of each stage whose type changed in silence; return the names of those stages."""
    now: Stages = {row["ApiName"]: (row["IsWon"], row["IsClosed"]) for row in await desk.ask(_stages, desk)}
    before = desk.stages
    changed = [name for name, kind in now.items() if before is not None and before.get(name, kind) != kind]
    for stage in changed:
        desk.report(f"the stage {stage} has another type: its opportunities are published again")
        ids = await desk.ask(_of_stage, desk, stage)
        for at in range(0, len(ids), IDS_A_QUERY):
            await desk.publish(await fetch(desk, "Opportunity", ids[at : at + IDS_A_QUERY], "resync"))
    if now != before:
        await desk.publish(stages=now)
    return changed


def _stages(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.client.rows("SELECT Id, ApiName, IsWon, IsClosed FROM OpportunityStage"))


def _of_stage(desk: Desk, stage: str) -> list[str]:
    escaped = stage.replace("\\", "\\\\").replace("'", "\\'")
    rows = desk.client.rows(f"SELECT Id FROM Opportunity WHERE StageName = '{escaped}'")  # noqa: S608 - escaped
    return [row["Id"] for row in rows]
