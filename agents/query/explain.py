"""`touchline explain PERSON`: who it is, what brought them, how much they did, why they were asked or why not.

Reads one document of the read model in Redis and computes nothing anew: it says what was decided, as of its `as_of`.
The rules file at hand is only compared: where it is not the one that the document was made by, that is said.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from redis.exceptions import RedisError
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agents import rules_file
from agents.query import live
from agents.query.refusal import refuse
from agents.query.versions import File, is_as_in, said
from agents.query.words import Document, account, condition, gate, instant, plain, record, touch
from agents.settings import Settings
from agents.sinks.redis.keys import Kind
from streams.policy import PolicyError

WIDTH = 80
MOST_HOPS = 8
"""Pointers that are followed; more would be a circle."""
SHOWN_INSTANTS = 30
PERSONA = ("role", "seniority", "industry", "size")


class Found(NamedTuple):
    """A document and the way to it."""

    document: dict[str, Any]
    raw: bytes
    asked_as: str
    """The key that was asked for; differs from the document's person when that key was merged into it."""
    refused: int = 0
    """Other people that this key was said to be, by later links."""


def run(settings: Settings, person: str, *, as_json: bool) -> int:
    """Print what is known of `user:u1`, `u1`, `ann@example.com` or `anon:a1`.

    0, or 1 with a line on stderr: unknown, nothing written yet, or Redis away.
    """
    try:
        with live.opened(settings) as model:
            found = find(model, person)
            filled = found is not None or model.is_filled(Kind.profile, candidates(person)[0])
    except (live.UnwrittenError, live.SpoiltError) as error:
        return refuse(str(error))
    except (RedisError, OSError, ValueError) as error:
        return refuse(live.away(settings, error))
    if found is None:
        return refuse(_unknown(person, filled))
    if as_json:
        sys.stdout.write(found.raw.decode() + "\n")
    else:
        console = Console(highlight=False, markup=False, emoji=False, width=min(Console().width, WIDTH))
        show(found, _file(settings), console)
    return 0


def _file(settings: Settings) -> File:
    try:
        return File(str(settings.rules), rules_file.load(settings.rules))
    except PolicyError:
        return File(str(settings.rules), None)


def find(model: live.ReadModel, person: str) -> Found | None:
    """Find the person's document, following `merged_into`; None: unknown.

    A name without `user:`, `email:`, `anon:` or `sf:` is a userId, or else an email address, or else an anonymousId.
    """
    for asked_as in candidates(person):
        key, hops, refused = asked_as, 0, 0
        while hops <= MOST_HOPS and (raw := model.document(Kind.profile, key)) is not None:
            document = json.loads(raw)
            if "merged_into" not in document:
                return Found(document, raw, asked_as, refused)
            key, hops, refused = document["merged_into"], hops + 1, document.get("quarantined_links", 0)
    return None


def candidates(person: str) -> tuple[str, ...]:
    """Keys that PERSON may mean, likeliest first."""
    name = person.strip()
    if name.startswith(("user:", "email:", "anon:", "sf:")):
        return (name,)
    addresses = (f"email:{name.lower()}",) if "@" in name else ()
    return (f"user:{name}", *addresses, f"anon:{name}")


def show(found: Found, file: File, console: Console) -> None:
    """Print the document in words, at most as wide as the console."""
    document = found.document
    console.print(_who(found))
    console.print(_facts(found, file))
    _heading(console, "Events of the last 30 days")
    console.print(_counts(document))
    for name, segment in sorted(document.get("segments", {}).items()):
        _heading(console, f"Segment {plain(name)}")
        _lines(console, _segment(segment, "" if is_as_in(segment, name, file) else instant(document.get("as_of"))))
    if not document.get("segments"):
        _heading(console, "Segments")
        _lines(console, [("", _no_segments(document))])
    for name, ask in sorted(document.get("asks", {}).items()):
        _heading(console, f"Ask {plain(name)}")
        _lines(console, _ask(ask))
    if not document.get("asks"):
        _heading(console, "Asks")
        _lines(console, [("", "None decided: an ask is decided when the person enters its segment.")])


def _who(found: Found) -> Text:
    person = plain(found.document.get("person", "?"))
    name = " ".join(
        shown for shown in (plain(found.document.get("name") or ""), _bracketed(found.document.get("email"))) if shown
    )
    text = Text(person, style="bold").append(f"  {name}" if name else "", style="not bold")
    if found.asked_as != person:
        text.append(f"\n{plain(found.asked_as)} belongs to this person.", style="not bold")
    return text


def _bracketed(email: object) -> str:
    return f"<{plain(email)}>" if email else ""


def _facts(found: Found, file: File) -> Table:
    table, document = _grid(), found.document
    table.add_row("known as", ", ".join(plain(alias) for alias in document.get("aliases", ())) or "-")
    for label, field in (
        ("first touch", "first_touch"),
        ("last touch", "last_touch"),
        ("last not direct", "last_non_direct_touch"),
    ):
        seen = document.get(field)
        table.add_row(label, f"{instant(seen.get('at'))}\n{touch(seen)}" if seen else touch(None))
    for each in document.get("salesforce", ()):
        table.add_row("in Salesforce", record(each))
    if (persona := document.get("persona")) is not None:
        table.add_row("persona", ", ".join(plain(persona.get(part)) for part in PERSONA))
    if (customer := document.get("account")) is not None:
        table.add_row("account", account(customer))
    if (company := document.get("company")) is not None:
        table.add_row("company", account({"id": company.get("domain"), **company}))
    if found.refused:
        table.add_row("links refused", f"{found.refused} of {found.asked_as} (an earlier link of the same alias won)")
    if document.get("user_id"):
        table.add_row("decided by", said(document, file))
    table.add_row("as of", f"{instant(document.get('as_of'))} UTC, as are all instants here")
    return table


def _counts(document: Document) -> Table:
    table = _grid()
    counts = document.get("counts", {})
    for name, count in sorted(counts.items(), key=lambda item: (-item[1].get("count", 0), item[0])):
        about = "" if count.get("exact", True) else " (to the hour at the window's edge)"
        table.add_row(plain(name), f"{count.get('count', 0)}{about}")
    if not counts:
        table.add_row("none", "")
    return table


def _segment(segment: Document, as_of: str) -> Iterator[tuple[str, str]]:
    """Lines as (mark, text): whether, since when, each condition, the instants that counted.

    `as_of`: said where the conditions may not be those of the version that the person entered by; empty: they are.
    """
    version = f"by rules version {plain(segment.get('rule_version', '?'))}"
    if segment.get("member"):
        yield "yes", f"A member since {instant(segment.get('entered_at'))}, entered {version}."
    elif segment.get("left_at"):
        yield "no", f"Left at {instant(segment['left_at'])}; had entered {version}."
    else:
        yield "no", f"Not a member, {version}."
    if as_of:
        yield "", f"as of {as_of}, by the document's own rules:"
    for found in segment.get("conditions", ()):
        yield "holds" if found.get("holds") else "fails", condition(found)
        counted = [plain(at) for at in found.get("counted", ())]  # no blanks inside: a line never breaks within one
        if counted:
            yield "", "counted: " + ", ".join(counted[-SHOWN_INSTANTS:])
        if len(counted) > SHOWN_INSTANTS:
            yield "", f"and {len(counted) - SHOWN_INSTANTS} earlier ones (--json shows all)"


def _no_segments(document: Document) -> str:
    if document.get("user_id"):
        return "None are defined in the rules."
    return "None: only people with a userId are in segments, and nobody signed in as this one yet."


def _ask(ask: Document) -> Iterator[tuple[str, str]]:
    """Lines as (mark, text): the verdict with the trigger's id, then each gate."""
    decided = instant(ask.get("decided_at"))
    if ask.get("trigger_id"):
        yield "yes", f"Asked at {decided}."
        yield "", f"trigger {plain(ask['trigger_id'])}"
        if ask.get("withdrawn_at"):
            yield "no", f"Withdrawn at {instant(ask['withdrawn_at'])}: what it rested on belongs to somebody else now."
    else:
        yield "no", f"Not asked; decided at {decided}: {plain(ask.get('verdict', 'no verdict'))}."
    for found in ask.get("gates", ()):
        yield "passed" if found.get("passed") else "failed", gate(found)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=15, max_width=30, overflow="fold")
    table.add_column(overflow="fold")
    return table


def _heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, style="bold"))


def _lines(console: Console, lines: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> None:
    styles = {"yes": "green", "holds": "green", "passed": "green", "no": "red", "fails": "red", "failed": "red"}
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=6)
    table.add_column(overflow="fold")
    for mark, line in lines:
        table.add_row(Text(mark, style=styles.get(mark, "")), Text(line))
    console.print(Padding(table, (0, 0, 0, 2)))


def _unknown(person: str, filled: bool) -> str:
    who = " or ".join(plain(key) for key in candidates(person))
    if filled:
        return (
            f"Nobody is known as {who}. Ids are case-sensitive; an event counts a few seconds after it is sent,"
            " and a bad one is in rejected-events."
        )
    return (
        f"Nobody is known as {who}: the read model has nothing there yet."
        " Is `touchline worker` running? `touchline views rebuild` fills Redis from the topic."
    )
