"""Room 8.  Contributions: what a person adds to the reports, and how a document's contribution looks outside.

Rules: docs/attribution.md, "What people and accounts contribute".
"""

from functools import lru_cache
from typing import TypeAlias

import msgspec

from streams.attribution.cells import Contribution, field_of
from streams.attribution.conversions import Conversion, Kind, from_conversions
from streams.attribution.personas import from_person
from streams.personas.persona import Persona
from streams.policy import Policy
from streams.profile.journey import listed, signed_up_at, touches_of
from streams.profile.persona import persona_of, title_of
from streams.profile.state import Profile

_encode = msgspec.json.Encoder().encode
"""Not orjson's: what that returns keeps a buffer of at least 4 KiB, and thousands of messages wait for a commit."""

Fields: TypeAlias = dict[str, int]
"""{cell, as `field_of` writes it: what is added to it}.  A cell that would be 0 is absent."""


def person_contribution(profile: Profile, policy: Policy) -> Fields:
    """Make what a row adds to the reports; of an alias that belongs to another one: nothing."""
    if profile.owner is not None:
        return {}
    fields = dict(listed(profile, policy).sessions)
    if (at := signed_up_at(profile.parts())) is not None:
        sign_up = [Conversion(Kind.sign_up, at)]
        fields.update(fields_of(from_conversions(touches_of(profile, policy), sign_up, policy.attribution.lookback)))
    if profile.is_user or profile.records:
        fields.update(_persona(profile, policy))
    return fields


def fields_of(cells: Contribution) -> Fields:
    """Write the cells as fields."""
    return {field_of(cell): amount for cell, amount in cells.items()}


def contribution_message(document: str, fields: Fields) -> bytes | None:
    """Write the value of a `contributions` message; None: the document adds nothing."""
    return _encode({"document": document, "cells": fields}) if fields else None


def _persona(profile: Profile, policy: Policy) -> Fields:
    found = profile.account
    account = found[0] if found is not None else None
    arr = sum(share.arr for part in profile.parts() for share in part.shares.values())
    return _persona_fields(persona_of(profile, policy), title_of(profile), account, arr)


@lru_cache(maxsize=8_192)
def _persona_fields(persona: Persona, title: str | None, account: str | None, arr: int) -> Fields:
    return fields_of(from_person(persona, title, account, arr))
