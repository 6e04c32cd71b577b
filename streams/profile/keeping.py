"""Room 6b.  Keeping: what of the past is kept one by one, what is sealed, and visits folded again where needed."""

from collections.abc import Iterator

from msgspec.structs import replace

from streams.activity import Known, Part, latest_known
from streams.events import Alias, Millis, Source, UserEvent
from streams.policy import UNITS_MS, Policy
from streams.profile.state import Attached, Profile
from streams.sessions import Sealed

SPARE_MS = UNITS_MS["d"]
"""Events older than the horizon are dropped once a day is due, not one by one."""


def attached_part(profile: Profile, alias: Alias) -> Part:
    """Return the part of another alias; empty where none is attached."""
    attached = profile.attached.get(alias)
    return attached.part if attached is not None else Part(alias)


def with_part(profile: Profile, part: Part) -> Profile:
    """Put a changed part in its place, the own one or an attached one."""
    if part.alias == profile.key:
        return profile if part is profile.own else replace(profile, own=part)
    before = profile.attached.get(part.alias)
    sealed = before.sealed if before is not None else Sealed()
    return replace(profile, attached=profile.attached | {part.alias: Attached(part, sealed)})


def with_traits(part: Part, event: UserEvent, key: bytes) -> Part:
    """Take email and name of an identify, late or repeated ones too: the latest by (at, order key) wins."""
    if event.email is None and event.full_name is None:
        return part
    email = Known(event.email, event.at, key) if event.email is not None else None
    full_name = Known(event.full_name, event.at, key) if event.full_name is not None else None
    return replace(part, email=latest_known(part.email, email), full_name=latest_known(part.full_name, full_name))


def is_stale(part: Part, key: bytes, boundary: Millis) -> bool:
    """Say whether a stored copy is due to be dropped: it makes no duplicates, or tidying rows would matter."""
    if part.oldest > boundary:
        return False
    stored = part.locate(key)
    return stored is not None and part.at(*stored) <= boundary


def bounded(profile: Profile, part: Part, name: str, policy: Policy, clock: Millis | None) -> Profile:
    """Keep the row small: drop what is older than the horizon, thin what is more than is kept one by one."""
    surplus = part.series[name].surplus(clock)
    if surplus:
        profile = _sealed_to(profile, part.series[name].instants()[surplus - 1], policy)
        thinned = part.series | {name: part.series[name].thinned(surplus)}
        profile = with_part(profile, replace(part, series=thinned))
    if clock is not None and part.oldest <= clock - policy.horizon_ms - SPARE_MS:
        return expired(profile, clock - policy.horizon_ms, policy)
    return profile


def expired(profile: Profile, boundary: Millis, policy: Policy) -> Profile:
    """Seal and drop what is at `boundary` or before, in all parts."""
    profile = _sealed_to(profile, boundary, policy)
    attached = {alias: Attached(found.part.since(boundary), found.sealed) for alias, found in profile.attached.items()}
    return replace(profile, own=profile.own.since(boundary), attached=attached)


def sealed_by_itself(arrived: Attached, boundary: Millis, policy: Policy) -> Attached:
    """Seal what a part brings that is older than `boundary`, before it meets the person's own visits."""
    if boundary <= arrived.sealed.to:
        return arrived
    due = (visit for visit in arrived.part.visits(arrived.sealed.to) if visit[0] <= boundary)
    sealed = Sealed(boundary, arrived.sealed.fold.visits(due, policy.web))
    return Attached(arrived.part.since(boundary), sealed)


def visited(profile: Profile, at: Millis, key: bytes, source: Source | None, policy: Policy) -> Profile:
    """Fold one visit; one that is not the latest makes all stored ones be folded again."""
    if profile.fold.follows(at, key):
        return replace(profile, fold=profile.fold.visit(at, key, source, policy.web))
    return refolded(profile, policy)


def refolded(profile: Profile, policy: Policy) -> Profile:
    """Fold all stored visits again, from the seal on."""
    return replace(profile, fold=profile.sealed.fold.visits(_unsealed(profile), policy.web))


def _sealed_to(profile: Profile, boundary: Millis, policy: Policy) -> Profile:
    if boundary <= profile.sealed.to:
        return profile
    due = (visit for visit in _unsealed(profile) if visit[0] <= boundary)
    return replace(profile, sealed=Sealed(boundary, profile.sealed.fold.visits(due, policy.web)))


def _unsealed(profile: Profile) -> Iterator[tuple[Millis, bytes, Source | None]]:
    yield from profile.own.visits(profile.sealed.to)
    for attached in profile.attached.values():
        yield from attached.part.visits(profile.sealed.to)
