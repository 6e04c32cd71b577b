"""Room 6c.  Keeping: what of the past is kept one by one, what is sealed, and visits folded again where needed.

All of it changes the profile in place.
"""

from streams.activity import Known, Part, latest_known
from streams.events import Alias, Millis, Source, UserEvent
from streams.policy import UNITS_MS, Policy
from streams.profile.journey import kept_after, signed_up_at
from streams.profile.state import Attached, Kept, Profile, Visited
from streams.sessions import Sealed, Visit

SPARE_MS = 3 * UNITS_MS["d"]
"""Events older than the horizon are dropped once a day is due, not one by one."""


def part_of(profile: Profile, alias: Alias) -> Part:
    """Return the part of an alias, the own one or an attached one; a new one where there is none yet."""
    if alias == profile.own.alias:
        return profile.own
    attached = profile.attached.get(alias)
    if attached is None:
        attached = profile.attached[alias] = Attached(Part(alias), Sealed())
    return attached.part


def learn_traits(part: Part, event: UserEvent, key: bytes) -> None:
    """Take email and name of an identify, late or repeated ones too: the latest by (at, order key) wins."""
    if event.email is not None:
        part.email = latest_known(part.email, Known(event.email, event.at, key))
    if event.full_name is not None:
        part.full_name = latest_known(part.full_name, Known(event.full_name, event.at, key))


def is_stale(part: Part, key: bytes, boundary: Millis) -> bool:
    """Say whether a stored copy is due to be dropped: it makes no duplicates, or tidying rows would matter."""
    return part.oldest <= boundary and part.has(key) and part.at(*part.locate(key)) <= boundary


def bound(profile: Profile, part: Part, name: str, policy: Policy, now: Millis) -> None:
    """Keep the row small: drop what is older than the horizon, thin what is more than is kept one by one."""
    surplus = part.series[name].surplus()
    if surplus:
        _seal(profile, part.at(name, surplus - 1), policy)
        part.thin(name, surplus)
    if part.oldest <= now - policy.horizon_ms - SPARE_MS:
        expire(profile, now - policy.horizon_ms, policy)


def expire(profile: Profile, boundary: Millis, policy: Policy) -> None:
    """Seal and drop what is at `boundary` or before, in all parts."""
    _seal(profile, boundary, policy)
    for part in profile.parts():
        part.expire(boundary)


def stored_bytes(profile: Profile) -> int:
    """Say how many bytes of the row are stored events and hour counts: what `expire` can free, hours at the least."""
    return sum(series.stored_bytes() for part in profile.parts() for series in part.series.values())


def seal_by_itself(arrived: Attached, boundary: Millis, signed_up: Millis | None, policy: Policy) -> None:
    """Seal what a part brings that is older than `boundary`, before it meets the person's own visits.

    `signed_up`: when the person did, by the row or the part; None: not.
    """
    if boundary <= arrived.sealed.to:
        return
    due = list(arrived.part.visits(arrived.sealed.to, boundary))
    arrived.sealed, arrived.kept = _sealed(arrived.sealed, arrived.kept, due, boundary, signed_up, policy)
    arrived.part.expire(boundary)


def visit(profile: Profile, at: Millis, key: bytes, source: Source | None, policy: Policy) -> bool:
    """Fold one visit, with those again that it comes before: the recent ones, or all that are stored.

    Say whether sessions may be others: it begins one, or comes before others.
    """
    recent = profile.recent
    later: list[Visited] = []
    while recent and (at, key) < (recent[-1].at, recent[-1].key):
        later.append(recent.pop())
    if later:
        profile.fold, profile.listed = later[-1].before, None
    if not profile.fold.follows(at, key):
        refold(profile, policy)
        return True
    begins = _fold(profile, at, key, source, policy)
    for one in reversed(later):
        _fold(profile, one.at, one.key, one.source, policy)
    return begins or bool(later)


def _fold(profile: Profile, at: Millis, key: bytes, source: Source | None, policy: Policy) -> bool:
    profile.recent.append(Visited(at, key, source, profile.fold))
    begins = profile.fold.begins(at, source, policy.web)
    if begins and profile.listed is not None:
        profile.listed.add((at, key, source))
    profile.fold = profile.fold.visit(at, key, source, policy.web)
    return begins


def refold(profile: Profile, policy: Policy) -> None:
    """Fold all stored visits again, from the seal on."""
    profile.recent.clear()
    profile.listed = None
    profile.fold = profile.sealed.fold.visits(profile.unsealed(), policy.web)


def _seal(profile: Profile, boundary: Millis, policy: Policy) -> None:
    if boundary <= profile.sealed.to:
        return
    if profile.listed is not None:
        profile.listed.seal(boundary)
    due, at = list(profile.unsealed(boundary)), signed_up_at(profile.parts())
    profile.sealed, profile.kept = _sealed(profile.sealed, profile.kept, due, boundary, at, policy)


def _sealed(
    sealed: Sealed, kept: Kept, due: list[Visit], boundary: Millis, signed_up: Millis | None, policy: Policy
) -> tuple[Sealed, Kept]:
    begun = sealed.fold.begun(due, policy.web)
    return (
        Sealed(boundary, sealed.fold.visits(due, policy.web)),
        kept_after(kept, begun, boundary, signed_up, policy.attribution),
    )
