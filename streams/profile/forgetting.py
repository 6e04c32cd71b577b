"""Room 6f.  Forgetting: what a row does when its alias is to be forgotten, and what is left of it: a hash.

In: an operator's word, or that the owner was forgotten.  Out: what takes back what was said of the person, and the same
word for those who belong to it.  Nothing is kept.  Rules: docs/semantics.md, part 8.
"""

from hashlib import sha256

from msgspec.structs import replace

from streams.account.domains import member_of
from streams.account.messages import Forgotten, Touches
from streams.asks import Withdrawn
from streams.events import Alias, Forget, Millis, PartMoved, Record, UserEvent
from streams.identifiers import RECORD
from streams.policy import Policy
from streams.profile.membership import leave_all
from streams.profile.state import LONGEST_PATH, Profile, Step


def forget(step: Step, said: Forget, policy: Policy, now: Millis) -> None:
    """Forget the row, or pass an operator's word on to whom it belongs.

    The owner's word counts only as long as the alias is still the owner's: an earlier link may have taken it elsewhere
    meanwhile, to somebody who has nothing to do with it.
    """
    profile = step.profile
    owner = profile.owner
    if said.person is not None and said.person != owner:
        return
    if said.person is None and owner is not None and said.passed < LONGEST_PATH:
        step.forwards = (replace(said, alias=owner, passed=said.passed + 1),)
        return
    leave_all(step, policy, now)
    _withdraw(step, now)
    _tell_accounts(step)
    step.forwards = tuple(Forget(alias, person=profile.key) for alias in _belonging(profile))
    step.gone = True


def answer(record: Record) -> tuple[Record, ...]:
    """Answer a record for a row that is gone: who comes to belong to it is forgotten as well.

    A part that came by way of others is theirs to forget.
    """
    if isinstance(record, PartMoved) and len(record.path) == 1:
        return (Forget(record.alias, person=record.person),)
    return ()


def needs_a_row(record: Record) -> bool:
    """Say whether a record has anything to do where there is no row: bots leave no trace, and nobody is forgotten."""
    if isinstance(record, UserEvent):
        return not record.bot
    return not isinstance(record, Forget) or record.person is None


def gone_key(alias: Alias) -> bytes:
    """Name the row that is left of an alias: it tells who it was to nobody who does not know the alias."""
    return b"@gone/" + sha256(alias.encode()).hexdigest().encode()


def _withdraw(step: Step, now: Millis) -> None:
    for ask, asked in sorted(step.profile.asked.items()):
        if asked.last_trigger is not None:
            step.announcements.append(Withdrawn(asked.last_trigger, ask, step.profile.key, now, "forgotten"))


def _tell_accounts(step: Step) -> None:
    profile, told = step.profile, step.profile.reported
    if told.account is not None:
        step.for_accounts.append(Touches(profile.key, told.account, told.number + 1))
    if profile.key.startswith(RECORD):
        step.for_accounts.append(Forgotten(profile.key))
    elif (member := member_of(profile.key)) is not None:
        step.for_accounts.append(Forgotten(profile.key, member.domain))


def _belonging(profile: Profile) -> list[Alias]:
    """List who belongs to the row itself, not to others that do."""
    return sorted(alias for alias, attached in profile.attached.items() if len(attached.path) == 1)
