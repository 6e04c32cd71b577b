"""People: whose event it is, and what an identify says of them."""

import re
from typing import Final

import msgspec

from streams.events import Alias, Rejected
from streams.identifiers import anon_alias, is_blocked, normalise, user_alias
from streams.intake.wire import WebEvent

MAX_EMAIL: Final = 320
MAX_FULL_NAME: Final = 200
_looks_like_email = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+").fullmatch


class Who(msgspec.Struct, frozen=True, gc=False):
    """The aliases of an event."""

    alias: Alias
    linked: Alias | None = None
    """The anonymous alias that the event says is this user."""


def who_of(event: WebEvent) -> Who | Rejected:
    """Find the aliases of an event.

    | type     | alias                                 | linked                              |
    |----------|---------------------------------------|-------------------------------------|
    | alias    | the user                              | previousId, as an anonymous one     |
    | identify | the user, else the anonymous one      | anonymousId, if there is a user too |
    | others   | the user, else the anonymous one      | none                                |

    `blocked-id` or `no-id` where the id that is needed names nobody.  A blocked anonymousId beside a good userId is as
    good as absent: the event is the user's all the same.
    """
    user_id = normalise(event.user_id)
    if user_id is None:
        return _anonymous(event)
    if is_blocked(user_id):
        return _blocked("userId")
    if event.type == "alias":
        return _linked(user_id, event.previous_id)
    if event.type == "identify" and (anonymous_id := normalise(event.anonymous_id)) and not is_blocked(anonymous_id):
        return Who(user_alias(user_id), anon_alias(anonymous_id))
    return Who(user_alias(user_id))


def _anonymous(event: WebEvent) -> Who | Rejected:
    anonymous_id = normalise(event.anonymous_id)
    if event.type == "alias" or anonymous_id is None:
        needed = "an alias call needs userId" if event.type == "alias" else "neither userId nor anonymousId"
        return Rejected("no-id", f"$: {needed}")
    if is_blocked(anonymous_id):
        return _blocked("anonymousId")
    return Who(anon_alias(anonymous_id))


def _linked(user_id: str, previous: str | None) -> Who | Rejected:
    previous_id = normalise(previous)
    if previous_id is None:
        return Rejected("no-id", "$.previousId: an alias call needs it")
    if is_blocked(previous_id):
        return _blocked("previousId")
    return Who(user_alias(user_id), anon_alias(previous_id))


def _blocked(field: str) -> Rejected:
    return Rejected("blocked-id", f"$.{field}: a word that names nobody, like null, 0 or anonymous")


class Traits(msgspec.Struct, frozen=True, gc=False):
    """What an identify says of the person; None: nothing usable."""

    email: str | None = None
    """Lower case."""
    full_name: str | None = None


NO_TRAITS: Final = Traits()


def traits_of(event: WebEvent) -> Traits:
    """Read the traits of an identify, those of the event before those of its context.

    Traits are free-form: whatever does not fit is ignored.
    """
    said = texts(event.traits)
    around = texts(event.context.traits) if event.context else {}
    return Traits(
        email=_email(said) or _email(around),
        full_name=_full_name(said) or _full_name(around),
    )


def texts(raw: msgspec.Raw) -> dict[str, str]:
    """Read a free-form object: {name: its text, trimmed}, of what is text and not blank."""
    given = msgspec.json.decode(raw) if raw else None
    if not isinstance(given, dict):
        return {}
    return {name: text.strip() for name, text in given.items() if isinstance(text, str) and text.strip()}


def _email(traits: dict[str, str]) -> str | None:
    email = traits.get("email", "").lower()
    return email if len(email) <= MAX_EMAIL and _looks_like_email(email) else None


def _full_name(traits: dict[str, str]) -> str | None:
    parts = (traits.get("firstName"), traits.get("lastName"))
    name = traits.get("name") or " ".join(part for part in parts if part)
    return name[:MAX_FULL_NAME].strip() or None
