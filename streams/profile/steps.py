"""Room 6.  Profile: the core of the core.

State, one record, the log's clock and the policy go in; a new state and what follows from it go out.  A profile is the
home row of one alias.  An anonymous alias that is linked keeps its part here too, and passes on what comes.
"""

from msgspec.structs import replace

from streams.activity import Part, Touch
from streams.events import Link, Millis, PartDetached, PartMoved, Record, UserEvent, row_of
from streams.identifiers import order_key
from streams.policy import Policy
from streams.profile.keeping import (
    attached_part,
    bounded,
    expired,
    is_stale,
    refolded,
    sealed_by_itself,
    visited,
    with_part,
    with_traits,
)
from streams.profile.membership import decided, settled, walk, without_retired
from streams.profile.state import NEVER, Announcement, Attached, Profile, Step, pack_moved, unpack_moved

LINKS_AT_MOST = 1_000
"""Different people that one anonymous alias may be said to be: a kiosk must not grow a row without bound."""


def apply(prior: Profile | None, record: Record, policy: Policy, *, clock: Millis | None) -> Step:
    """Fold one record of `user-events` into the row that it is keyed by.

    `clock` is the partition's; None while a source has not ticked yet: then nothing is late.  Repeated, late and
    shuffled records give the same profile (docs/semantics.md); what was announced is never taken back.
    """
    profile = prior if prior is not None else Profile(Part(row_of(record)), rule_version=policy.version)
    profile = _walked(profile, clock)
    if isinstance(record, UserEvent):
        return _with_event(profile, record, policy, clock)
    if isinstance(record, Link):
        return _with_link(profile, record, policy, clock)
    if isinstance(record, PartMoved):
        return _with_part(profile, record, policy, clock)
    if isinstance(record, PartDetached):
        return _without_part(profile, record, policy, clock)
    raise AssertionError(record)  # row_of refused a tick


def advance(prior: Profile, instant: Millis, policy: Policy) -> Step:
    """Let time pass to `instant` without an event: members leave at the exact instant, even if it is long past.

    An instant before the one already reached changes nothing.
    """
    if not prior.is_user:
        return Step(replace(prior, wakes_at=NEVER, rule_version=policy.version))
    if instant <= prior.walked_to and prior.rule_version == policy.version:
        return Step(prior)
    announcements: list[Announcement] = []
    profile = without_retired(prior, policy, instant, announcements)
    for segment in policy.segments:
        profile = walk(profile, segment, instant, policy, announcements)
    # Only here: a record that comes before the first tick under new rules must not hide that the row has to be woken.
    profile = replace(profile, walked_to=max(instant, profile.walked_to), rule_version=policy.version)
    return decided(Step(profile), policy, instant, announcements)


def _walked(profile: Profile, clock: Millis | None) -> Profile:
    # Rows that time concerns are woken when the clock moves: at a record nothing up to it is left to announce.
    if clock is None or clock <= profile.walked_to:
        return profile
    return replace(profile, walked_to=clock)


def _with_event(profile: Profile, event: UserEvent, policy: Policy, clock: Millis | None) -> Step:
    if event.bot:
        return Step(profile)
    forwards = _forwarded(profile, event)
    part = profile.own if event.alias == profile.key else attached_part(profile, event.alias)
    key = order_key(event.message_id)
    part = with_traits(part, event, key)
    if event.source is not None:
        part = part.touched(Touch(event.at, key, event.source))
    profile = with_part(profile, part)
    if clock is not None and event.at <= clock - policy.horizon_ms:
        return Step(profile, forwards=forwards, late=True)
    if not event.name and not event.visit:
        return Step(profile, forwards=forwards)
    if clock is not None and is_stale(part, key, clock - policy.horizon_ms):
        profile = expired(profile, clock - policy.horizon_ms, policy)
        part = profile.own if event.alias == profile.key else attached_part(profile, event.alias)
    stored = part.locate(key)
    if stored is not None:
        if part.at(*stored) <= event.at:
            return Step(profile, forwards=forwards, duplicate=True)
        return replace(_earlier_copy(profile, part, event, key, stored, policy, clock), forwards=forwards)
    part = part.with_event(event.name, event.at, key, event.source, visit=event.visit)
    profile = bounded(with_part(profile, part), part, event.name, policy, clock)
    if event.visit:
        profile = visited(profile, event.at, key, event.source, policy)
    return replace(settled(profile, policy, clock, event), forwards=forwards)


def _earlier_copy(
    profile: Profile,
    part: Part,
    event: UserEvent,
    key: bytes,
    stored: tuple[str, int],
    policy: Policy,
    clock: Millis | None,
) -> Step:
    """Keep the earliest of the copies of one message: a retry is stamped later than its first delivery."""
    part = part.without_event(*stored).with_event(event.name, event.at, key, event.source, visit=event.visit)
    profile = refolded(with_part(profile, part), policy)
    # All segments: the later copy may have been counted by others, and may have been the person's latest event.
    return replace(settled(profile, policy, clock), duplicate=True)


def _with_link(profile: Profile, link: Link, policy: Policy, clock: Millis | None) -> Step:
    before = profile.person
    stamp = (link.at, order_key(link.message_id))
    known = profile.links.get(link.to)
    if known is not None and known <= stamp:
        return Step(profile, duplicate=True)
    if known is None and len(profile.links) >= LINKS_AT_MOST:
        return Step(profile, quarantined=True)
    linked = replace(profile, links=profile.links | {link.to: stamp})
    if linked.person == before:
        return Step(linked, quarantined=known is None and link.to != before)
    if clock is not None:
        linked = expired(linked, clock - policy.horizon_ms, policy)
    detached = () if before == profile.key else (PartDetached(profile.key, before),)
    moved = PartMoved(profile.key, linked.person, pack_moved(Attached(linked.own, linked.sealed)))
    return Step(linked, forwards=(*detached, moved), linked=True)


def _with_part(profile: Profile, moved: PartMoved, policy: Policy, clock: Millis | None) -> Step:
    arrived = unpack_moved(moved.part)
    if clock is not None:
        boundary = clock - policy.horizon_ms
        profile = expired(profile, boundary, policy)
        arrived = sealed_by_itself(arrived, boundary, policy)
    profile = replace(profile, attached=profile.attached | {moved.alias: arrived})
    return settled(refolded(profile, policy), policy, clock)


def _without_part(profile: Profile, detached: PartDetached, policy: Policy, clock: Millis | None) -> Step:
    if clock is not None:
        profile = expired(profile, clock - policy.horizon_ms, policy)
    attached = {alias: found for alias, found in profile.attached.items() if alias != detached.alias}
    return settled(refolded(replace(profile, attached=attached), policy), policy, clock)


def _forwarded(profile: Profile, event: UserEvent) -> tuple[Record, ...]:
    return (replace(event, person=profile.person),) if profile.links and event.alias == profile.key else ()
