"""Room 6.  Profile: the core of the core.

State, one record, the log's clock and the policy go in; a new state and what follows from it go out.  A profile is the
home row of one alias.  An alias that belongs to another one keeps what it has here too, and passes on what comes: so
anonymous visitors come to an email address, and that with all of them to a user.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec.structs import replace

from streams.activity import AccountHeard, Current, Part, Share, Touch
from streams.events import (
    AccountState,
    Alias,
    Facts,
    Forget,
    Link,
    Millis,
    PartDetached,
    PartMoved,
    Record,
    ShareOf,
    Split,
    Told,
    UserEvent,
    row_of,
)
from streams.identifiers import order_key
from streams.policy import Policy
from streams.profile.forgetting import forget
from streams.profile.journey import report, signed_up_at
from streams.profile.keeping import bound, expire, is_stale, learn_traits, part_of, refold, seal_by_itself, visit
from streams.profile.membership import decide_segments, retire, settle, walk
from streams.profile.state import LONGEST_PATH, NEVER, TOLD, Attached, Profile, Step, pack_moved, unpack_moved

LINKS_AT_MOST = 1_000
"""Different people that one alias may be said to be: a kiosk must not grow a row without bound."""


Forwarded: TypeAlias = UserEvent | Facts | Told | AccountState | ShareOf | PartDetached


def apply(prior: Profile | None, record: Record, policy: Policy, *, clock: Millis | None) -> Step:
    """Fold one record of `user-events` into the row that it is keyed by: in place, or into a new one.

    `clock` is the partition's; None while a source has not ticked yet: then nothing is late.  Repeated, late and
    shuffled records give the same profile (docs/semantics.md); what was announced is never taken back.
    """
    profile = prior if prior is not None else _new(row_of(record), policy)
    if clock is not None and clock > profile.walked_to:
        # Rows that time concerns are woken when the clock moves: at a record nothing up to it is left to announce.
        profile.walked_to = clock
    step = Step(profile, journey=prior is None and profile.is_user)  # a user counts in the reports whatever it does
    if isinstance(record, UserEvent):
        _event(step, record, policy, clock)
    elif isinstance(record, Facts):
        _facts(step, record, policy, clock)
    elif isinstance(record, Told):
        _told(step, record)
    elif isinstance(record, AccountState | ShareOf):
        _of_account(step, record)
    elif isinstance(record, Link):
        _link(step, record, policy, clock)
    elif isinstance(record, Split):
        _split(step, record, policy, clock)
    elif isinstance(record, Forget):
        forget(step, record, policy, clock)
    elif isinstance(record, PartMoved):
        _part_moved(step, record, policy, clock)
    elif isinstance(record, PartDetached):
        _part_detached(step, record, policy, clock)
    else:
        raise AssertionError(record)  # row_of refused a tick
    if step.journey:
        report(step, policy)
    return step


def _new(alias: Alias, policy: Policy) -> Profile:
    return Profile(Part(alias), rule_version=policy.version, maps_version=policy.personas.version)


def advance(profile: Profile, instant: Millis, policy: Policy) -> Step:
    """Let time pass to `instant` without an event: members leave at the exact instant, even if it is long past.

    An instant before the one already reached changes nothing.
    """
    step = Step(profile, journey=profile.versions != policy.versions)
    profile.maps_version = policy.personas.version
    if not profile.is_user:
        profile.wakes_at, profile.rule_version = NEVER, policy.version
    elif instant > profile.walked_to or profile.rule_version != policy.version:
        retire(step, policy, instant)
        for segment in policy.segments:
            walk(step, segment, instant, policy)
        # Only here: a record that comes before the first tick under new rules must not hide that the row has to be
        # woken.
        profile.walked_to = max(instant, profile.walked_to)
        profile.rule_version = policy.version
        decide_segments(step, policy, instant)
    return step


def _event(step: Step, event: UserEvent, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    part = _taken(step, event) if not event.bot else None
    if part is None:
        return
    key = order_key(event.message_id)
    learn_traits(part, event, key)
    if event.source is not None:
        part.touch(Touch(event.at, key, event.source))
    if event.name == policy.attribution.sign_up:
        stamp = (event.at, key)
        part.signed_up = stamp if part.signed_up is None else min(part.signed_up, stamp)
        step.journey = True
    if clock is not None and event.at <= clock - policy.horizon_ms:
        step.late = True
        return
    if not event.name and not event.visit:
        return
    if clock is not None and is_stale(part, key, clock - policy.horizon_ms):
        expire(profile, clock - policy.horizon_ms, policy)
    if part.has(key):
        step.duplicate = True
        _copy(step, part, event, key, policy, clock)
        return
    part.add(event.name, event.at, key, event.source, visit=event.visit)
    bound(profile, part, event.name, policy, clock)
    if event.visit:
        step.journey |= visit(profile, event.at, key, event.source, policy)
    settle(step, policy, clock, event)


def _facts(step: Step, facts: Facts, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    if _came_home(profile, facts):
        return
    part, before = part_of(profile, facts.alias), profile.owner
    step.duplicate = part.record is not None and part.record.version >= facts.version
    if not step.duplicate:
        part.record = Current(facts.version, facts.object, facts.modified_at, facts.account, bytes(facts.fields))
        step.journey = True
        if facts.alias == profile.key:
            profile.said_to_be = facts.owner
    if profile.owner != before:
        _move(step, before, policy, clock)
    else:
        step.forwards = _passed_on(profile, facts)


def _told(step: Step, told: Told) -> None:
    profile = step.profile
    step.forwards = _passed_on(profile, told) if not _came_home(profile, told) else ()
    if step.forwards:
        return
    if told.once is not None and told.once in profile.told:
        step.duplicate = True
    else:
        if told.once is not None:
            profile.told = (*profile.told, told.once)[-TOLD:]
        step.announcements.append(replace(told, person=profile.key))


def _of_account(step: Step, said: AccountState | ShareOf) -> None:
    part = _taken(step, said)
    if part is None:
        return
    heard: Mapping[str, AccountHeard | Share] = part.accounts if isinstance(said, AccountState) else part.shares
    known = heard.get(said.account)
    step.duplicate = known is not None and known.number >= said.number
    if step.duplicate:
        return
    step.journey = True
    if isinstance(said, AccountState):
        part.accounts[said.account] = AccountHeard(said.number, bytes(said.state))
    else:
        part.shares[said.account] = Share(said.number, said.arr)


def _taken(step: Step, record: UserEvent | AccountState | ShareOf) -> Part | None:
    """Return the part that a record is for, and pass it on to the owner's; None: it came home."""
    profile = step.profile
    if _came_home(profile, record):
        return None
    step.forwards = _passed_on(profile, record)
    return part_of(profile, record.alias)


def _came_home(profile: Profile, record: Forwarded | PartMoved) -> bool:
    """Tell whether what the row has passed on came back to it."""
    return record.alias == profile.key and record.person == profile.key


def _passed_on(profile: Profile, record: Forwarded) -> tuple[Forwarded, ...]:
    """Forward a record to the row's owner, if there is one and the record has not come too far."""
    owner = profile.owner
    if owner is None or record.passed >= LONGEST_PATH:
        return ()
    return (replace(record, person=owner, passed=record.passed + 1),)


def _copy(step: Step, part: Part, event: UserEvent, key: bytes, policy: Policy, clock: Millis | None) -> None:
    """Keep the earliest of the copies of one message: a retry is stamped later than its first delivery."""
    stored = part.locate(key)
    if part.at(*stored) <= event.at:
        return
    part.forget(*stored)
    part.add(event.name, event.at, key, event.source, visit=event.visit)
    step.journey = True
    refold(step.profile, policy)
    # All segments: the later copy may have been counted by others, and may have been the person's latest event.
    settle(step, policy, clock)


def _link(step: Step, link: Link, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    before = profile.owner
    stamp = (link.at, order_key(link.message_id))
    known = profile.links.get(link.to)
    if known is not None and known <= stamp:
        step.duplicate = True
        return
    if known is None and len(profile.links) >= LINKS_AT_MOST:
        step.quarantined = True
        return
    profile.links[link.to] = stamp
    if profile.owner == before:
        step.quarantined = known is None
        return
    step.linked = True
    _move(step, before, policy, clock)


def _split(step: Step, split: Split, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    before = profile.owner
    word = (split.at, order_key(split.message_id), split.apart)
    if profile.split is not None and profile.split >= word:
        step.duplicate = True
        return
    profile.split = word
    if profile.owner != before:
        _move(step, before, policy, clock)


def _move(step: Step, before: Alias | None, policy: Policy, clock: Millis | None) -> None:
    """Take all that the row holds from its former owner, and give it to the present one."""
    profile = step.profile
    profile.moves += 1
    step.journey = True
    if clock is not None:
        expire(profile, clock - policy.horizon_ms, policy)
    step.forwards = (*_detached(profile, before), *_moved(profile))


def _detached(profile: Profile, before: Alias | None) -> Iterator[PartDetached]:
    """Take all that the row holds away from the alias that it belonged to."""
    if before is not None:
        yield PartDetached(profile.key, before, (profile.moves,))
        for alias, attached in profile.attached.items():
            yield PartDetached(alias, before, (*attached.path, profile.moves))


def _moved(profile: Profile) -> Iterator[PartMoved]:
    """Give all that the row holds to the alias that it belongs to: its own part, and those that came to it."""
    owner = profile.owner
    if owner is not None:
        own = Attached(profile.own, profile.sealed, kept=profile.kept)
        yield PartMoved(profile.key, owner, (profile.moves,), pack_moved(own))
        for alias, attached in profile.attached.items():
            yield PartMoved(alias, owner, (*attached.path, profile.moves), pack_moved(attached))


def _part_moved(step: Step, moved: PartMoved, policy: Policy, clock: Millis | None) -> None:
    profile, arrived = step.profile, unpack_moved(moved.part)
    if _came_home(profile, moved):
        return
    if (owner := profile.owner) is not None and len(moved.path) < LONGEST_PATH:
        step.forwards = (replace(moved, person=owner, path=(*moved.path, profile.moves)),)
    known = profile.attached.get(moved.alias)
    if known is not None and known.path > moved.path:
        step.duplicate = True
        return
    arrived.path = moved.path
    if clock is not None:
        boundary = clock - policy.horizon_ms
        expire(profile, boundary, policy)
        seal_by_itself(arrived, boundary, signed_up_at([*profile.parts(), arrived.part]), policy)
    profile.attached[moved.alias] = arrived
    step.journey = True
    refold(profile, policy)
    settle(step, policy, clock)


def _part_detached(step: Step, detached: PartDetached, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    if _came_home(profile, detached):
        return
    known = profile.attached.get(detached.alias)
    step.forwards = _passed_on(profile, detached)
    if known is None or known.path >= detached.path:
        step.duplicate = True
        return
    if clock is not None:
        expire(profile, clock - policy.horizon_ms, policy)
    del profile.attached[detached.alias]
    step.journey = True
    refold(profile, policy)
    settle(step, policy, clock)
