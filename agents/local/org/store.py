"""The org, part 6.  The org: rows, and everything that can happen to them.

Comes in: calls of its methods, or of the interfaces in front of it.  Kept: one dictionary a row, with the fields as
REST gives them, deleted rows too until they are purged.  Goes out: the rows, and an event for each change that has one.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

from agents.local.org import times
from agents.local.org.events import Change, ChangeLog, Transaction
from agents.local.org.ids import IdMaker
from agents.local.org.schema import SETUP, Schema
from streams.instants import DAY_MS

BIN_DAYS = 15
"""How long a deleted row stays visible to `queryAll`."""
STAGES = {"Prospecting": (False, False), "Closed Won": (True, True), "Closed Lost": (False, True)}
"""{stage of a new org: (won, closed)}."""


def wall_clock() -> int:
    """Tell the time, milliseconds."""
    return time.time_ns() // 1_000_000


class NoRecordError(KeyError):
    """No living record has this id."""


class Org:
    """A Salesforce org in memory, safe to change while its server answers.

    `now` gives milliseconds; the wall clock by default.  `set_clock` stops it at an instant of your own.
    """

    def __init__(self, *, now: Callable[[], int] = wall_clock, seed: int = 7) -> None:
        self.lock = RLock()
        self.schema = Schema()
        self._now = now
        self._ids = IdMaker()
        self._random = random.Random(seed)  # noqa: S311 - keys of a simulated org
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}
        self._log = ChangeLog(self.schema)
        self._open: Transaction | None = None
        self._stamped: dict[str, int] = {}
        self.integration_user = self.create("User", Name="Integration", Email="integration@org.example", IsActive=True)
        for order, (name, (won, closed)) in enumerate(STAGES.items(), 1):
            self.create("OpportunityStage", MasterLabel=name, ApiName=name, IsWon=won, IsClosed=closed, SortOrder=order)

    # -- time

    def now(self) -> int:
        """Return the org's own time, milliseconds."""
        return self._now()

    def set_clock(self, at: int) -> None:
        """Stop the org's clock at an instant, until it is set again."""
        self._now = lambda: at

    def start_clock(self) -> None:
        """Let the org's time be the wall clock's from now on."""
        self._now = wall_clock

    # -- reading

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Every change event so far, oldest first, in CometD's shape."""
        with self.lock:
            return list(self._log.messages)

    def rows(self, entity: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Copy the rows of an object, oldest first; `deleted`: those in the recycle bin too."""
        with self.lock:
            self._empty_bin(entity)
            found = self._rows.get(entity, {}).values()
            return [dict(row) for row in found if deleted or not row.get("IsDeleted")]

    def get(self, record_id: str, *, deleted: bool = False) -> dict[str, Any]:
        """Copy one row; raise `NoRecordError`."""
        with self.lock:
            return dict(self._row(record_id, deleted=deleted))

    def entity_of(self, record_id: str) -> str:
        """Name the object of a record, deleted or not; raise `NoRecordError` for an id that is nowhere."""
        for entity, rows in self._rows.items():
            if record_id in rows:
                return entity
        raise NoRecordError(record_id)

    # -- changes

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Make the changes inside one database transaction: one key, sequence numbers from 1."""
        with self.lock:
            if self._open:
                yield self._open
                return
            self._open = Transaction(f"{self._random.getrandbits(128):032x}", self.now())
            try:
                yield self._open
            finally:
                self._open = None

    def create(self, entity: str, **fields: Any) -> str:
        """Make a record; return its id."""
        with self.transaction():
            record_id = self._ids.next(entity)
            row = dict.fromkeys(self.schema.fields(entity)) | _blank(self.schema.fields(entity)) | fields
            row |= {"Id": record_id, "CreatedDate": self._second()}
            self._rows.setdefault(entity, {})[record_id] = row
            self._settled(entity, row)
            said = {name: value for name, value in row.items() if value is not None}
            self._say("CREATE", entity, record_id, said)
        return record_id

    def update(self, record_id: str, *, lost: bool = False, **fields: Any) -> None:
        """Change fields; None clears one.  What is so already changes nothing, not even a time.

        `lost`: the event is not sent, only a GAP_UPDATE that says that there was one.
        """
        with self.transaction():
            row, entity = self._row(record_id), self.entity_of(record_id)
            changed = {name: value for name, value in fields.items() if row.get(name) != value}
            if not changed:
                return
            row.update(changed)
            self._settled(entity, row)
            if lost:
                self._say("GAP_UPDATE", entity, record_id, {})
                return
            said = changed | {"LastModifiedDate": row["LastModifiedDate"]}
            if "StageName" in changed:
                said |= {"IsWon": row["IsWon"], "IsClosed": row["IsClosed"]}
            self._say("UPDATE", entity, record_id, said)

    def delete(self, record_id: str) -> None:
        """Move a record into the recycle bin."""
        with self.transaction():
            row, entity = self._row(record_id), self.entity_of(record_id)
            row |= {"IsDeleted": True, "SystemModstamp": self._second()}
            self._stamped[record_id] = self.now()
            self._say("DELETE", entity, record_id, {})

    def undelete(self, record_id: str) -> None:
        """Take a record out of the recycle bin."""
        with self.transaction():
            row, entity = self._row(record_id, deleted=True), self.entity_of(record_id)
            row["IsDeleted"] = False
            if "MasterRecordId" in row:
                row["MasterRecordId"] = None
            self._settled(entity, row)
            self._say("UNDELETE", entity, record_id, {name: value for name, value in row.items() if value is not None})

    def hard_delete(self, record_id: str) -> None:
        """Purge a record at once: no change event, no row in the recycle bin, nothing in `getDeleted`."""
        with self.lock:
            del self._rows[self.entity_of(record_id)][record_id]

    def merge(self, winner: str, loser: str, **fields: Any) -> None:
        """Merge two records of one object: what pointed to the loser points to the winner, without any event."""
        with self.transaction():
            self.delete(loser)
            self._row(loser, deleted=True)["MasterRecordId"] = winner
            self._repoint(loser, winner)
            entity, row = self.entity_of(winner), self._row(winner)
            row.update(fields)
            self._settled(entity, row)
            self._say("UPDATE", entity, winner, fields | {"LastModifiedDate": row["LastModifiedDate"]})

    def convert(
        self, lead: str, *, account: str | None = None, opportunity: str | None = None, **amount: Any
    ) -> dict[str, str | None]:
        """Convert a lead; return the ids it was converted to.

        `account`: the one that its contact joins; None: a new one.  `opportunity`: the name of the one to open; None:
        none is.
        """
        with self.transaction():
            row = self._row(lead)
            if account is None:
                account = self.create("Account", Name=row["Company"], Industry=row["Industry"], OwnerId=row["OwnerId"])
            person = ("Salutation", "FirstName", "LastName", "Email", "Title", "LeadSource", "OwnerId")
            contact = self.create("Contact", AccountId=account, **{name: row[name] for name in person})
            deal = None
            if opportunity:
                first = {"Name": opportunity, "AccountId": account, "StageName": "Prospecting"}
                deal = self.create("Opportunity", **first | amount)
            made = {"ConvertedAccountId": account, "ConvertedContactId": contact, "ConvertedOpportunityId": deal}
            said: dict[str, Any] = {
                "Status": "Closed - Converted",
                "IsConverted": True,
                "ConvertedDate": times.day(self.now()),
            }
            self.update(lead, **said | made)
        return made

    def change_stage(self, stage: str, *, won: bool, closed: bool) -> None:
        """Let an administrator give a stage another type: its opportunities flip, and nobody is told."""
        with self.lock:
            for row in self._rows["OpportunityStage"].values():
                if row["ApiName"] == stage:
                    row |= {"IsWon": won, "IsClosed": closed, "SystemModstamp": self._second()}
            for row in self._rows.get("Opportunity", {}).values():
                if row["StageName"] == stage:
                    row |= {"IsWon": won, "IsClosed": closed}

    def say_gap(self, change: Change, entity: str, record_ids: list[str]) -> None:
        """Send a gap or overflow event for changes whose own events were lost."""
        with self.transaction() as transaction:
            self._log.add(transaction, change, entity, record_ids, {}, user=self.integration_user)

    # -- what getUpdated and getDeleted answer

    def updated(self, entity: str, start: int, end: int) -> list[str]:
        """Ids of living records whose system time stamp lies in [start, end)."""
        return [row["Id"] for row in self.rows(entity) if start <= times.read(row["SystemModstamp"]) < end]

    def deleted(self, entity: str, start: int, end: int) -> list[tuple[str, int]]:
        """(id, instant) of records deleted in [start, end) and not purged yet."""
        gone = [row["Id"] for row in self.rows(entity, deleted=True) if row.get("IsDeleted")]
        return [(each, self._stamped[each]) for each in gone if start <= self._stamped[each] < end]

    def _settled(self, entity: str, row: dict[str, Any]) -> None:
        """Fill in what the platform works out: names, stage types, time stamps."""
        if {"FirstName", "LastName", "Name"} <= row.keys():
            row["Name"] = " ".join(part for part in (row["FirstName"], row["LastName"]) if part)
        if entity == "Opportunity":
            stages = {stage["ApiName"]: stage for stage in self._rows["OpportunityStage"].values()}
            found: Mapping[str, Any] = stages.get(row["StageName"], {})
            row |= {"IsWon": found.get("IsWon", False), "IsClosed": found.get("IsClosed", False)}
        row |= {"LastModifiedDate": self._second(), "SystemModstamp": self._second()}

    def _say(self, change: Change, entity: str, record_id: str, values: Mapping[str, Any]) -> None:
        if entity not in SETUP and self._open:
            self._log.add(self._open, change, entity, [record_id], values, user=self.integration_user)

    def _row(self, record_id: str, *, deleted: bool = False) -> dict[str, Any]:
        for rows in self._rows.values():
            row = rows.get(record_id)
            if row is not None and (deleted or not row.get("IsDeleted")):
                return row
        raise NoRecordError(record_id)

    def _repoint(self, loser: str, winner: str) -> None:
        for rows in self._rows.values():
            for row in rows.values():
                row |= {
                    name: winner
                    for name, value in row.items()
                    if value == loser and name not in {"Id", "MasterRecordId"}
                }

    def _empty_bin(self, entity: str) -> None:
        oldest = self.now() - BIN_DAYS * DAY_MS
        rows = self._rows.get(entity, {})
        for record_id in [each for each, row in rows.items() if row.get("IsDeleted")]:
            if self._stamped[record_id] < oldest:
                del rows[record_id]

    def _second(self) -> str:
        return times.rest(self.now() // 1000 * 1000)


def _blank(kinds: Mapping[str, str]) -> dict[str, Any]:
    return {name: False for name, kind in kinds.items() if kind == "boolean"}
