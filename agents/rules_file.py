"""The rules file: read it from disk, and say back in words what it means."""

from dataclasses import replace
from pathlib import Path

from agents import personas_file
from agents.settings import Settings
from streams.policy import UNITS_MS, Ask, Condition, Policy, PolicyError, Segment, parse_policy

MAX_BYTES = 1 << 20


def load_with_personas(settings: Settings) -> Policy:
    """Read the rules file and the map file of personas; raise `PolicyError` or `MapsFileError`."""
    return replace(load(settings.rules), personas=personas_file.load(settings.personas))


def load(path: Path) -> Policy:
    """Read a rules file; raise `PolicyError` (absent, too large, not UTF-8, not a valid policy) naming the file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyError([f"{path}: {error.strerror or error}. Set TOUCHLINE_RULES to a rules file."]) from None
    if len(raw) > MAX_BYTES:
        raise PolicyError([f"{path}: {len(raw)} bytes; a rules file has at most {MAX_BYTES}."])
    try:
        return parse_policy(raw.decode())
    except UnicodeDecodeError as error:
        raise PolicyError([f"{path}: not UTF-8 at byte {error.start}"]) from None
    except PolicyError as error:
        raise PolicyError([f"{path}: {problem}" for problem in error.problems]) from None


def summary(policy: Policy) -> list[str]:
    """Tell a growth person what the rules will do, one line each."""
    lines = [f"Rules version {policy.version}."]
    lines += [_segment(segment) for segment in policy.segments] or ["No segments: nobody will enter anything."]
    lines += [_ask(ask) for ask in policy.asks] or ["No asks: nobody will be asked."]
    web = policy.web
    lines.append(
        f"A session ends after {duration(web.idle_ms)} without a visit, or {duration(web.longest_ms)} after it began"
        + (", or when a new campaign begins." if web.new_session_on_campaign else ".")
    )
    lines.append(f"Own sites, besides each page's own: {', '.join(web.own_domains) or 'none'}.")
    return lines + _worth(policy)


def _worth(policy: Policy) -> list[str]:
    """Say what a sign-up and ARR are."""
    to, accounts = policy.attribution, policy.accounts
    term = f" over {accounts.term_months} months" if accounts.term_months else ""
    return [
        f"A sign-up is {to.sign_up!r}. Touches of {duration(to.lookback.acquisition_ms)} before it count, and of"
        f" {duration(to.lookback.other_ms)} before an opportunity is created or won.",
        f"ARR is {f'{accounts.arr} of the opportunity, else ' if accounts.arr else ''}its Amount{term} a year,"
        f" in {accounts.currency} where Salesforce says no currency. NPS: {accounts.nps or 'no field'}.",
    ]


def duration(ms: int) -> str:
    """Write milliseconds as the rules file does, in the largest unit that fits: `30d`, `12h`."""
    unit = next(unit for unit in reversed(UNITS_MS) if ms % UNITS_MS[unit] == 0)
    return f"{ms // UNITS_MS[unit]}{unit}"


def _segment(segment: Segment) -> str:
    joint = " and " if segment.every else " or "
    return f"{segment.name}: people with a user id and {joint.join(map(_condition, segment.conditions))}."


def _condition(condition: Condition) -> str:
    times = "event" if condition.required == 1 else "events"
    return f'at least {condition.required} {times} "{condition.event}" within {duration(condition.within_ms)}'


def _ask(ask: Ask) -> str:
    incentive = "no incentive" if ask.incentive == "none" else f"incentive: {ask.incentive}"
    return (
        f"{ask.name}: whoever enters {ask.segment} is asked for a {ask.type} by {ask.channel} ({incentive}), "
        f"not again within {duration(ask.cooldown_ms)}."
    )
