"""What a lane says of what it sent to the lanes of people."""

from agents.processors.sending import Sending
from streams.events import NO_TIME
from streams.progress import LAST, UNKNOWN, level_of

VISITOR, ADDRESS, USER = "anon:a1", "email:e1", "user:u1"
ANON, EMAIL = level_of(VISITOR), level_of(ADDRESS)
PARTITIONS = 3


def sending(packed: bytes | None = None) -> Sending:
    return Sending("web-events/0", PARTITIONS, packed)


def noted(*notes: tuple[str, int, int], packed: bytes | None = None) -> Sending:
    """After records of (row, partition, received time)."""
    made = sending(packed)
    for row, partition, received_at in notes:
        made.note(row, partition, received_at)
    return made


def test_a_new_lane_has_sent_nothing_and_says_so() -> None:
    said = sending().reached({})
    assert (said.lane, said.newest, said.below, said.ends) == ("web-events/0", UNKNOWN, {}, [0] * PARTITIONS)


def test_for_each_level_and_partition_the_largest_received_time_is_told() -> None:
    said = noted((VISITOR, 0, 5), (VISITOR, 2, 9), (ADDRESS, 0, 7), (VISITOR, 0, 4)).reached({})
    assert said.below == {ANON: [5, UNKNOWN, 9], EMAIL: [7, UNKNOWN, UNKNOWN]}
    assert said.newest == 9


def test_of_what_goes_to_users_only_the_received_time_is_told() -> None:
    said = noted((USER, 0, 9)).reached({})
    assert (said.newest, said.below) == (9, {})
    assert level_of(USER) == LAST


def test_nobody_waits_for_what_has_no_received_time() -> None:
    said = noted((VISITOR, 0, NO_TIME)).reached({})
    assert (said.newest, said.below) == (UNKNOWN, {})


def test_where_the_messages_of_a_commit_ended_is_told_of_user_events_only() -> None:
    made = noted((USER, 1, 5))
    assert made.sent({("user-events", 1): 7, ("rejected-events", 0): 3}).ends == [0, 7, 0]
    assert made.sent({("user-events", 0): 2}).ends == [2, 7, 0]


def test_ends_never_go_back() -> None:
    made = noted((USER, 1, 5))
    made.reached({0: 9, 1: 9})
    assert made.sent({("user-events", 1): 4}).ends == [9, 9, 0]


def test_a_new_owner_knows_what_was_sent_and_not_up_to_where() -> None:
    again = noted((ADDRESS, 2, 4), packed=noted((VISITOR, 0, 5), (ADDRESS, 1, 7)).pack())
    said = again.reached({0: 3, 1: 3, 2: 3})
    assert said.below == {ANON: [5, UNKNOWN, UNKNOWN], EMAIL: [UNKNOWN, 7, 4]}
    assert (said.newest, said.ends) == (7, [3, 3, 3])


def test_whether_something_was_ever_sent_is_known_by_the_row() -> None:
    made = noted((USER, 1, 5))
    assert not made.has_sent, "not committed: nobody has it"
    assert sending(made.pack()).has_sent


def test_what_was_told_does_not_change_with_what_is_sent_next() -> None:
    made = noted((VISITOR, 0, 5))
    said = made.sent({("user-events", 0): 1})
    made.note(VISITOR, 0, 9)
    made.sent({("user-events", 0): 2})
    assert (said.below, said.ends) == ({ANON: [5, UNKNOWN, UNKNOWN]}, [1, 0, 0])
