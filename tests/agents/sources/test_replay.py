"""Replay without Kafka: what becomes of lines, in which order, with which time."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sources.replay import SpeedError, pace_of
from agents.sources.replay.lines import MOST_BYTES, Line, UnreadableError, read
from agents.sources.replay.timeline import (
    MARK_EVERY_MS,
    MOST_MARKS_IN_GAP,
    DisorderError,
    Event,
    Mark,
    as_received,
    disorder,
    in_order,
    stamped,
    with_marks,
)
from streams.instants import iso

T0 = 1_760_000_000_000
NOW = T0 + 400 * 86_400_000
HOUR = 3_600_000


def lines(*values: bytes) -> list[Line]:
    return [Line("f", number, value) for number, value in enumerate(values, start=1)]


def said(**fields: object) -> bytes:
    return json.dumps({"type": "track", "event": "e", "userId": "u1"} | fields).encode()


def event(at: int, number: int = 1) -> Event:
    return Event(at, b"u1", b"{}", Line("f", number, b"{}"))


def test_lines_come_without_their_ends_and_blank_ones_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"a":1}\r\n\n   \n{"b":2}')
    found = list(read([str(tmp_path / "a")]))
    assert [(line.number, line.value) for line in found] == [(1, b'{"a":1}'), (4, b'{"b":2}')]


def test_gzip_is_recognised_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(gzip.compress(b"1\n2\n"))
    assert [line.value for line in read([str(tmp_path / "a.ndjson")])] == [b"1", b"2"]


def test_files_are_read_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n")
    (tmp_path / "b").write_bytes(b"2\n")
    assert [line.value for line in read([str(tmp_path / "b"), str(tmp_path / "a")])] == [b"2", b"1"]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UnreadableError, match=r"nowhere\.ndjson: No such file"):
        list(read(["nowhere.ndjson"]))


def test_a_gzip_file_that_breaks_off_says_after_which_line(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(str(number).encode() + b"\n" for number in range(10_000)))
    (tmp_path / "a.gz").write_bytes(whole[:-12])
    with pytest.raises(UnreadableError, match=r"a\.gz after line \d+"):
        list(read([str(tmp_path / "a.gz")]))


def test_a_line_too_long_for_kafka_is_left_out_and_its_neighbours_are_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1\n" + b"x" * (3 * MOST_BYTES) + b"\n" + b"y" * MOST_BYTES + b"\n3\n")
    assert [(line.number, len(line.value)) for line in read([str(tmp_path / "a")])] == [
        (1, 1),
        (2, 0),
        (3, MOST_BYTES),
        (4, 1),
    ]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (said(), b"u1"),
        (said(userId=None, anonymousId="a1"), b"a1"),
        (said(userId="  ", anonymousId="a1"), b"a1"),
        (said(userId=None), None),
        (said(userId=["u1"]), None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        (b"17", None),
    ],
)
def test_the_key_is_the_user_else_the_anonymous_id_else_there_is_none(value: bytes, key: bytes | None) -> None:
    (found,) = as_received(lines(value), NOW)
    assert (found.key, found.value) == (key, value)


def test_without_the_files_clock_nothing_is_stamped() -> None:
    value = said(sentAt=iso(T0))
    assert [found.value for found in as_received(lines(value), NOW)] == [value]


def test_received_time_is_what_the_event_says() -> None:
    value = said(receivedAt=iso(T0), sentAt=iso(T0 - 5), timestamp=iso(T0 - 9))
    (found,) = stamped(lines(value), NOW)
    assert (found.at, found.value) == (T0, value)


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"sentAt": iso(T0 + 2), "originalTimestamp": iso(T0)}, T0 + 2),
        ({"originalTimestamp": iso(T0 + 1), "timestamp": iso(T0)}, T0 + 1),
        ({"timestamp": "2025-10-09T10:53:20.0009+02:00"}, T0),
        ({"receivedAt": None, "timestamp": iso(T0)}, T0),
    ],
)
def test_an_absent_received_time_is_stamped_from_the_senders(fields: dict[str, object], at: int) -> None:
    (found,) = stamped(lines(said(**fields) + b"  "), NOW)
    stored = json.loads(found.value)
    assert (found.at, stored["receivedAt"]) == (at, iso(at))
    assert stored | {"receivedAt": None} == json.loads(said(**fields)) | {"receivedAt": None}
    assert found.value.count(b"receivedAt") == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"{",
        said(),
        said(timestamp="yesterday"),
        said(timestamp="2025-10-09T10:53:20"),
        said(receivedAt=iso(NOW + 1)),
        said(receivedAt="0001-01-01T00:00:00Z"),
    ],
)
def test_a_line_without_a_time_stays_as_it_is_and_takes_its_neighbours(broken: bytes) -> None:
    dated = said(receivedAt=iso(T0))
    found = list(stamped(lines(broken, dated, broken), NOW))
    assert [(item.at, item.value) for item in found] == [(T0, broken), (T0, dated), (T0, broken)]


def test_a_file_without_any_time_is_received_now() -> None:
    assert [found.at for found in stamped(lines(b"{", b"}"), NOW)] == [NOW, NOW]


def test_lines_out_of_received_order_are_sorted_and_equal_ones_keep_their_order() -> None:
    events = [event(T0 + 5, 1), event(T0, 2), event(T0 + 5, 3)]
    count, found = disorder(events)
    assert found == events[1].line
    assert [item.line.number for item in in_order(events, count, found)] == [2, 1, 3]


def test_too_many_lines_out_of_order_are_refused_with_the_place() -> None:
    with pytest.raises(DisorderError, match="f:7: received before the line above it; 3,000,000 lines"):
        in_order([], 3_000_000, Line("f", 7, b""))


def test_the_last_mark_is_the_latest_received_time() -> None:
    assert list(with_marks([event(T0), event(T0 + 5)]))[-1] == Mark(T0 + 5)


def test_no_events_no_marks() -> None:
    assert list(with_marks([])) == []


def test_an_event_on_the_hour_comes_before_the_mark_of_that_hour() -> None:
    hour = -(-T0 // HOUR) * HOUR
    found = list(with_marks([event(T0), event(hour), event(hour + 1)]))
    assert found == [event(T0), event(hour), Mark(hour), event(hour + 1), Mark(hour + 1)]


def test_a_silence_has_a_mark_each_hour() -> None:
    marks = [item.at for item in with_marks([event(T0), event(T0 + 10 * HOUR)]) if isinstance(item, Mark)]
    assert len(marks) == 11
    assert all(later - sooner <= HOUR for sooner, later in pairwise(marks))


def test_a_silence_of_years_does_not_cost_millions_of_marks() -> None:
    assert sum(isinstance(item, Mark) for item in with_marks([event(0), event(NOW)])) <= MOST_MARKS_IN_GAP + 1


@given(st.lists(st.integers(0, 30 * HOUR), max_size=40).map(sorted))
def test_no_mark_reaches_an_event_that_is_still_to_come(times: list[int]) -> None:
    latest = -1
    for item in with_marks([event(T0 + at) for at in times]):
        if isinstance(item, Mark):
            assert item.at > latest or latest == -1
            latest = item.at
        else:
            assert item.at is not None
            assert item.at > latest
    assert latest == (T0 + times[-1] if times else -1)
    assert MARK_EVERY_MS == HOUR


@pytest.mark.parametrize(("text", "pace"), [("max", float("inf")), ("1x", 1.0), ("60x", 60.0), ("0.5x", 0.5)])
def test_speed_is_a_factor(text: str, pace: float) -> None:
    assert pace_of(text) == pace


@pytest.mark.parametrize("text", ["", "fast", "0x", "-1x", "nan"])
def test_another_speed_is_refused(text: str) -> None:
    with pytest.raises(SpeedError, match="should be max, or a factor"):
        pace_of(text)
