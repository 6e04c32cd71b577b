"""People: whose event it is, and what an identify says of them."""

from functools import lru_cache
from typing import Final

import msgspec

from streams.events import Alias, Rejected
from streams.identifiers import anon_alias, is_blocked, normalise, user_alias
from streams.identity.mail import normalise_email
from streams.intake.wire import WebEvent

MAX_FULL_NAME: Final = 200
PEOPLE_REMEMBERED: Final = 16_384
"""People whose aliases are remembered: who is busy comes again soon."""


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
    if event.type == "alias":
        return _linked(event.user_id, event.previous_id)
    return _who(event.user_id, event.anonymous_id, event.type == "identify")


@lru_cache(maxsize=PEOPLE_REMEMBERED)
def _who(given_user: str | None, given_anonymous: str | None, identifies: bool) -> Who | Rejected:
    user_id, anonymous_id = normalise(given_user), normalise(given_anonymous)
    if user_id is None and anonymous_id is None:
        return Rejected("no-id", "$: neither userId nor anonymousId")
    if is_blocked(user_id or anonymous_id or ""):
        return _blocked("anonymousId" if user_id is None else "userId")
    if user_id is None:
        return Who(anon_alias(anonymous_id or ""))
    if identifies and anonymous_id is not None and not is_blocked(anonymous_id):
        return Who(user_alias(user_id), anon_alias(anonymous_id))
    return Who(user_alias(user_id))


def _linked(given_user: str | None, given_previous: str | None) -> Who | Rejected:
    user_id, previous_id = normalise(given_user), normalise(given_previous)
    if user_id is None:
        return Rejected("no-id", "$: an alias call needs userId")
    if is_blocked(user_id):
        return _blocked("userId")
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
    return normalise_email(traits.get("email", ""))


def _full_name(traits: dict[str, str]) -> str | None:
    parts = (traits.get("firstName"), traits.get("lastName"))
    name = traits.get("name") or " ".join(part for part in parts if part)
    return name[:MAX_FULL_NAME].strip() or None
