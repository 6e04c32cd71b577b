"""Room 6.  Profile: the core of the core.

State, one record, its received time and the policy go in; a new state and what follows from it go out.  A profile is
the home row of one alias.  An alias that belongs to another one keeps what it has here too, and passes on what comes:
so anonymous visitors come to an email address, and that with all of them to a user.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec.structs import replace

from streams.activity import AccountHeard, Current, Part, Share, Touch
from streams.events import (
    NO_TIME,
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
    Taken,
    Told,
    UserEvent,
    row_of,
)
from streams.identifiers import order_key
from streams.policy import Policy
from streams.profile.forgetting import forget
from streams.profile.journey import report, signed_up_at
from streams.profile.keeping import bound, expire, is_stale, learn_traits, part_of, refold, seal_by_itself, visit
from streams.profile.membership import adopt, decide_until, note
from streams.profile.state import LONGEST_PATH, TOLD, Attached, Profile, Step, pack_moved, unpack_moved

LINKS_AT_MOST = 1_000
"""Different people that one alias may be said to be: a kiosk must not grow a row without bound."""


Forwarded: TypeAlias = UserEvent | Facts | Told | AccountState | ShareOf | PartDetached


def apply(prior: Profile | None, record: Record, policy: Policy, *, now: Millis) -> Step:
    """Fold one record of `user-events` into the row that it is keyed by: in place, or into a new one.

    `now` is the record's received time; records of one row have to come in that order.  Repeated, late and, within one
    received time, shuffled records give the same profile (docs/semantics.md).  What the record changes of segments is
    decided when a later one comes, or by `advance`.
    """
    profile = prior if prior is not None else _new(row_of(record), policy)
    step = Step(profile, journey=prior is None and profile.is_user)  # a user counts in the reports whatever it does
    decide_until(step, policy, now - 1)
    if isinstance(record, UserEvent):
        _event(step, record, policy, now)
    elif isinstance(record, Facts):
        _facts(step, record, policy, now)
    elif isinstance(record, Told):
        _told(step, record)
    elif isinstance(record, AccountState | ShareOf):
        _of_account(step, record)
    elif isinstance(record, Link):
        _link(step, record, policy, now)
    elif isinstance(record, Split):
        _split(step, record, policy, now)
    elif isinstance(record, Forget):
        forget(step, record, policy, now)
    elif isinstance(record, PartMoved):
        _part_moved(step, record, policy, now)
    elif isinstance(record, PartDetached):
        _part_detached(step, record, policy, now)
    else:
        raise AssertionError(record)  # row_of refused a barrier
    if step.journey:
        report(step, policy)
    return step


def _new(alias: Alias, policy: Policy) -> Profile:
    return Profile(Part(alias), rule_version=policy.version, maps_version=policy.personas.version)


def advance(profile: Profile, instant: Millis, policy: Policy, *, since: Millis) -> Step:
    """Decide what is undecided and let time pass, up to and with `instant`; members leave at the exact instant.

    `since`: from when on the rules of `policy` hold: a row that was decided by others is looked at then.
    An instant before one already reached changes nothing.
    """
    step = Step(profile, journey=profile.maps_version != policy.personas.version)
    profile.maps_version = policy.personas.version
    if profile.rule_version != policy.version:
        step.journey = True
        adopt(step, policy, since)
    decide_until(step, policy, instant)
    return step


def _event(step: Step, event: UserEvent, policy: Policy, now: Millis) -> None:
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
    if event.at <= event.received_at - policy.horizon_ms:
        step.late = True
        return
    if not event.name and not event.visit:
        return
    if is_stale(part, key, now - policy.horizon_ms):
        expire(profile, now - policy.horizon_ms, policy)
    if part.has(key):
        step.duplicate = True
        _copy(step, part, event, key, policy, now)
        return
    part.add(event.name, event.at, key, event.source, visit=event.visit)
    bound(profile, part, event.name, policy, now)
    if event.visit:
        step.journey |= visit(profile, event.at, key, event.source, policy)
    if profile.is_user and event.name in policy.events:
        note(profile, now, event.name)


def _facts(step: Step, facts: Facts, policy: Policy, now: Millis) -> None:
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
        _move(step, before, policy, now, "record")
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


def _copy(step: Step, part: Part, event: UserEvent, key: bytes, policy: Policy, now: Millis) -> None:
    """Keep the earliest of the copies of one message: a retry is stamped later than its first delivery.

    Of copies of one instant the one is kept whose name sorts first.
    """
    name, index = part.locate(key)
    if (part.at(name, index), name) <= (event.at, event.name):
        return
    part.forget(name, index)
    part.add(event.name, event.at, key, event.source, visit=event.visit)
    step.journey = True
    refold(step.profile, policy)
    # All segments: the later copy may have been counted by others.
    note(step.profile, now)


def _link(step: Step, link: Link, policy: Policy, now: Millis) -> None:
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
    _move(step, before, policy, now, "link")


def _split(step: Step, split: Split, policy: Policy, now: Millis) -> None:
    profile = step.profile
    before = profile.owner
    word = (split.at, order_key(split.message_id), split.apart)
    if profile.split is not None and profile.split >= word:
        step.duplicate = True
        return
    profile.split = word
    if profile.owner != before:
        _move(step, before, policy, now, "split")


def _move(step: Step, before: Alias | None, policy: Policy, now: Millis, why: Taken) -> None:
    """Take all that the row holds from its former owner, and give it to the present one."""
    profile = step.profile
    profile.moves += 1
    step.journey = True
    expire(profile, now - policy.horizon_ms, policy)
    # A record of Salesforce is in no order with what is received: what it moves is not, either.
    received_at = NO_TIME if why == "record" else now
    step.forwards = (*_detached(profile, before, why, received_at), *_moved(profile, received_at))


def _detached(profile: Profile, before: Alias | None, why: Taken, received_at: Millis) -> Iterator[PartDetached]:
    """Take all that the row holds away from the alias that it belonged to."""
    if before is not None:
        yield PartDetached(profile.key, before, (profile.moves,), why, received_at=received_at)
        for alias, attached in profile.attached.items():
            yield PartDetached(alias, before, (*attached.path, profile.moves), why, received_at=received_at)


def _moved(profile: Profile, received_at: Millis) -> Iterator[PartMoved]:
    """Give all that the row holds to the alias that it belongs to: its own part, and those that came to it."""
    owner = profile.owner
    if owner is not None:
        own = Attached(profile.own, profile.sealed, kept=profile.kept)
        yield PartMoved(profile.key, owner, (profile.moves,), pack_moved(own), received_at)
        for alias, attached in profile.attached.items():
            path = (*attached.path, profile.moves)
            yield PartMoved(alias, owner, path, pack_moved(attached), received_at)


def _part_moved(step: Step, moved: PartMoved, policy: Policy, now: Millis) -> None:
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
    boundary = now - policy.horizon_ms
    expire(profile, boundary, policy)
    seal_by_itself(arrived, boundary, signed_up_at([*profile.parts(), arrived.part]), policy)
    profile.attached[moved.alias] = arrived
    step.journey = True
    refold(profile, policy)
    note(profile, now).attach(moved.alias, known=known is not None)


def _part_detached(step: Step, detached: PartDetached, policy: Policy, now: Millis) -> None:
    profile = step.profile
    if _came_home(profile, detached):
        return
    known = profile.attached.get(detached.alias)
    step.forwards = _passed_on(profile, detached)
    if known is None or known.path >= detached.path:
        step.duplicate = True
        note(profile, now).detach(detached.alias, detached.why, known=False)
        return
    expire(profile, now - policy.horizon_ms, policy)
    del profile.attached[detached.alias]
    step.journey = True
    refold(profile, policy)
    note(profile, now).detach(detached.alias, detached.why, known=True)
