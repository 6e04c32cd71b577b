"""Touches to try attribution with, as values and as hypothesis draws them."""

from hypothesis import strategies as st

from streams.activity import Touch
from streams.attribution import Conversion, Kind
from streams.events import Source
from streams.identifiers import order_key
from streams.instants import DAY_MS

T0 = 1_760_000_000_000

DIRECT = Source("Direct", "Direct")
SEARCH = Source("Organic Search", "Organic Search", source="google", referrer="www.google.com")
SPRING = Source("Email", "Email", source="news", campaign="spring")
SUMMER = Source("Email", "Email", source="ads", campaign="summer")
SOURCES = [DIRECT, SEARCH, SPRING, SUMMER, Source("Paid Search", "Direct", campaign="x" * 200)]


def touch(at: int, source: Source, number: int = 0) -> Touch:
    return Touch(at, order_key(f"m{number:03}"), source)


def path(*sources: Source, apart_ms: int = DAY_MS) -> list[Touch]:
    """Touches at equal distances; the last is at T0."""
    return [touch(T0 - (len(sources) - 1 - place) * apart_ms, source) for place, source in enumerate(sources)]


instants = st.one_of(
    st.integers(T0 - 130 * DAY_MS, T0 + DAY_MS),
    st.integers(T0 - 3, T0 + 3),
    st.sampled_from([T0 - 7 * DAY_MS, T0 - 14 * DAY_MS, T0 - 30 * DAY_MS, T0 - 90 * DAY_MS]),
)
touches = st.builds(touch, instants, st.sampled_from(SOURCES), st.integers(0, 5))
amounts = st.one_of(st.integers(-200, 200), st.integers(-(10**15), 10**15))
conversions = st.builds(Conversion, st.sampled_from(Kind), instants, amounts)
