"""Room 7c.  Cells: the numbers that reports are made of, and what one document (a person, an account) adds to them.

In and out: `Contribution`s, integers that only ever add up.  Whatever changes in a document, late or taken back, the
reports change by `subtract(new, old)`: nothing is rebuilt.
"""

from enum import StrEnum
from hashlib import md5
from itertools import product
from typing import NamedTuple, TypeAlias

from streams.attribution.models import Model

NAME_CHARACTERS = 100
"""Campaign names are what people typed: longer ones are cut."""
DIGEST_CHARACTERS = 16


class Dimension(StrEnum):
    """What the rows of a report are."""

    campaign = "campaign"
    channel = "channel"
    """Touchline's names."""
    ga4 = "ga4"
    """GA4's default channel group."""
    source = "source"
    referrer = "referrer"
    persona = "persona"
    """`role / industry / size`, the next three."""
    role = "role"
    industry = "industry"
    size = "size"
    """Of the company, in employees."""
    seniority = "seniority"
    title = "title"  # type: ignore[assignment]  # hides str.title, which nobody asks of a dimension
    """As it stands in the CRM."""
    account = "account"
    """The Account's id."""


OF_TOUCHES = (Dimension.campaign, Dimension.channel, Dimension.ga4, Dimension.source, Dimension.referrer)
"""Each is a field of `Source`."""
OF_PEOPLE = tuple(dimension for dimension in Dimension if dimension not in OF_TOUCHES)


class Measure(StrEnum):
    """What the columns of a report are."""

    sessions = "sessions"
    """Whole sessions, the same under every model."""
    sign_ups = "sign_ups"
    """In millionths, as the next two."""
    opportunities = "opportunities"
    won = "won"
    arr = "arr"
    """In minor units of the corporate currency."""
    people = "people"
    """Whole people, by dimensions of people only."""


class Cell(NamedTuple):
    """The name of one number."""

    dimension: Dimension
    value: str
    """As `name` makes it: at most `NAME_CHARACTERS`."""
    model: Model | None
    """None: the number is the same under every model (sessions, and all by dimensions of people)."""
    measure: Measure


Contribution: TypeAlias = dict[Cell, int]
"""{cell: what is added to it}.  A cell that would be 0 is absent, so what comes to nothing is empty."""


def add(one: Contribution, other: Contribution) -> Contribution:
    """Return both together."""
    return without_zeros({cell: one.get(cell, 0) + other.get(cell, 0) for cell in one | other})


def subtract(new: Contribution, old: Contribution) -> Contribution:
    """Return what has to be added to sums that have `old` in them so that they have `new` in them."""
    return without_zeros({cell: new.get(cell, 0) - old.get(cell, 0) for cell in new | old})


def without_zeros(cells: Contribution) -> Contribution:
    """Return the cells that are not 0."""
    return {cell: amount for cell, amount in cells.items() if amount}


def name(value: str) -> str:
    """Return a value as reports name it: one of over 100 characters is cut, and told apart by a digest of the whole."""
    if len(value) <= NAME_CHARACTERS:
        return value
    digest = md5(value.encode(), usedforsecurity=False).hexdigest()[:DIGEST_CHARACTERS]
    return f"{value[: NAME_CHARACTERS - DIGEST_CHARACTERS - 1]}~{digest}"


_DIMENSIONS = {
    Dimension.campaign: "c",
    Dimension.channel: "h",
    Dimension.ga4: "g",
    Dimension.source: "s",
    Dimension.referrer: "r",
    Dimension.persona: "p",
    Dimension.role: "o",
    Dimension.industry: "i",
    Dimension.size: "z",
    Dimension.seniority: "y",
    Dimension.title: "t",
    Dimension.account: "a",
}
_MODELS = {
    None: "-",
    Model.first: "f",
    Model.last: "l",
    Model.last_non_direct: "n",
    Model.linear: "e",
    Model.position: "p",
    Model.time_decay: "d",
}
_MEASURES = {
    Measure.sessions: "s",
    Measure.sign_ups: "u",
    Measure.opportunities: "o",
    Measure.won: "w",
    Measure.arr: "a",
    Measure.people: "p",
}
_KINDS = {
    f"{_DIMENSIONS[dimension]}{_MODELS[model]}{_MEASURES[measure]}:": (dimension, model, measure)
    for dimension, model, measure in product(_DIMENSIONS, _MODELS, _MEASURES)
}
_PREFIX_CHARACTERS = 4


def field_of(cell: Cell) -> str:
    """Write a cell as a field of a Redis hash: a letter each for dimension, model and measure, then `:` and the value.

    Stored: a letter never gets another meaning.
    """
    return f"{_DIMENSIONS[cell.dimension]}{_MODELS[cell.model]}{_MEASURES[cell.measure]}:{cell.value}"


def cell_of(field: str) -> Cell:
    """Read what `field_of` wrote; what begins otherwise is a KeyError."""
    dimension, model, measure = _KINDS[field[:_PREFIX_CHARACTERS]]
    return Cell(dimension, field[_PREFIX_CHARACTERS:], model, measure)
