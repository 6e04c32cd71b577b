"""Instants as text."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.instants import iso

_2101 = 4_133_980_800_000


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (86_399_999, "1970-01-01T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_760_000_000_007, "2025-10-09T08:53:20.007Z"),
    ],
)
def test_an_instant_is_written_in_utc_with_milliseconds(at: int, text: str) -> None:
    assert iso(at) == text


@settings(max_examples=200, deadline=None)
@given(st.integers(0, _2101))
def test_any_instant_can_be_read_back(at: int) -> None:
    assert (datetime.fromisoformat(iso(at)) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == at


@settings(max_examples=100, deadline=None)
@given(st.integers(0, _2101), st.integers(0, _2101))
def test_text_sorts_as_time_does(one: int, other: int) -> None:
    assert (iso(one) < iso(other)) == (one < other)
