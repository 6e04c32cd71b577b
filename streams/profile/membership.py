"""Room 6d.  Membership: who enters and leaves as records come and time passes, and who is asked."""

from msgspec.structs import replace

from streams.activity import Part
from streams.asks import Trigger, decide
from streams.events import Millis, UserEvent
from streams.policy import Policy, Segment
from streams.profile.state import NEVER, Profile, Step
from streams.segments import Change, Standing, attainable, counted, entered_since, holds, leaves_at, turning_points


def settle(step: Step, policy: Policy, clock: Millis | None, event: UserEvent | None = None) -> None:
    """Decide the segments as of now.  An event that no rule counts can change nothing."""
    if (event is None or event.name in policy.events) and step.profile.is_user:
        decide_segments(step, policy, clock, event)


def decide_segments(step: Step, policy: Policy, clock: Millis | None, event: UserEvent | None = None) -> None:
    """Look at the rules at T, the later of clock and latest event, and say when time alone changes something."""
    profile = step.profile
    parts, now = profile.parts(), max(clock or 0, profile.latest)
    profile.wakes_at = NEVER
    for segment in policy.segments:
        standing = profile.standings.get(segment.name)
        member = standing is not None and standing.member
        if not member and not attainable(parts, segment):
            continue
        if (event is None or event.name in segment.events) and not member and holds(parts, segment, now):
            # Rows keep events somewhat longer than they have to (`SPARE_MS`); how much longer must not show.
            kept_after = -1 if clock is None else clock - policy.horizon_ms
            _enter(step, segment, entered_since(parts, segment, now, kept_after), policy, clock)
        profile.wakes_at = min(profile.wakes_at, _due(profile, parts, segment, now, clock))


def walk(step: Step, segment: Segment, instant: Millis, policy: Policy) -> None:
    """Announce, in order, what one segment's truth did up to `instant`, each change at its exact instant."""
    profile = step.profile
    parts = profile.parts()
    for point in turning_points(parts, segment, max(profile.walked_to, profile.wakes_at - 1), instant):
        standing = profile.standings.get(segment.name)
        member = standing is not None and standing.member
        true = holds(parts, segment, point)
        if true and not member:
            _enter(step, segment, point, policy, instant)
        elif standing is not None and member and not true and point > standing.entered_at:
            # Who entered ahead of the clock is in: what was before that is no end of it.
            _leave(step, segment, point, instant)
    standing = profile.standings.get(segment.name)
    if (
        standing is not None
        and standing.member
        and standing.entered_at <= instant
        and not holds(parts, segment, instant)
    ):
        # Not time took the ground away but a part that left, an earlier copy or a new rule: known only now.
        _leave(step, segment, instant, instant)


def retire(step: Step, policy: Policy, instant: Millis) -> None:
    """End the episodes of segments that the rules file no longer has."""
    profile = step.profile
    if profile.rule_version == policy.version:
        return
    for name in sorted(profile.standings.keys() - {segment.name for segment in policy.segments}):
        if profile.standings[name].member:
            _leave(step, _without_rule(name), instant, instant)
        del profile.standings[name]


def leave_all(step: Step, policy: Policy, clock: Millis | None) -> None:
    """End all open episodes at the clock: the person is forgotten."""
    known = {segment.name: segment for segment in policy.segments}
    for name, standing in sorted(step.profile.standings.items()):
        if standing.member:
            at = max(clock or 0, standing.entered_at)
            _leave(step, known.get(name, _without_rule(name)), at, at)


def _without_rule(name: str) -> Segment:
    return Segment(name, (), every=True)


def _due(profile: Profile, parts: list[Part], segment: Segment, now: Millis, clock: Millis | None) -> Millis:
    """Say when the segment has to be looked at again without an event: never too late, rarely too early.

    A member: when what counts at the clock (or counted on entering, ahead of it) runs out; at once where nothing counts
    any more.  Anybody else: when the clock passes events that are ahead of it, since between two that came out of order
    the rule may have been true.
    """
    standing = profile.standings.get(segment.name)
    if standing is not None and standing.member:
        known = max(clock or 0, standing.entered_at)
        return leaves_at(parts, segment, known) or known
    ahead = turning_points(parts, segment, profile.walked_to, now) if profile.latest > (clock or 0) else []
    return ahead[0] if len(ahead) > 1 else NEVER


def _enter(step: Step, segment: Segment, at: Millis, policy: Policy, clock: Millis | None) -> None:
    profile = step.profile
    parts, announced_at = profile.parts(), max(clock or 0, at)
    inside, why = holds(parts, segment, announced_at), counted(parts, segment, announced_at)
    change = Change(profile.key, segment.name, True, at, announced_at, at, policy.version, why)
    profile.standings[segment.name] = Standing(True, at, None, policy.version)
    step.announcements.append(change)
    for ask in policy.asks:
        if ask.segment == segment.name:
            decision = profile.asked[ask.name] = decide(ask, change, profile.asked.get(ask.name), inside=inside)
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


def _leave(step: Step, segment: Segment, at: Millis, clock: Millis) -> None:
    profile = step.profile
    standing = profile.standings[segment.name]
    why = counted(profile.parts(), segment, at)
    step.announcements.append(
        Change(profile.key, segment.name, False, at, max(clock, at), standing.entered_at, standing.rule_version, why)
    )
    profile.standings[segment.name] = replace(standing, member=False, left_at=at)
