"""Verify, accounts.  Bare: a message without what may as well be absent (docs/accounts.md, part 1)."""

from typing import Any

WHOLE = ("fields", "change")
"""What a record says itself: compared as it stands."""


def bare(value: Any) -> Any:
    """Leave out what is null or empty, at any depth but in what a record says itself.  Zero and `""` are values."""
    if isinstance(value, list):
        return [bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    inner = {name: one if name in WHOLE else bare(one) for name, one in value.items()}
    return {name: one for name, one in inner.items() if not _empty(one)}


def _empty(value: Any) -> bool:
    return value is None or value is False or value in ([], {})
