"""Verify, people.  Sessions: which visits of a row begin one, sealed visits among them (semantics, part 4).

A row folds its visits in the order of (at, order key).  What it seals is what is a horizon old when a part comes or
goes; as nothing so old can come any more, sealing shows in two ways only: of a part that comes, the older visits take
no part here but as the touches that the part had sealed by itself; of a part that goes, the older visits stay.
"""

from collections.abc import Iterable

from agents.verify.people.inputs import Event
from agents.verify.people.outcome import EVER, Session, Touch
from agents.verify.rules import Rules


def sessions(visits: Iterable[Event], rules: Rules) -> list[Session]:
    """Fold visits, in any order, into the sessions that they begin.

    Of two aliases' visits of one instant and one id, which the page leaves open, the alias decides.
    """
    found: list[Session] = []
    before, begun, campaign = EVER, EVER, ""
    for visit in sorted(visits, key=lambda one: (one.at, one.key, one.alias)):
        another = rules.new_session_on_campaign and visit.campaign not in ("", campaign)
        if visit.at - before >= rules.idle_ms or visit.at - begun >= rules.longest_ms or another:
            begun, campaign = visit.at, visit.campaign
            found.append(Session(visit.at, visit.key, visit.source))
        before = visit.at
    return found


def last_touch(found: Iterable[Session], *, direct: bool = True) -> Touch | None:
    """Give the latest touch of these sessions; without `direct` the latest that is not `Direct`."""
    touches = [Touch(one.at, one.key, one.source) for one in found if one.source is not None]
    wanted = [one for one in touches if direct or one.source.get("channel") != "Direct"]
    return max(wanted, key=lambda one: (one.at, one.key), default=None)
