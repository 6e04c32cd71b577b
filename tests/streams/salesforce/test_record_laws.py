from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.salesforce.change import Change
from streams.salesforce.record import Record, fold, pack

CONTACT = "003000000000001AAA"
FIELDS = ["A", "B", "C"]
T0 = 1_760_011_200_000

values = st.dictionaries(
    st.sampled_from(FIELDS), st.none() | st.integers(0, 11) | st.booleans() | st.sampled_from("xyz")
)
updates = st.builds(
    lambda kind, at, transaction, sequence, values: Change(
        "Contact", CONTACT, kind, at, transaction, sequence, {} if kind == "delete" else values
    ),
    st.sampled_from(["create", "update", "update", "delete", "undelete"]),
    st.integers(1, 5),
    st.sampled_from("ab"),
    st.integers(1, 6),
    values,
)
snapshots = st.builds(
    lambda at, read, values, deleted: Change("Contact", CONTACT, "snapshot", at, "", read, values, deleted=deleted),
    st.integers(1, 5),
    st.integers(0, 1),
    values,
    st.booleans(),
)
some_changes = st.lists(updates, max_size=8, unique_by=lambda one: (one.transaction, one.sequence))


def row_of(changes: list[Change]) -> Record:
    row = Record("Contact", CONTACT)
    for change in changes:
        row = fold(row, change).record
    return row


def model(changes: list[Change]) -> tuple[dict[str, Any], bool]:
    """The state by the rule itself: for each field the value with the greatest stamp."""
    best: dict[str, Any] = {}
    for one in changes:
        stamp = (one.at, one.type != "snapshot", one.transaction, one.sequence)
        flag = {} if one.type == "update" else {"": one.deleted or one.type == "delete"}
        for name, value in (one.values | flag).items():
            best[name] = max(
                best.get(name, ((),)), (stamp, msgspec.json.encode(value), [value]), key=lambda found: found[:2]
            )
    deleted = best.pop("", ((), b"", [False]))[2][0]
    return {name: found[2][0] for name, found in best.items()}, deleted


@given(some_changes, st.lists(snapshots, max_size=4), st.randoms())
def test_every_order_and_every_repetition_gives_the_same_row(
    some: list[Change], read: list[Change], rng: Random
) -> None:
    changes = some + read
    row = row_of(changes)
    again = changes + [rng.choice(changes) for _ in changes]
    rng.shuffle(again)
    assert pack(row_of(again)) == pack(row)
    expected, deleted = model(changes)
    assert msgspec.json.encode(row.values, order="sorted") == msgspec.json.encode(expected, order="sorted")
    assert row.deleted is deleted


@given(some_changes, st.lists(snapshots, max_size=4))
def test_the_differences_add_up_to_the_row(some: list[Change], read: list[Change]) -> None:
    row, seen = Record("Contact", CONTACT), {"IsDeleted": False}
    for change in some + read:
        found = fold(row, change)
        row = found.record
        for name, (before, after) in found.differences.items():
            assert seen.get(name) == before != after
            seen[name] = after
    assert seen.pop("IsDeleted") is row.deleted
    assert seen == {name: value for name, value in row.values.items() if value is not None or name in seen}


steps = st.lists(st.tuples(st.integers(1, 1500), values, st.booleans(), st.booleans()), min_size=1, max_size=12)


@given(steps, st.integers(0, 12), st.integers(0, 12), st.randoms())
def test_a_gap_and_a_refetch_give_what_a_row_has_that_saw_everything(
    steps: list[tuple[int, dict[str, Any], bool, bool]], read_after: int, came_after: int, rng: Random
) -> None:
    """Some changes are lost; the record is read after the last of them, and the answer comes somewhat later."""
    whole = Record("Contact", CONTACT)
    log: list[Change] = []
    states: list[tuple[int, Record]] = []
    at, last_lost = T0, 0
    for step, (later, said, deletes, lost) in enumerate(steps):
        at += later
        kind = ("undelete" if whole.deleted else "delete") if deletes else "update"
        change = Change("Contact", CONTACT, kind, at, f"t{at}", 1, {} if kind == "delete" else said)
        whole = fold(whole, change).record
        states.append((at, whole))
        log.append(Change("Contact", CONTACT, "gap", at, f"t{at}", 1) if lost else change)
        last_lost = step if lost else last_lost
    read = min(last_lost + read_after, len(steps) - 1)
    modified, state = states[read]
    answer = Change(
        "Contact", CONTACT, "snapshot", modified // 1000 * 1000, "", at, dict(state.values), deleted=state.deleted
    )
    place = min(read + 1 + came_after, len(log))
    arrived = [*log[:place], answer, *log[place:]]
    for change in rng.sample(log, min(3, len(log))):
        arrived.insert(rng.randrange(arrived.index(change) + 1, len(arrived) + 1), change)
    row = Record("Contact", CONTACT)
    for change in arrived:
        found = fold(row, change)
        assert row.dirty_since is None or found.record.dirty_since is None or found.record.values == row.values
        row = found.record
    assert row.dirty_since is None
    assert (row.values, row.deleted) == (whole.values, whole.deleted)
