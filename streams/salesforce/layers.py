"""Layers: what a record's fields are and which change said so; of two that say one field, the later stamp wins.

Kept: one layer for each change that still has a say, newest first; each field is in one of them.  So the changes of a
record give the same layers in every order, and however often they come.
"""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any, TypeAlias

import msgspec

from streams.events import Millis
from streams.salesforce.change import Change, Values

SNAPSHOT, CHANGE = 0, 1
"""Of one instant a change is later: what REST reads has whole seconds, rounded down."""


class Stamp(msgspec.Struct, frozen=True, array_like=True, order=True, gc=False):
    """When a field was set; compared from the first to the last."""

    at: Millis
    rank: int
    """`SNAPSHOT` or `CHANGE`."""
    transaction: str
    sequence: int


class Layer(msgspec.Struct, frozen=True, array_like=True):
    """The fields of one change that no later one has set.  Never empty."""

    stamp: Stamp
    values: Values
    """Sorted by name, so that equal layers are equal bytes."""


Layers: TypeAlias = tuple[Layer, ...]


def stamp_of(change: Change) -> Stamp:
    """Stamp what a change sets."""
    return Stamp(change.at, SNAPSHOT if change.type == "snapshot" else CHANGE, change.transaction, change.sequence)


def write(layers: Layers, stamp: Stamp, values: Mapping[str, Any]) -> Layers:
    """Set fields as of `stamp`; those with a later stamp stay.

    Of equal stamps the value whose JSON text is greater, byte by byte, wins: no order of arrival may decide.
    """
    newer = tuple(takewhile(lambda layer: layer.stamp > stamp, layers))
    settled = {name for layer in newer for name in layer.values}
    won = {name: value for name, value in values.items() if name not in settled}
    older: list[Layer] = []
    for layer in layers[len(newer) :]:
        if layer.stamp == stamp:
            won = _greater(layer.values, won)
        elif left := _left(layer, won):
            older.append(left)
    own = (Layer(stamp, dict(sorted(won.items()))),) if won else ()
    return (*newer, *own, *older)


def said(layers: Layers, name: str) -> tuple[Stamp, Any] | None:
    """Find what a field is, and since which stamp; None: nothing was ever said of it."""
    return next(((layer.stamp, layer.values[name]) for layer in layers if name in layer.values), None)


def _left(layer: Layer, won: Values) -> Layer | None:
    if layer.values.keys().isdisjoint(won):
        return layer
    values = {name: value for name, value in layer.values.items() if name not in won}
    return Layer(layer.stamp, values) if values else None


def _greater(one: Values, other: Values) -> Values:
    text = msgspec.json.encode
    return one | {n: value for n, value in other.items() if n not in one or text(value) > text(one[n])}
