"""Reconciliation: what Touchline knows of each record beside what the org has; what differs is fetched again.

It finds what no event says: hard deletes, lost events, and a stage whose type an administrator changed.
In: `salesforce-records`, and Id and times of every record of the org.  Out: records, and a report.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import msgspec

from agents.sources.salesforce.cursors import Stages
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.kafka import latest
from agents.sources.salesforce.reading import IDS_A_QUERY
from agents.sources.salesforce.records import Described, gone, instant
from agents.sources.salesforce.refetch import fetch
from streams.topics import SALESFORCE_RECORDS

SETTLED_MS = 600_000
"""What changed later than this before the comparison may still be on its way; it is left to the next one."""
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


def compare(known: Mapping[str, Known], actual: Mapping[str, Actual], *, settled_before: int) -> Drift:
    """Compare one object.  What changed at `settled_before` or later is not looked at.

    | we have            | the org has             | kind      |
    |--------------------|-------------------------|-----------|
    | nothing, deleted   | a living record         | missing, undeleted |
    | a living record    | a deleted one           | deleted   |
    | a living record    | nothing                 | gone      |
    | an earlier state   | a later one             | stale     |
    | a later state      | an earlier one          | ahead     |
    | a dirty record     | anything                | dirty     |
    | a forgotten record | anything                | none      |
    """
    drift: Drift = {}
    for record_id in sorted({*known, *actual}):
        kind = _kind(known.get(record_id), actual.get(record_id), settled_before)
        if kind:
            drift.setdefault(kind, []).append(record_id)
    return drift


def _kind(ours: Known | None, theirs: Actual | None, settled_before: int) -> str:
    if ours is not None and ours.forgotten:
        return ""
    if theirs is None:
        fresh = ours is None or (ours.modified_at or 0) >= settled_before
        return "" if fresh or ours is None or ours.deleted else "gone"
    if theirs.stamped_at >= settled_before:
        return ""
    if ours is None:
        return "" if theirs.deleted else "missing"
    if ours.deleted != theirs.deleted:
        return "deleted" if theirs.deleted else "undeleted"
    if ours.deleted:
        return ""
    return "dirty" if ours.dirty else _age(ours, theirs)


def _age(ours: Known, theirs: Actual) -> str:
    # Salesforce keeps whole seconds; an event's commit may be a second off.
    modified = (ours.modified_at or 0) // SECOND_MS
    if modified < theirs.modified_at // SECOND_MS:
        return "stale"
    return "ahead" if modified > theirs.stamped_at // SECOND_MS + 1 else ""


@dataclass(slots=True)
class Report:
    """What came of the comparison of one object."""

    object: str
    known: int = 0
    """Living records that we know."""
    actual: int = 0
    """Living records of the org."""
    drift: dict[str, int] = field(default_factory=dict)
    """{kind: records}; all of them were published anew."""
    note: str = ""
    """Why nothing was compared; empty: it was."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)


async def reconcile(desk: Desk, objects: Iterable[str]) -> list[Report]:
    """Compare these objects, publish what differs, and report.  Raise `TroubleError` where the org fails us."""
    ours = by_object(await latest(desk.settings, SALESFORCE_RECORDS.name))
    reports = []
    for entity in objects:
        reports.append(await _reconciled(desk, entity, ours.get(entity, {}), anything=bool(ours)))
    if "Opportunity" in {report.object for report in reports}:
        await check_stages(desk)
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
    cursor = desk.cursor(entity)
    if not (cursor.complete and anything):
        note = "nothing known yet: no worker has written salesforce-records" if cursor.complete else "backfill first"
        return Report(entity, note=note)
    now = desk.client.now_ms()
    actual = await desk.ask(_actual, desk, await desk.described(entity))
    drift = compare(ours, actual, settled_before=now - SETTLED_MS)
    await _published(desk, entity, drift, now)
    report = Report(entity, _living(ours.values()), _living(actual.values()))
    report.drift = {kind: len(ids) for kind, ids in drift.items()}
    for kind in KINDS:
        desk.metrics.drift.labels(entity, kind).set(report.drift.get(kind, 0))
    return report


def _living(records: Iterable[Known | Actual]) -> int:
    return sum(not record.deleted for record in records)


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
