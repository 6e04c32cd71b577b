"""What lanes may take in, from what all of them say: the rules of the board one by one; order never matters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.progress import (
    LAST,
    LEVELS,
    UNKNOWN,
    Board,
    Limits,
    Progress,
    Said,
    Sent,
    decode_said,
    encode_said,
    key_of_said,
    level_of,
)

SOURCES = ("web-events/0", "web-events/1")
PARTITIONS = 3
LAWS = settings(max_examples=200, deadline=None)
ANON, LEAD, CONTACT, EMAIL, USER = range(LEVELS)


def board(*heard: Said) -> Board:
    made = Board(SOURCES, "user-events", PARTITIONS)
    for said in heard:
        made.hear(said)
    return made


def tick(at: int, source: int = 0) -> Progress:
    return Progress(SOURCES[source], (at,))


def ticked(at: int) -> list[Progress]:
    """All sources have come so far."""
    return [tick(at, source) for source in range(len(SOURCES))]


def done(partition: int, *levels: int) -> Progress:
    """A lane of people says how far it is: level by level, or all alike."""
    return Progress(f"user-events/{partition}", levels if len(levels) > 1 else levels * LEVELS)


def sent(at: int, level: int, to: int, lane: str = SOURCES[0], ends: tuple[int, ...] = (0,) * PARTITIONS) -> Sent:
    """A lane has sent to the rows of one level in one partition, something of `at` the latest."""
    column = [UNKNOWN] * PARTITIONS
    column[to] = at
    return Sent(lane, at, {level: column} if level < LAST else {}, list(ends))


# Levels.


@pytest.mark.parametrize(
    ("alias", "level"),
    [
        ("anon:a1", ANON),
        ("sf:00Q000000000001AAA", LEAD),
        ("sf:003000000000001AAA", CONTACT),
        ("email:ann@example.com", EMAIL),
        ("user:u1", USER),
    ],
)
def test_the_levels_are_the_kinds_of_aliases_the_weakest_first(alias: str, level: int) -> None:
    assert level_of(alias) == level


def test_what_is_no_alias_is_on_the_last_level() -> None:
    assert level_of("device:d1") == level_of("") == LAST == USER


# The clock.


def test_nothing_is_known_until_each_source_has_ticked() -> None:
    assert board().clock == board(tick(5)).clock == UNKNOWN
    assert board(tick(5)).levels == (UNKNOWN,) * LEVELS


def test_the_clock_is_the_least_of_the_ticks() -> None:
    assert board(tick(5), tick(3, source=1)).clock == 3
    assert board(tick(5), tick(9, source=1)).clock == 5


def test_a_tick_never_goes_back() -> None:
    heard = board(*ticked(5))
    assert not heard.hear(tick(4))
    assert (heard.clock, heard.tick(SOURCES[0])) == (5, 5)


def test_a_source_that_has_not_ticked_or_is_none_has_no_tick() -> None:
    assert board().tick(SOURCES[0]) == board(tick(7)).tick("web-events/9") == UNKNOWN


def test_a_board_without_sources_knows_no_clock() -> None:
    assert Board((), "user-events", PARTITIONS).clock == UNKNOWN


# Levels wait for one another.


def test_where_nothing_was_sent_all_levels_go_with_the_clock() -> None:
    assert board(*ticked(9)).levels == (9,) * LEVELS


def test_the_levels_above_wait_until_what_was_sent_below_is_taken_in() -> None:
    waiting = board(*ticked(9), sent(7, CONTACT, to=1), done(1, 4))
    assert waiting.levels == (9, 9, 9, 4, 4)
    waiting.hear(done(1, 7))
    assert waiting.levels == (9,) * LEVELS


def test_a_level_waits_only_for_lanes_to_which_something_was_sent() -> None:
    assert board(*ticked(9), sent(7, ANON, to=1), done(1, 7), done(0, 2), done(2, 2)).levels == (9,) * LEVELS


def test_a_lane_that_has_said_nothing_is_waited_for_where_something_was_sent_to_it() -> None:
    assert board(*ticked(9), sent(7, EMAIL, to=2)).levels == (9, 9, 9, 9, UNKNOWN)


def test_for_what_is_sent_to_users_no_level_waits() -> None:
    assert board(*ticked(9), sent(7, USER, to=1)).levels == (9,) * LEVELS


def test_each_level_is_as_far_as_the_one_below_it_at_most() -> None:
    both = board(*ticked(9), sent(7, ANON, to=0), sent(8, EMAIL, to=1), done(0, 3), done(1, 6))
    assert both.levels == (9, 3, 3, 3, 3)
    both.hear(done(0, 7))
    assert both.levels == (9, 9, 9, 9, 6)


def test_a_lane_ahead_of_the_clock_takes_nobody_along() -> None:
    assert board(*ticked(5), sent(9, ANON, to=0), done(0, 20)).levels == (5,) * LEVELS


def test_somebody_waits_while_something_sent_is_newer_than_the_clock() -> None:
    waiting = board(*ticked(5), sent(6, USER, to=1))
    assert waiting.somebody_waits
    waiting.hear(tick(6))
    assert waiting.somebody_waits, "the other source has not come there"
    waiting.hear(tick(6, source=1))
    assert not waiting.somebody_waits


# What a lane may take in.


def test_limits_carry_how_far_the_partition_has_to_be_read_for_them() -> None:
    heard = board(*ticked(9), sent(7, USER, to=1, ends=(4, 0, 6)), sent(7, USER, 1, "user-events/2", ends=(3, 8, 9)))
    assert [heard.limits(partition).read_to for partition in range(PARTITIONS)] == [4, 8, 9]
    assert heard.limits(0) == Limits(heard.levels, 4)


@pytest.mark.parametrize(
    ("told", "is_at", "waits"),
    [(3, 7, True), (6, 8, True), (3, 6, False), (7, 8, False), (7, 7, False)],
    ids=["there now", "past it now", "not there yet", "told already", "nothing new"],
)
def test_others_wait_to_hear_that_a_lane_has_come_to_what_was_sent_to_it(told: int, is_at: int, waits: bool) -> None:
    waiting = board(sent(7, EMAIL, to=1))
    assert waiting.waits_for(1, (told,) * LEVELS, (is_at,) * LEVELS) == waits


def test_nobody_waits_for_another_partition_another_level_or_users() -> None:
    before, now = (3,) * LEVELS, (9,) * LEVELS
    assert not board(sent(7, EMAIL, to=1)).waits_for(0, before, now)
    assert not board(sent(7, EMAIL, to=1)).waits_for(1, (3, 3, 3, 9, 3), now)
    assert not board(sent(7, USER, to=1)).waits_for(1, before, now)


# What is not heard.


def test_whoever_is_unknown_is_not_heard() -> None:
    strangers = [Progress("web-events/9", (7,)), Progress("user-events/3", (7,) * LEVELS), Progress("x", (7,))]
    made = board(*ticked(5))
    assert [made.hear(said) for said in strangers] == [False] * 3
    assert (made.clock, made.levels) == (5, (5,) * LEVELS)


@pytest.mark.parametrize(
    "said",
    [
        Progress(SOURCES[0], ()),
        Progress(SOURCES[0], (7, 8)),
        Progress("user-events/0", (7,)),
        Progress("user-events/0", (7,) * (LEVELS + 1)),
        Sent(SOURCES[0], 7, {}, [1] * (PARTITIONS - 1)),
        Sent(SOURCES[0], 7, {ANON: [7] * (PARTITIONS + 1)}, [1] * PARTITIONS),
    ],
)
def test_what_has_another_length_than_it_can_have_is_not_heard_at_all(said: Said) -> None:
    made = board(*ticked(5))
    assert not made.hear(said)
    assert not made.somebody_waits
    assert [made.limits(partition) for partition in range(PARTITIONS)] == [Limits((5,) * LEVELS, 0)] * PARTITIONS


def test_what_is_said_of_levels_that_there_are_not_is_passed_over() -> None:
    made = board(*ticked(9))
    made.hear(Sent(SOURCES[0], 7, {LAST: [7] * PARTITIONS, -1: [7] * PARTITIONS, 99: [7]}, [1, 1, 1]))
    assert made.limits(0) == Limits((9,) * LEVELS, 1)


def test_a_board_says_what_is_news() -> None:
    made = board()
    for said in (tick(5), done(1, 3), sent(4, EMAIL, to=1), sent(4, USER, to=1, ends=(0, 2, 0))):
        assert [made.hear(said), made.hear(said)] == [True, False]


# Laws.

instants = st.integers(UNKNOWN, 12)
columns = st.lists(instants, min_size=PARTITIONS, max_size=PARTITIONS)
lanes = st.sampled_from([*SOURCES, *(f"user-events/{number}" for number in range(PARTITIONS))])
anything = st.one_of(
    st.builds(lambda lane, at: Progress(lane, (at,)), st.sampled_from(SOURCES), instants),
    st.builds(
        lambda number, levels: Progress(f"user-events/{number}", tuple(levels)),
        st.integers(0, PARTITIONS - 1),
        st.lists(instants, min_size=LEVELS, max_size=LEVELS),
    ),
    st.builds(
        Sent,
        lanes,
        instants,
        st.dictionaries(st.integers(0, LAST - 1), columns, max_size=3),
        st.lists(st.integers(0, 9), min_size=PARTITIONS, max_size=PARTITIONS),
    ),
)


def knows(made: Board) -> object:
    limits = [made.limits(partition) for partition in range(PARTITIONS)]
    return made.clock, limits, made.somebody_waits, [made.tick(source) for source in SOURCES]


@LAWS
@given(st.lists(anything, max_size=20), st.randoms())
def test_in_which_order_and_how_often_it_is_heard_does_not_matter(said: list[Said], random) -> None:
    shuffled = said + random.choices(said, k=5) if said else []
    random.shuffle(shuffled)
    assert knows(board(*shuffled)) == knows(board(*said))


@LAWS
@given(st.lists(anything, max_size=20))
def test_no_level_is_ever_ahead_of_the_one_below_it_or_of_the_clock(said: list[Said]) -> None:
    made = board(*said)
    assert list(made.levels) == sorted(made.levels, reverse=True)
    assert made.levels[0] == made.clock


@LAWS
@given(st.lists(anything, max_size=20), st.integers(0, LAST - 1), columns)
def test_who_says_more_of_what_was_sent_lets_nobody_go_farther(said: list[Said], level: int, column: list[int]) -> None:
    made = board(*said)
    before = made.levels
    made.hear(Sent(SOURCES[0], UNKNOWN, {level: column}, [0] * PARTITIONS))
    assert all(now <= then for now, then in zip(made.levels, before, strict=True))


@LAWS
@given(anything)
def test_what_is_said_is_read_as_it_was_written(said: Said) -> None:
    assert decode_said(encode_said(said)) == said


def test_a_later_word_of_a_lane_replaces_the_earlier_one_of_its_kind() -> None:
    assert key_of_said(tick(5)) == key_of_said(tick(9)) == "web-events/0"
    assert key_of_said(sent(5, EMAIL, to=1)) == "web-events/0/sent"
    assert key_of_said(done(0, 5)) == "user-events/0"


def test_the_rules_by_which_a_lane_decides_go_with_its_progress() -> None:
    said = Progress("user-events/0", (5,) * LEVELS, ((1, 0), (2, 4)))
    assert decode_said(encode_said(said)) == said


def test_what_was_complete_once_is_complete_for_good() -> None:
    """A lane that had nothing to say is known by what it said long ago; then it is sent something."""
    board = Board(("web-events/0",), "user-events", 1)
    board.hear(Progress("web-events/0", (100,)))
    assert board.levels == (100,) * LEVELS
    board.hear(Sent("web-events/0", 120, {0: [120]}, [1]))
    assert board.levels == (100,) * LEVELS
    board.hear(Progress("web-events/0", (130,)))
    assert board.levels == (130, *(100,) * LAST), "what was sent has to be taken in first"
