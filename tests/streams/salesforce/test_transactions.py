from hypothesis import given
from hypothesis import strategies as st

from streams.salesforce.change import Change
from streams.salesforce.transactions import HELD, HELD_BYTES, Held, close, hold, pack, unpack

AT = 1_760_011_200_000


def change(
    transaction: str, sequence: int = 1, at: int = AT, record: str = "003000000000001AAA", text: str = ""
) -> Change:
    return Change("Contact", record, "update", at, transaction, sequence, {"Description": text} if text else {})


SNAPSHOT = Change("Contact", "003000000000001AAA", "snapshot", AT, "", AT)


def run(*changes: Change) -> tuple[Held, list[Change]]:
    held, out = Held(), list[Change]()
    for one in changes:
        released = hold(unpack(pack(held)), one)
        held = released.held
        out += released.changes
    return held, out


def test_a_transaction_is_held_until_the_next_one_begins() -> None:
    held, out = run(change("a", 2), change("a", 1), change("b"))
    assert out == [change("a", 1), change("a", 2)]
    assert held.changes == (change("b"),)


def test_records_of_one_sequence_number_go_in_the_order_of_their_ids() -> None:
    _, out = run(change("a", 1, record="2"), change("a", 1, record="1"), change("b"))
    assert [one.record for one in out] == ["1", "2"]


def test_a_transaction_has_one_instant_its_earliest() -> None:
    _, out = run(change("a", 1, AT + 1000), change("a", 2, AT), change("b", 1, AT + 5))
    assert [(one.sequence, one.at) for one in out] == [(1, AT), (2, AT)]


def test_closing_releases_what_is_held_and_what_comes_after_has_the_same_instant() -> None:
    held, out = run(change("a", 1, AT))
    assert out == []
    released = close(held)
    assert released.changes == (change("a", 1, AT),)
    assert close(released.held).changes == ()
    late = hold(released.held, change("a", 2, AT - 1000))
    assert close(late.held).changes == (change("a", 2, AT),)


def test_a_snapshot_overtakes_nothing_and_waits_for_nothing() -> None:
    held, out = run(change("a", 2), change("a", 1), SNAPSHOT, change("a", 3, AT - 1))
    assert out == [change("a", 1), change("a", 2), SNAPSHOT]
    assert close(held).changes == (change("a", 3, AT),)
    assert run(SNAPSHOT) == (Held(), [SNAPSHOT])


def test_a_transaction_that_is_too_large_is_released_in_pieces() -> None:
    held = Held("a", None, tuple(change("a", sequence) for sequence in range(HELD, 1, -1)))
    released = hold(held, change("a", 1, AT - 1))
    assert [one.sequence for one in released.changes] == list(range(1, HELD + 1))
    assert {one.at for one in released.changes} == {AT - 1}
    assert released.held == Held("a", AT - 1)


def test_the_bytes_that_are_held_are_bounded_too() -> None:
    held, out = run(change("b"), *(change("a", sequence, text="x" * (HELD_BYTES // 3)) for sequence in (1, 2, 3, 4)))
    assert [one.transaction for one in out] == ["b", "a", "a", "a"]
    assert [one.sequence for one in held.changes] == [4]
    assert held.bytes < HELD_BYTES


def test_so_is_one_change_that_is_larger_than_that() -> None:
    _, out = run(change("b"), change("a", text="x" * HELD_BYTES))
    assert [one.transaction for one in out] == ["b", "a"]


@given(st.lists(st.builds(change, st.sampled_from(["a", "b", ""]), st.integers(0, 3), st.integers(AT, AT + 3))))
def test_nothing_is_lost_doubled_or_moved_to_another_run(changes: list[Change]) -> None:
    held, out = run(*changes)
    out += close(held).changes
    assert [one.transaction for one in out] == [one.transaction for one in changes]
    assert sorted((one.transaction, one.sequence) for one in out) == sorted(
        (one.transaction, one.sequence) for one in changes
    )
