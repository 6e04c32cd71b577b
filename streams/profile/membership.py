"""Room 6c.  Membership: who enters and leaves as records come and time passes, and who is asked."""

from msgspec.structs import replace

from streams.activity import Part
from streams.asks import Trigger, decide
from streams.events import Millis, UserEvent
from streams.policy import Policy, Segment
from streams.profile.state import NEVER, Announcement, Profile, Step
from streams.segments import Change, Standing, counted, entered_since, holds, leaves_at, turning_points


def settled(profile: Profile, policy: Policy, clock: Millis | None, event: UserEvent | None = None) -> Step:
    """Decide the segments as of now.  An event that no rule counts can change nothing."""
    if not profile.is_user:
        return Step(profile)
    if event is not None and event.name not in policy.events:
        return Step(profile)
    return decided(Step(profile), policy, clock, [], event)


def decided(
    step: Step, policy: Policy, clock: Millis | None, announcements: list[Announcement], event: UserEvent | None = None
) -> Step:
    """Look at the rules at T, the later of clock and latest event, and say when time alone changes something."""
    profile, now = step.profile, max(clock or 0, step.profile.latest)
    parts = profile.parts()
    wakes_at = NEVER
    for segment in policy.segments:
        if event is None or event.name in segment.events:
            standing = profile.standings.get(segment.name)
            if (standing is None or not standing.member) and holds(parts, segment, now):
                at = entered_since(_young(parts, policy, clock), segment, now)
                profile = _entered(profile, segment, at, policy, clock, announcements)
        wakes_at = min(wakes_at, _due(profile, parts, segment, now, clock))
    return Step(replace(profile, wakes_at=wakes_at), tuple(announcements))


def walk(
    profile: Profile, segment: Segment, instant: Millis, policy: Policy, announcements: list[Announcement]
) -> Profile:
    """Announce, in order, what one segment's truth did up to `instant`, each change at its exact instant."""
    parts = profile.parts()
    for point in turning_points(parts, segment, max(profile.walked_to, profile.wakes_at - 1), instant):
        standing = profile.standings.get(segment.name)
        member = standing is not None and standing.member
        true = holds(parts, segment, point)
        if true and not member:
            profile = _entered(profile, segment, point, policy, instant, announcements)
        elif standing is not None and member and not true and point > standing.entered_at:
            # Who entered ahead of the clock is in: what was before that is no end of it.
            profile = _left(profile, segment, point, instant, announcements)
    standing = profile.standings.get(segment.name)
    if (
        standing is not None
        and standing.member
        and standing.entered_at <= instant
        and not holds(parts, segment, instant)
    ):
        # Not time took the ground away but a part that left, an earlier copy or a new rule: known only now.
        profile = _left(profile, segment, instant, instant, announcements)
    return profile


def without_retired(profile: Profile, policy: Policy, instant: Millis, announcements: list[Announcement]) -> Profile:
    """End the episodes of segments that the rules file no longer has."""
    if profile.rule_version == policy.version:
        return profile
    names = {segment.name for segment in policy.segments}
    for name in sorted(set(profile.standings) - names):
        if profile.standings[name].member:
            profile = _left(profile, Segment(name, (), every=True), instant, instant, announcements)
    return replace(profile, standings={name: found for name, found in profile.standings.items() if name in names})


def _young(parts: list[Part], policy: Policy, clock: Millis | None) -> list[Part]:
    # Rows keep events somewhat longer than they have to (`SPARE_MS`); how much longer must not show.
    return parts if clock is None else [part.since(clock - policy.horizon_ms) for part in parts]


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


def _entered(
    profile: Profile,
    segment: Segment,
    at: Millis,
    policy: Policy,
    clock: Millis | None,
    announcements: list[Announcement],
) -> Profile:
    announced_at = max(clock or 0, at)
    parts = profile.parts()
    inside, why = holds(parts, segment, announced_at), counted(parts, segment, announced_at)
    change = Change(profile.key, segment.name, True, at, announced_at, at, policy.version, why)
    announcements.append(change)
    asked = dict(profile.asked)
    for ask in policy.asks:
        if ask.segment == segment.name:
            decision = asked[ask.name] = decide(ask, change, asked.get(ask.name), inside=inside)
            if decision.trigger_id is not None:
                announcements.append(
                    Trigger(
                        decision.trigger_id,
                        ask,
                        change,
                        profile.email,
                        profile.full_name,
                        decision.gates,
                        profile.first_touch,
                        profile.last_touch,
                    )
                )
    standing = Standing(True, at, None, policy.version)
    return replace(profile, standings=profile.standings | {segment.name: standing}, asked=asked)


def _left(profile: Profile, segment: Segment, at: Millis, clock: Millis, announcements: list[Announcement]) -> Profile:
    standing = profile.standings[segment.name]
    why = counted(profile.parts(), segment, at)
    announcements.append(
        Change(profile.key, segment.name, False, at, max(clock, at), standing.entered_at, standing.rule_version, why)
    )
    ended = replace(standing, member=False, left_at=at)
    return replace(profile, standings=profile.standings | {segment.name: ended})
