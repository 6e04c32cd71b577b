"""Room 6d.  Membership: who enters and leaves as things become known and time passes, and who is asked.

A person is in a segment at an instant if, and only if, the rule holds then on what is known then (docs/semantics.md,
parts 0 and 5).  Records of one received time are one step, so a record only leaves a note that something changed; the
step is decided when the next one comes, or the clock.
"""

from msgspec.structs import replace

from streams.asks import Trigger, Withdrawn, decide, trigger_id, withdraw
from streams.events import Millis, Taken
from streams.policy import Policy, Segment
from streams.profile.state import NEVER, Profile, Step, Undecided
from streams.segments import Change, Standing, attainable, counted, holds, leaves_at, true_since


def note(profile: Profile, now: Millis, name: str | None = None) -> Undecided:
    """Note that at `now` something came that may change who is in; more may be said of it.

    `name`: of one event more, of which no rule need know; None: anything may count otherwise than before.
    """
    undecided = profile.undecided
    if undecided is None:
        undecided = profile.undecided = Undecided(now)
    if name is None:
        undecided.everything = True
    else:
        undecided.names.add(name)
    return undecided


def decide_until(step: Step, policy: Policy, instant: Millis) -> None:
    """Decide what is undecided, at its own instant, and let time pass up to and with `instant`."""
    profile = step.profile
    if (undecided := profile.undecided) is not None and undecided.at <= instant:
        profile.undecided = None
        if profile.is_user:  # nobody else is in a segment
            _decide(step, policy, undecided)
    while profile.wakes_at <= instant:
        _decide(step, policy, Undecided(profile.wakes_at, everything=True))


def adopt(step: Step, policy: Policy, since: Millis) -> None:
    """Note on a row that was decided by another version of the rules that these hold from `since` on.

    It is decided with what is received at that instant: these are one step.  What was undecided before is so then.
    """
    profile = step.profile
    for name in sorted(profile.standings.keys() - {segment.name for segment in policy.segments}):
        if profile.standings[name].member:
            _leave(step, _without_rule(name), since)
        del profile.standings[name]
    profile.rule_version = policy.version
    profile.undecided = None
    note(profile, since)


def leave_all(step: Step, policy: Policy, at: Millis) -> None:
    """End all open stays: the person is forgotten."""
    known = {segment.name: segment for segment in policy.segments}
    for name, standing in sorted(step.profile.standings.items()):
        if standing.member:
            _leave(step, known.get(name, _without_rule(name)), at)


def _without_rule(name: str) -> Segment:
    return Segment(name, (), every=True)


def _decide(step: Step, policy: Policy, undecided: Undecided) -> None:
    """Look at each rule at one instant, and foretell when time alone ends a stay: never too late."""
    profile, at = step.profile, undecided.at
    parts = profile.parts()
    wakes_at = NEVER
    for segment in policy.segments:
        standing = profile.standings.get(segment.name)
        member = standing is not None and standing.member
        if not undecided.concerns(segment, member=member):
            wakes_at = min(wakes_at, profile.wakes_at if member else NEVER)
            continue
        true = (member or attainable(parts, segment)) and holds(parts, segment, at)
        if true and not member:
            _enter(step, segment, at, policy)
        elif member and not true:
            _leave(step, segment, at)
            if (reason := undecided.taken) is not None:
                _withdraw(step, segment, at, reason, policy)
        if true:
            wakes_at = min(wakes_at, leaves_at(parts, segment, at) or NEVER)
    profile.wakes_at = wakes_at


def _enter(step: Step, segment: Segment, at: Millis, policy: Policy) -> None:
    profile = step.profile
    parts, before = profile.parts(), profile.standings.get(segment.name)
    since = true_since(parts, segment, at, at - policy.horizon_ms)
    if before is not None and before.left_at is not None:
        since = max(since, before.left_at)  # that stay is over, as everybody was told: this is another one
    change = Change(profile.key, segment.name, True, since, at, since, policy.version, counted(parts, segment, at))
    profile.standings[segment.name] = Standing(True, since, None, policy.version)
    step.announcements.append(change)
    for ask in policy.asks:
        if ask.segment == segment.name:
            decision = decide(ask, change, profile.asked.get(ask.name), email=profile.email)
            profile.asked[ask.name] = decision
            if decision.trigger_id is not None:
                step.announcements.append(
                    Trigger(
                        decision.trigger_id,
                        ask,
                        change,
                        profile.email,
                        profile.full_name,
                        decision.gates,
                        profile.first_touch,
                        profile.last_touch,
                        profile.account,
                    )
                )


def _leave(step: Step, segment: Segment, at: Millis) -> None:
    profile = step.profile
    standing = profile.standings[segment.name]
    why = counted(profile.parts(), segment, at)
    step.announcements.append(
        Change(profile.key, segment.name, False, at, at, standing.entered_at, standing.rule_version, why)
    )
    profile.standings[segment.name] = replace(standing, member=False, left_at=at)


def _withdraw(step: Step, segment: Segment, at: Millis, reason: Taken, policy: Policy) -> None:
    """Take back what was asked because of a stay that has lost its ground."""
    profile = step.profile
    standing = profile.standings[segment.name]
    for ask in sorted(ask.name for ask in policy.asks if ask.segment == segment.name):
        asked = profile.asked.get(ask)
        made = trigger_id(ask, standing.rule_version, profile.key, standing.entered_at)
        if asked is not None and asked.last_trigger == made:
            profile.asked[ask] = withdraw(asked, at)
            step.announcements.append(Withdrawn(made, ask, profile.key, at, reason))
