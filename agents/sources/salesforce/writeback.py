"""Write-back, off by default: first and last touch, power-user flag and last ask go onto fields of Contact and Lead.

In: `profile-views` and a TOML file that maps what we know to fields.  Kept: the group's offsets.  Out: updates, only of
fields whose value differs from the record's own, so that the same view twice changes nothing.
"""

import asyncio
import csv
import io
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from agents.committed import ends
from agents.sources.salesforce.client import COLLECTION
from agents.sources.salesforce.desk import Desk
from agents.sources.salesforce.errors import AwayError
from agents.sources.salesforce.kafka import STEP_SECONDS, behind, fetched, next_offsets
from agents.sources.salesforce.reading import IDS_A_QUERY, among
from agents.sources.salesforce.records import instant

PREFIXES = {"sf:003": "Contact", "sf:00Q": "Lead"}
ROOTS = ("first_touch", "last_touch", "last_non_direct_touch", "segments", "last_ask", "counts", "as_of", "person")
BULK_ABOVE = 2000
"""Records to write at once from which on Bulk API 2.0 is used."""
MOST_VIEWS = 10_000
"""Views taken at a time."""
FETCH_SECONDS = 0.5
JOB_SECONDS = 3600.0
JOB_LOOK_SECONDS = 2.0
LOCKED = "UNABLE_TO_LOCK_ROW"

Mapped: TypeAlias = Mapping[str, Mapping[str, str]]
"""{Contact or Lead: {path into the view: field}}."""
Values: TypeAlias = dict[str, Any]
"""{field: value}."""


class WritebackFileError(Exception):
    """The mapping cannot be used; the text says where and why."""


def load(file: Path) -> Mapped:
    """Read a mapping; raise `WritebackFileError`."""
    try:
        found = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise WritebackFileError(f"{file}: {error}") from None
    for entity, fields in found.items():
        if entity not in PREFIXES.values() or not isinstance(fields, dict):
            raise WritebackFileError(f"{file}: [{entity}]: expected [Contact] or [Lead]")
        for path, name in fields.items():
            if path.partition(".")[0] not in ROOTS or not isinstance(name, str) or not name.isidentifier():
                raise WritebackFileError(f'{file}: [{entity}] "{path}": expected one of {", ".join(ROOTS)} = a field')
    return found


def values_of(view: Mapping[str, Any], fields: Mapping[str, str]) -> Values:
    """Look up what a view says for each field; what it does not say is left as it is in the org."""
    known = dict(view) | {"last_ask": _last_ask(view.get("asks") or {})}
    found = {name: _at(known, path) for path, name in fields.items()}
    return {name: value for name, value in found.items() if value is not None}


def records_of(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the (object, id) of a person's Contacts and Leads."""
    aliases = [str(alias) for alias in view.get("aliases") or ()]
    return [(PREFIXES[alias[:6]], alias[3:]) for alias in aliases if alias[:6] in PREFIXES and alias[3:].isalnum()]


def _last_ask(asks: Mapping[str, Any]) -> dict[str, Any]:
    made = [(ask["decided_at"], name) for name, ask in asks.items() if ask.get("verdict") == "asked"]
    return dict(zip(("at", "name"), max(made), strict=True)) if made else {}


def _at(known: Any, path: str) -> Any:
    for name in path.split("."):
        known = known.get(name) if isinstance(known, dict) else None
    return known if isinstance(known, str | bool | int | float) else None


def differing(wanted: Values, row: Mapping[str, Any], kinds: Mapping[str, str]) -> Values:
    """Keep the values that the record does not have; instants are compared as instants."""
    return {name: value for name, value in wanted.items() if not _same(kinds.get(name, ""), value, row.get(name))}


def _same(kind: str, ours: Any, theirs: Any) -> bool:
    if kind == "datetime" and isinstance(ours, str) and isinstance(theirs, str):
        return instant(ours, "view") // 1000 == instant(theirs, "record") // 1000
    return bool(ours == theirs)


@dataclass(slots=True)
class WriteBack:
    """Takes views, and writes what is new in them."""

    desk: Desk
    mapped: Mapped
    views: AIOKafkaConsumer
    waiting: list[ConsumerRecord] = field(default_factory=list)
    """Taken and not written yet: what failed is written with the next ones."""

    async def step(self) -> int:
        """Write back what the views since the last step say; return how many records were written."""
        await self._take()
        return await self.write()

    async def write(self) -> int:
        """Write back what the views taken say, then commit them; return how many records were written."""
        written = 0
        for entity, wanted in self._wanted().items():
            written += await self._written(entity, wanted)
        if self.waiting:
            async with asyncio.timeout(STEP_SECONDS):
                await self.views.commit(next_offsets(self.waiting))
        self.waiting = []
        return written

    async def _take(self) -> None:
        until = await ends(self.views)
        while len(self.waiting) < MOST_VIEWS and await behind(self.views, until):
            self.waiting += await fetched(self.views, FETCH_SECONDS)

    def _wanted(self) -> dict[str, dict[str, Values]]:
        """{object: {id: values}} of the latest view of each person."""
        wanted: dict[str, dict[str, Values]] = {}
        for view in _latest(self.waiting):
            for entity, record_id in records_of(view):
                if values := values_of(view, self.mapped.get(entity, {})):
                    wanted.setdefault(entity, {})[record_id] = values
        return wanted

    async def _written(self, entity: str, wanted: Mapping[str, Values]) -> int:
        changes = await self.desk.ask(self._changes, entity, wanted)
        self._count("same", len(wanted) - len(changes))
        if len(changes) > BULK_ABOVE:
            failed = await self._in_bulk(entity, changes)
        else:
            failed = await self._in_collections(entity, changes)
        self._count("failed", len(failed))
        self._count("written", len(changes) - len(failed))
        if failed:
            codes = ", ".join(sorted(set(failed.values())))
            self.desk.report(f"write-back: {len(failed)} of {len(changes)} {entity} failed: {codes}")
        return len(changes) - len(failed)

    def _count(self, outcome: str, records: int) -> None:
        self.desk.metrics.written_back.labels(outcome).inc(records)

    def _changes(self, entity: str, wanted: Mapping[str, Values]) -> dict[str, Values]:
        """Read the records, and say what to change; deleted ones and converted leads cannot be."""
        kinds = self.desk.client.describe(entity).kinds
        names = sorted({"Id", "IsDeleted", *self.mapped[entity].values()} | {"IsConverted"} & kinds.keys())
        ids, changes = sorted(wanted), {}
        for at in range(0, len(ids), IDS_A_QUERY):
            condition = among(ids[at : at + IDS_A_QUERY])
            for row in self.desk.client.rows(f"SELECT {', '.join(names)} FROM {entity} {condition}"):  # noqa: S608
                change = differing(wanted[row["Id"]], row, kinds)
                if change and not row["IsDeleted"] and not row.get("IsConverted"):
                    changes[row["Id"]] = change
        return changes

    async def _in_collections(self, entity: str, changes: Mapping[str, Values]) -> dict[str, str]:
        failed = await self._once(entity, changes)
        locked = {each: changes[each] for each, code in failed.items() if code == LOCKED}
        rest = {each: code for each, code in failed.items() if code != LOCKED}
        return rest | (await self._once(entity, locked))

    async def _once(self, entity: str, changes: Mapping[str, Values]) -> dict[str, str]:
        records = [{"id": each} | values for each, values in changes.items()]
        failed: dict[str, str] = {}
        for at in range(0, len(records), COLLECTION):
            failed |= await self.desk.ask(self.desk.client.update, entity, records[at : at + COLLECTION])
        return failed

    async def _in_bulk(self, entity: str, changes: Mapping[str, Values]) -> dict[str, str]:
        client = self.desk.client
        job = await self.desk.ask(client.open_update, entity, as_csv(changes))
        try:
            async with asyncio.timeout(JOB_SECONDS):
                while not await self.desk.ask(client.update_done, entity, job):  # noqa: ASYNC110 - the org sends no word
                    await asyncio.sleep(JOB_LOOK_SECONDS)
        except TimeoutError:
            raise AwayError(f"the Bulk update {job} of {entity} takes longer than an hour") from None
        lines = csv.DictReader(io.StringIO(await self.desk.ask(client.failures, entity, job)))
        return {line["sf__Id"]: line["sf__Error"].partition(":")[0] for line in lines}


def as_csv(changes: Mapping[str, Values]) -> str:
    """Write changes as Bulk takes them; an empty cell leaves the field as it is."""
    names = sorted({name for values in changes.values() for name in values})
    text = io.StringIO()
    writer = csv.DictWriter(text, ["Id", *names], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"Id": each} | values for each, values in changes.items())
    return text.getvalue()


def _latest(messages: Sequence[ConsumerRecord]) -> Iterable[Mapping[str, Any]]:
    """Yield the latest document of each person; what is none is passed over, as the read model does."""
    latest = {message.key: message.value for message in messages}
    for value in latest.values():
        try:
            view = orjson.loads(value or b"null")
        except orjson.JSONDecodeError:
            continue
        if isinstance(view, dict):
            yield view
