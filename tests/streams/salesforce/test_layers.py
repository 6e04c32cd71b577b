import json
from itertools import pairwise

from streams.salesforce.change import Change
from streams.salesforce.layers import Layer, Stamp, said, stamp_of, write

EARLY, LATE = Stamp(1, 1, "t", 1), Stamp(2, 1, "t", 1)


def test_the_later_stamp_wins_whichever_comes_first() -> None:
    forth = write(write((), EARLY, {"A": 1, "B": 1}), LATE, {"A": 2})
    back = write(write((), LATE, {"A": 2}), EARLY, {"B": 1, "A": 1})
    assert forth == back == (Layer(LATE, {"A": 2}), Layer(EARLY, {"B": 1}))
    assert (said(forth, "A"), said(forth, "B"), said(forth, "C")) == ((LATE, 2), (EARLY, 1), None)


def test_a_change_with_no_say_leaves_no_layer() -> None:
    assert write(write((), LATE, {"A": 2}), EARLY, {"A": 1}) == (Layer(LATE, {"A": 2}),)
    assert write(write((), EARLY, {"A": 1}), LATE, {"A": 2}) == (Layer(LATE, {"A": 2}),)
    assert write((), LATE, {}) == ()


def test_of_equal_stamps_the_greater_text_wins() -> None:
    for one, other in ((9, 10), ("a", "b"), (None, "x"), (False, True)):
        greater = max(one, other, key=lambda value: json.dumps(value).encode())
        assert said(write(write((), EARLY, {"A": one}), EARLY, {"A": other}), "A") == (EARLY, greater)
        assert said(write(write((), EARLY, {"A": other}), EARLY, {"A": one}), "A") == (EARLY, greater)


def test_stamps_go_by_instant_then_snapshot_before_change_then_transaction_then_sequence() -> None:
    def stamped(at: int, kind: str, transaction: str = "", sequence: int = 0) -> Stamp:
        return stamp_of(Change("Contact", "c", kind, at, transaction, sequence))  # type: ignore[arg-type]

    ordered = [
        stamped(1, "update", "z", 9),
        stamped(2, "snapshot", "", 5),
        stamped(2, "snapshot", "", 6),
        stamped(2, "delete", "a", 9),
        stamped(2, "update", "b", 1),
        stamped(2, "create", "b", 2),
    ]
    assert all(one < other for one, other in pairwise(ordered))
