"""Messages of `salesforce-changes` become changes by record, and those the facts of a person."""

import json
from collections import Counter
from itertools import count
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.partitions import partition_of
from agents.processors.account.events import AccountEvents
from agents.processors.salesforce.changes import CLOSE_MS, Changes
from agents.runtime.contract import Effects, Lane
from agents.runtime.stores import MemoryStore
from streams.events import Facts, Record, Told, decode_record
from streams.policy import Policy
from streams.salesforce.change import Change, decode_change, encode_change

T0 = 1_760_000_000_000
PARTITIONS = 8
ANN, BOB = "003000000000001AAA", "003000000000002AAA"
offsets = count(100)


def message(lane: Lane, key: bytes | None, value: bytes | None, at: int = T0) -> ConsumerRecord:
    return ConsumerRecord(*lane, next(offsets), at, 0, key, value, None, -1, len(value or b""), ())


def cdc(kind: str, record: str, transaction: str, sequence: int, **fields: Any) -> bytes:
    header = {
        "entityName": "Contact",
        "recordIds": [record],
        "changeType": kind,
        "transactionKey": transaction,
        "sequenceNumber": sequence,
        "commitTimestamp": T0 + sequence,
        "changedFields": list(fields),
        "nulledFields": [],
        "commitUser": "005000000000001AAA",
    }
    return json.dumps({"payload": {"ChangeEventHeader": header, **fields}}).encode()


class Intake:
    LANE = Lane("salesforce-changes", 3)

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.rejected: Counter[str] = Counter()
        self.changes = Changes(self.LANE, self.store, partitions=PARTITIONS, observed=self.rejected.update)

    def fold(self, *values: bytes | None) -> Effects:
        return self._committed(self.changes.fold([message(self.LANE, b"k", value) for value in values], T0, T0))

    def idle(self, at: int) -> Effects:
        return self._committed(self.changes.idle(at) or Effects())

    def _committed(self, effects: Effects) -> Effects:
        self.store.write(effects.rows, 0)
        if effects.committed is not None:
            effects.committed({})
        return effects


def sent(effects: Effects, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
    return [
        (partition, key, value)
        for (name, partition), some in effects.sends.items()
        for key, value, _ in some
        if name == topic
    ]


def changes_of(effects: Effects) -> list[Change]:
    return [decode_change(value or b"") for _, _, value in sent(effects, "account-events")]


def test_a_transaction_is_held_until_another_comes_and_goes_in_its_order() -> None:
    intake = Intake()
    assert not changes_of(
        intake.fold(cdc("UPDATE", BOB, "t1", 2, Title="CTO"), cdc("UPDATE", ANN, "t1", 1, Title="VP"))
    )
    found = sent(intake.fold(cdc("UPDATE", ANN, "t2", 1, Title="CEO")), "account-events")
    assert {(partition, key) for partition, key, _ in found} == {
        (partition_of(record.encode(), PARTITIONS), record.encode()) for record in (ANN, BOB)
    }
    assert sorted(decode_change(value or b"").sequence for _, _, value in found) == [1, 2]


def test_a_transaction_of_which_nothing_comes_any_more_is_released() -> None:
    intake = Intake()
    intake.fold(cdc("CREATE", ANN, "t1", 1, LastName="Ng"))
    assert not changes_of(intake.idle(T0 + CLOSE_MS - 1))
    assert [change.record for change in changes_of(intake.idle(T0 + CLOSE_MS))] == [ANN]
    assert not changes_of(intake.idle(T0 + 2 * CLOSE_MS))


def test_what_is_held_survives_a_restart() -> None:
    before = Intake()
    before.fold(cdc("CREATE", ANN, "t1", 1, LastName="Ng"))
    again = Intake(before.store)
    assert [change.record for change in changes_of(again.idle(T0 + CLOSE_MS))] == [ANN]


def test_an_overflow_asks_for_the_whole_object() -> None:
    effects = Intake().fold(cdc("GAP_OVERFLOW", "000000000000000AAA", "t1", 1), cdc("UPDATE", ANN, "t2", 1, Title="x"))
    ((_, key, value),) = sent(effects, "salesforce-refetch")
    assert (key, json.loads(value or b"")) == (
        b"Contact",
        {"object": "Contact", "id": None, "since": T0 + 1, "why": "overflow"},
    )


def test_what_is_no_change_is_kept_as_a_dead_letter() -> None:
    intake = Intake()
    effects = intake.fold(b"{}", None)
    assert len(sent(effects, "rejected-events")) == 2
    assert intake.rejected.total() == 2


class Rows:
    def __init__(self, record: str = ANN) -> None:
        self.lane = Lane("account-events", partition_of(record.encode(), PARTITIONS))
        self.store = MemoryStore()
        self.records = AccountEvents(self.lane, self.store, Policy(1), partitions=PARTITIONS, observed=lambda *_: None)

    def fold(self, *changes: Change) -> Effects:
        batch = [message(self.lane, change.record.encode(), encode_change(change)) for change in changes]
        effects = self.records.fold(batch, T0, T0)
        self.store.write(effects.rows, 0)
        return effects


def contact(number: int, kind: Any = "update", **values: Any) -> Change:
    return Change("Contact", ANN, kind, T0 + number, f"t{number}", 1, values)


def records_of(effects: Effects) -> list[Record]:
    return [decode_record(value or b"") for _, _, value in sent(effects, "user-events")]


def test_a_contact_gives_facts_and_a_line_of_the_timeline() -> None:
    facts, told = records_of(
        Rows().fold(contact(1, "create", Email="Ann@Example.com", Title="VP", AccountId="001000000000001AAA"))
    )
    assert isinstance(facts, Facts)
    assert (facts.alias, facts.version, facts.owner, facts.account) == (
        f"sf:{ANN}",
        1,
        "email:ann@example.com",
        "001000000000001AAA",
    )
    assert json.loads(bytes(facts.fields))["Title"] == "VP"
    assert isinstance(told, Told)
    assert json.loads(bytes(told.change))["text"] == "Salesforce Contact Created"


def test_each_visible_difference_is_a_version_and_a_repetition_is_none() -> None:
    rows = Rows()
    first = contact(1, "create", Title="Director")
    found = records_of(rows.fold(first, first, contact(2, Title="VP")))
    assert [one.version for one in found if isinstance(one, Facts)] == [1, 2]


def test_a_gap_asks_for_the_record_and_tells_nothing_until_it_is_read() -> None:
    rows = Rows()
    rows.fold(contact(1, "create", Title="Director"))
    effects = rows.fold(contact(2, "gap"), contact(3, Title="VP"))
    assert records_of(effects) == []
    ((_, key, value),) = sent(effects, "salesforce-refetch")
    assert (key, json.loads(value or b"")["why"]) == (ANN.encode(), "gap")
    ((_, _, known),) = sent(effects, "salesforce-records")
    assert json.loads(known or b"")["dirty"] is True
    read = Change("Contact", ANN, "snapshot", T0 + 2, sequence=9, values={"Title": "CTO", "Phone": "1"})
    facts = [one for one in records_of(rows.fold(read)) if isinstance(one, Facts)]
    assert [json.loads(bytes(one.fields)) for one in facts] == [{"Phone": "1", "Title": "VP"}]


def test_a_deleted_contact_has_no_facts_any_more() -> None:
    rows = Rows()
    rows.fold(contact(1, "create", Title="Director"))
    effects = rows.fold(contact(2, "delete"))
    (facts,) = [one for one in records_of(effects) if isinstance(one, Facts)]
    assert bytes(facts.fields) == b""
    ((_, _, value),) = sent(effects, "salesforce-refetch")
    assert json.loads(value or b"")["why"] == "deleted"


def test_a_broken_change_is_kept_as_a_dead_letter_and_stops_nobody() -> None:
    rows = Rows()
    good = message(rows.lane, ANN.encode(), encode_change(contact(1, "create", Title="VP")))
    bad = [message(rows.lane, ANN.encode(), b"{"), message(rows.lane, b"other", good.value)]
    effects = rows.records.fold([bad[0], good, bad[1]], T0, T0)
    assert len(sent(effects, "rejected-events")) == 2
    assert len(records_of(effects)) == 2
