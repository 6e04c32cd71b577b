"""Room 6b.  Journey: what brought a person, as reports need it - sessions that are sealed, touches, the sign-up.

In: the visits of a row.  Kept: of sealed sessions how many there were, and the touches that may still count.  Out: all
touches, for the person's own conversions and for its account.
"""

from collections import Counter
from collections.abc import Iterable
from hashlib import md5

import msgspec

from streams.account.messages import TOUCHES_KEPT, Touches
from streams.activity import Part, Touch
from streams.attribution.conversions import session_fields
from streams.events import Millis
from streams.policy import Attribution, Policy
from streams.profile.state import Kept, Listed, Profile, Reported, Step
from streams.sessions import Visit


def kept_after(kept: Kept, begun: Iterable[Visit], boundary: Millis, signed_up: Millis | None, to: Attribution) -> Kept:
    """Seal sessions: count those that `begun` are the first visits of, keep the touches that may still count.

    Those are the ones later than the longer lookback before the seal, and those on the path to the sign-up.
    """
    visits = list(begun)
    sessions = Counter(kept.sessions)
    for _, _, source in visits:
        sessions.update(session_fields(source))
    touches = [*kept.touches, *(Touch(at, key, source) for at, key, source in visits if source is not None)]
    after = boundary - to.lookback.other_ms
    counting = [touch for touch in touches if touch.at > after or _on_path(touch, signed_up, to)]
    return Kept(dict(sessions), tuple(counting[-TOUCHES_KEPT:]))


def _on_path(touch: Touch, signed_up: Millis | None, to: Attribution) -> bool:
    return signed_up is not None and signed_up - to.lookback.acquisition_ms < touch.at <= signed_up


def signed_up_at(parts: Iterable[Part]) -> Millis | None:
    """Return when the person of these parts signed up; None: it has not."""
    stamps = [part.signed_up for part in parts if part.signed_up is not None]
    return min(stamps)[0] if stamps else None


def listed(profile: Profile, policy: Policy) -> Listed:
    """List the person's sessions.  What is returned is the row's own: not to be changed."""
    found = profile.listed
    if found is None:
        found = profile.listed = Listed()
        for kept in profile.all_kept():
            for field, sessions in kept.sessions.items():
                found.sessions[field] = found.sessions.get(field, 0) + sessions
        for visit in profile.sealed.fold.begun(profile.unsealed(), policy.web):
            found.add(visit)
    return found


def touches_of(profile: Profile, policy: Policy) -> list[Touch]:
    """List the touches that are known, by (at, order key)."""
    found = [Touch(at, key, source) for at, key, source in listed(profile, policy).visits if source is not None]
    for kept in profile.all_kept():
        found += kept.touches
    return sorted(found, key=lambda touch: (touch.at, touch.key))


def report(step: Step, policy: Policy) -> None:
    """Tell the person's account what brought the person, where that or the account is another than it was told."""
    profile, told = step.profile, step.profile.reported
    found = profile.account if profile.owner is None else None
    account = found[0] if found is not None else None
    if told.account is not None and told.account != account:
        step.for_accounts.append(Touches(profile.key, told.account, told.number + 1))
        told = Reported(None, told.number + 1)
    if account is not None:
        touches = tuple(touches_of(profile, policy))
        digest = md5(_encode(touches), usedforsecurity=False).digest()
        if (account, digest) != (told.account, told.digest):
            told = Reported(account, told.number + 1, digest)
            since = profile.sealed.to - policy.attribution.lookback.other_ms if profile.sealed.to >= 0 else 0
            step.for_accounts.append(Touches(profile.key, account, told.number, since, touches))
    profile.reported = told


_encode = msgspec.msgpack.Encoder().encode
