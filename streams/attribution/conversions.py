"""Room 7d.  Conversions: the touches and conversions of one document become its contribution to the reports.

In: sessions, touches and conversions, as they are known now, in any order.  Kept: nothing.  Out: a `Contribution`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec

from streams.activity import Touch
from streams.attribution.cells import (
    OF_TOUCHES,
    Cell,
    Contribution,
    Dimension,
    Measure,
    field_of,
    name,
    without_zeros,
)
from streams.attribution.models import Model, eligible, split, weights
from streams.attribution.money import Minor
from streams.events import Millis, Source
from streams.policy import Lookback

CONVERSION = 1_000_000
"""One conversion, in the millionths in which sign-ups, opportunities and won ones are credited."""
USUAL = Lookback()
UNATTRIBUTED = "(unattributed)"
"""The row of what no touch brought, in every dimension."""
NONE = "(none)"
"""The row of touches without a campaign, a source, a referrer."""


class Kind(StrEnum):
    """What a conversion is."""

    sign_up = "sign_up"
    opportunity = "opportunity"
    won = "won"


class Conversion(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that touches led to."""

    kind: Kind
    at: Millis
    arr: Minor = 0
    """Of a won opportunity; a negative amount takes back.  Of other kinds: not looked at."""


def from_sessions(sources: Iterable[Source | None]) -> Contribution:
    """Count sessions by the source of their touch; None: a session without a touch, unattributed."""
    cells: Contribution = defaultdict(int)
    for source in sources:
        for dimension in OF_TOUCHES:
            cells[Cell(dimension, _value(dimension, source), None, Measure.sessions)] += 1
    return dict(cells)


@lru_cache(maxsize=8_192)
def session_fields(source: Source | None) -> tuple[str, ...]:
    """Write the cells that one session of this source counts in as fields, one for each dimension of touches."""
    return tuple(field_of(cell) for cell in from_sessions([source]))


def from_conversions(
    touches: Iterable[Touch], conversions: Iterable[Conversion], lookback: Lookback = USUAL
) -> Contribution:
    """Credit conversions to the touches before them, under every model."""
    known = list(touches)
    cells: Contribution = defaultdict(int)
    for conversion in conversions:
        within = lookback.acquisition_ms if conversion.kind is Kind.sign_up else lookback.other_ms
        path = eligible(known, conversion.at, within)
        places = _places(path)
        for model, measure, parts in _credits(path, conversion):
            for dimension, value, indexes in places:
                cells[Cell(dimension, value, model, measure)] += sum([parts[index] for index in indexes])
    return without_zeros(cells)


def _places(path: list[Touch]) -> list[tuple[Dimension, str, list[int]]]:
    """Return, for each row that a path has to do with, which of its touches have that value; of an empty path: 0."""
    sources: list[Source | None] = [touch.source for touch in path]
    found: dict[tuple[Dimension, str], list[int]] = defaultdict(list)
    for index, source in enumerate(sources or [None]):
        for dimension in OF_TOUCHES:
            found[dimension, _value(dimension, source)].append(index)
    return [(dimension, value, indexes) for (dimension, value), indexes in found.items()]


def _credits(path: list[Touch], conversion: Conversion) -> Iterator[tuple[Model, Measure, list[int]]]:
    """Yield what each touch of a path gets, or of an empty path the one row of what is unattributed."""
    for model in Model:
        shares = weights(model, path) or [1]
        for measure, amount in _amounts(conversion):
            yield model, measure, split(amount, shares)


def _amounts(conversion: Conversion) -> tuple[tuple[Measure, int], ...]:
    match conversion.kind:
        case Kind.sign_up:
            return ((Measure.sign_ups, CONVERSION),)
        case Kind.opportunity:
            return ((Measure.opportunities, CONVERSION),)
        case Kind.won:
            return (Measure.won, CONVERSION), (Measure.arr, conversion.arr)


def _value(dimension: Dimension, source: Source | None) -> str:
    if source is None:
        return UNATTRIBUTED
    value: str | None = getattr(source, dimension)
    return name(value) if value else NONE
