"""A small company in memory: web events and what ingest makes of them; the rest as verify's own fold tells it.

So verify can be tested without a broker: a world is clean by construction, until something befalls it.
"""

import json
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime
from random import Random
from uuid import NAMESPACE_URL, uuid5

from agents.verify.partitioning import partition_of
from agents.verify.people import (
    EVER,
    Change,
    Decision,
    Event,
    Forget,
    Input,
    Link,
    Outcome,
    Split,
    Touch,
    Withdrawal,
    recount,
)
from agents.verify.rules import Rules, Segment, parse
from agents.verify.world import Message, World

T0 = 1_760_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

RULES = parse(
    {
        "version": 1,
        "web": {"idle": "30m", "longest": "24h", "new_session_on_campaign": True},
        "segments": [
            {
                "name": "power-users",
                "rule": {
                    "all": [
                        {"count": {"event": "Report Viewed", "more_than": 2, "within": "10d"}},
                        {"count": {"event": "Dashboard Shared", "at_least": 1, "within": "20d"}},
                    ]
                },
            },
            {"name": "readers", "rule": {"count": {"event": "Report Viewed", "at_least": 2, "within": "12h"}}},
        ],
        "asks": [
            {"name": "review", "segment": "power-users", "type": "review", "channel": "email", "cooldown": "15d"},
            {"name": "tweet", "segment": "readers", "type": "tweet", "channel": "in-app", "cooldown": "1d"},
        ],
    }
)


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"


def ce_headers(what: str, trigger: str, person: str, at: int) -> list[tuple[str, bytes]]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": trigger,
        "ce_type": f"touchline.referral.{what}.v1",
        "ce_source": "touchline",
        "ce_subject": person,
        "ce_time": iso(at),
        "content-type": "application/json",
    }
    return [(name, text.encode()) for name, text in headers.items()]


NAMES = {"campaign": "c", "channel": "h", "ga4": "g", "source": "s", "referrer": "r"}


class Company:
    """Feed it web events and commands; `world()` gives the topics."""

    def __init__(self, seed: int = 0, partitions: int = 2, rules: Rules = RULES, *, holes: bool = True) -> None:
        self.holes = holes  # transaction markers and aborted records take offsets too
        self.rng, self.partitions, self.rules = Random(seed), partitions, rules
        self.topics: dict[str, list[Message]] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.inputs: list[Input] = []
        self.decided = EVER
        self.rows_of: dict[str, str] = {}
        """By row: coordinates of a record that came to it."""

    # -- writing ---------------------------------------------------------------------------------------------------

    def put(self, topic, partition, value, key=None, ts=T0, headers=()):
        hole = self.holes and topic != "contributions" and self.rng.choice([0, 0, 0, 1])
        offset = self.offsets.get((topic, partition), 0) + hole
        self.offsets[(topic, partition)] = offset + 1
        data = value if isinstance(value, bytes | None) else json.dumps(value, separators=(",", ":")).encode()
        raw = None if key is None else key.encode()
        self.topics.setdefault(topic, []).append(Message(partition, offset, ts, raw, data, tuple(headers)))
        return offset

    def record(self, value: dict, key: str, source: str) -> str:
        p = partition_of(key.encode(), self.partitions)
        offset = self.put("user-events", p, value, key, headers=[("source", source.encode())])
        return self.rows_of.setdefault(key, f"user-events/{p}/{offset}")

    def output(self, topic: str, key: str, value: dict | None, headers=()) -> None:
        self.put(topic, partition_of(key.encode(), self.partitions), value, key, headers=headers)

    def world(self) -> World:
        """Everything, with what had to come of it; the company may go on afterwards."""
        before = deepcopy((self.topics, self.offsets, self.rng.getstate(), self.rows_of))
        self.decide()
        committed = {
            (topic, p): self.offsets.get((topic, p), 0)
            for topic in ("web-events", "account-events", "user-events")
            for p in range(self.partitions)
        }
        world = World(self.partitions, self.topics, committed, self.offsets)
        self.topics, self.offsets, state, self.rows_of = before
        self.rng.setstate(state)
        return world

    # -- ingest ----------------------------------------------------------------------------------------------------

    def refuse(self, value: bytes | None, reason: str, now: int) -> None:
        p = self.rng.randrange(self.partitions)
        offset = self.put("web-events", p, value, "k", now)
        self.reject(value, "k", reason, "web-events", p, offset)

    def reject(self, value: bytes | None, key: str, reason: str, topic: str, p: int, offset: int) -> None:
        headers = {"reason": reason, "topic": topic, "partition": p, "offset": offset, "detail": "why"}
        pairs = [(name, str(text).encode()) for name, text in headers.items()]
        self.put("rejected-events", p, value, key, headers=pairs)

    def garbage(self, value: bytes | None) -> None:
        """Somebody wrote what is no record into `user-events`."""
        p = partition_of(b"user:u1", self.partitions)
        self.reject(value, "user:u1", "bad-record", "user-events", p, self.put("user-events", p, value, "user:u1"))

    def mark(self, now: int) -> None:
        """Log clock: a time mark in every source partition."""
        for source in range(self.partitions):
            self.put("web-events", source, b"", None, now, [("touchline-mark", str(now).encode())])
        self.tick(now)

    def tick(self, now: int) -> None:
        """Everything up to an instant is decided."""
        self.decided = max(self.decided, now)

    def command(self, name: str, alias: str, number: int, now: int) -> None:
        """An operator splits an alias off, takes that back, or forgets it."""
        p = self.rng.randrange(self.partitions)
        value = {"alias": alias, "id": f"c{number}"}
        source = f"web-events/{p}/{self.put('web-events', p, value, None, now, [('touchline-command', name.encode())])}"
        if name == "forget":
            self.inputs.append(Forget(alias, now))
            self.record({"kind": "forget", "alias": alias, "received_at": now}, alias, source)
            return
        split = {"alias": alias, "apart": name == "split", "message_id": f"c{number}", "at": now, "received_at": now}
        self.inputs.append(Split(**split))
        self.record({"kind": "split"} | split, alias, source)

    def web(self, document: dict, now: int, *, r: int | None = None) -> None:
        """Publish an event at `now`; `receivedAt` is added, and what ingest makes of it.  `r`: of a straggler."""
        r, at = r or now, min(document["at"], now)
        document = {key: value for key, value in document.items() if key != "at"} | {"receivedAt": iso(now)}
        p = partition_of((document.get("anonymousId") or document["userId"]).encode(), self.partitions)
        source = f"web-events/{p}/{self.put('web-events', p, document, 'k', now + 17)}"
        user, anon = document.get("userId"), document.get("anonymousId")
        alias = f"user:{user}" if user else f"anon:{anon}"
        event = {"alias": alias, "message_id": document["messageId"], "at": at, "received_at": r}
        event |= {"name": {"track": document.get("event"), "page": "$page"}.get(document["type"], "")}
        campaign = document["context"].get("campaign")
        event["visit"] = document["type"] == "page" or bool(campaign)
        event["bot"] = document["context"].get("userAgent") == "bot"
        if event["visit"] and document["context"].get("page", {}).get("referrer") != "own":
            event["source"] = self.source(campaign)
        if "traits" in document:
            event |= {"email": document["traits"]["email"].lower(), "full_name": document["traits"]["name"]}
        self.inputs.append(Event(**event))
        self.record({"kind": "event"} | event, alias, source)
        for weak, strong in self.said(document, alias, event.get("email", "")):
            self.link(weak, strong, event, source)

    def link(self, alias: str, to: str, event: dict, source: str) -> None:
        link = {"alias": alias, "to": to} | {name: event[name] for name in ("message_id", "at", "received_at")}
        self.inputs.append(Link(**link))
        where = self.record({"kind": "link"} | link, alias, source)
        part = {"kind": "part", "alias": alias, "person": to, "path": [1], "part": "x"}
        self.record(part | {"received_at": event["received_at"]}, to, where)

    @staticmethod
    def said(document: dict, alias: str, email: str) -> list[tuple[str, str]]:
        user, anon = document.get("userId"), document.get("anonymousId")
        pairs = []
        if document["type"] == "alias":
            pairs.append((f"anon:{document['previousId']}", alias))
        elif document["type"] == "identify":
            if user and anon:
                pairs.append((f"anon:{anon}", alias))
            if email and not email.startswith(ROLES):
                pairs.append((f"email:{email}", alias) if user else (alias, f"email:{email}"))
        return pairs

    @staticmethod
    def source(campaign: dict | None) -> dict:
        if campaign:
            return {"channel": "Paid Search", "ga4": "Paid Search", "campaign": campaign["name"]}
        return {"channel": "Direct", "ga4": "Direct"}

    # -- what comes of it --------------------------------------------------------------------------------------------

    def decide(self) -> None:
        """Write everything that had to come of what was received, up to `decided`."""
        found = recount([one for one in self.inputs if one.received_at <= self.decided], self.rules, self.decided)
        for row in found.received:
            if row in found.owner:
                others = len(found.said[row]) - 1
                pointer = {"person": row, "merged_into": found.owner[row], "quarantined_links": others}
                self.output("profile-views", row, pointer)
        for one in found.people.values():
            self.announce(one)
            if one.forgotten_at is None:
                self.output("profile-views", one.person, self.document(one, len(found.said.get(one.person, ()))))
                self.output("contributions", one.person, self.contribution(one))
        for row in found.received:
            self.member("domain-member", row)
        for alias in found.gone:
            self.forgotten(alias)
        for p in range(self.partitions):
            lane = f"user-events/{p}"
            value = {"lane": lane, "done": [self.decided] * 5, "rules": [[self.rules.version, 0]]}
            self.put("progress", p, value, lane)

    def forgotten(self, alias: str) -> None:
        self.rows_of.pop(alias, None)
        self.record({"kind": "forget", "alias": alias, "person": alias, "received_at": T0}, alias, "user-events/0/0")
        for topic in ("profile-views", "contributions"):
            self.output(topic, alias, {"person": alias} if topic == "profile-views" else None)
            self.output(topic, alias, None)
        self.output("user-timeline", alias, None)
        self.member("forgotten", alias)

    def member(self, kind: str, alias: str) -> None:
        """An address belongs to the company of its domain, which is of two labels here."""
        if not alias.startswith("email:"):
            return
        key = f"domain:{alias.rpartition('@')[2]}"
        value = {"kind": kind, "alias": alias, "domain": key.removeprefix("domain:")}
        headers = [("source", self.rows_of[alias].encode())]
        self.put("account-events", partition_of(key.encode(), self.partitions), value, key, headers=headers)

    def announce(self, one: Outcome) -> None:
        for change in one.changes:
            self.output("segment-changes", one.person, self.change(change))
        for decision in (decision for decision in one.decisions if decision.asked):
            trigger = self.trigger_id(decision)
            headers = ce_headers("trigger", trigger, one.person, decision.decided_at)
            self.output("referral-triggers", one.person, self.trigger(decision), headers)
        for taken in one.withdrawals:
            trigger = self.trigger_id(taken)
            person = {"key": one.person, "user_id": one.person[5:]}
            value = {"trigger_id": trigger, "person": person, "ask": taken.ask, "reason": taken.reason}
            headers = ce_headers("withdrawn", trigger, one.person, taken.at)
            self.output("referral-triggers", one.person, value | {"withdrawn_at": iso(taken.at)}, headers)

    @staticmethod
    def trigger_id(one: Decision | Withdrawal) -> str:
        namespace = uuid5(NAMESPACE_URL, "https://touchline.dev/trigger")
        return str(uuid5(namespace, f"{one.ask}|{one.version}|{one.person}|{one.entered_at}"))

    def conditions(self, segment: str, counts: tuple[int, ...], t: int) -> list[dict]:
        (rule,) = (one for one in self.rules.segments if one.name == segment)
        return [
            {
                "event": one.event,
                "within_seconds": one.within_ms // 1000,
                "required": one.required,
                "count": count,
                "counted_from": iso(t - one.within_ms),
                "counted_to": iso(t),
            }
            for one, count in zip(rule.conditions, counts, strict=True)
        ]

    def change(self, one: Change) -> dict:
        return {
            "person": one.person,
            "user_id": one.person[5:],
            "segment": one.segment,
            "change": "entered" if one.entered else "left",
            "at": iso(one.at),
            "announced_at": iso(one.announced_at),
            "episode": {"entered_at": iso(one.entered_at)},
            "rule_version": one.version,
            "why": {"conditions": self.conditions(one.segment, one.counts, one.announced_at)},
        }

    @staticmethod
    def gates(one: Decision) -> list[dict]:
        return [{"gate": gate, "passed": passed, "detail": ""} for gate, passed in one.gates]

    def trigger(self, one: Decision) -> dict:
        (ask,) = (ask for ask in self.rules.asks if ask.name == one.ask)
        person = {"key": one.person, "user_id": one.person[5:]}
        conditions = self.conditions(one.segment, one.counts, one.decided_at)
        return {
            "trigger_id": self.trigger_id(one),
            "person": person | {"email": one.portrait.email, "name": one.portrait.name},
            "ask": ask.name,
            "type": ask.type,
            "channel": ask.channel,
            "incentive": ask.incentive,
            "variant": None,
            "segment": one.segment,
            "episode": {"entered_at": iso(one.entered_at)},
            "decided_at": iso(one.decided_at),
            "why": {"rule_version": one.version, "conditions": conditions, "gates": self.gates(one)},
            "first_touch": touch(one.portrait.first_touch),
            "last_touch": touch(one.portrait.last_touch),
            "account": None,
            "owner": None,
        }

    @staticmethod
    def contribution(one: Outcome) -> dict | None:
        """Sessions, and for a user one person of whom nothing is known; nobody signs up here."""
        cells: Counter[str] = Counter()
        for session in one.sessions:
            for name, letter in NAMES.items():
                row = session.source.get(name, "(none)") if session.source is not None else "(unattributed)"
                cells[f"{letter}-s:{row}"] += 1
        if one.person.startswith("user:"):
            cells.update(NOBODY_KNOWN)
        return {"document": one.person, "cells": dict(cells)} if cells else None

    def document(self, one: Outcome, others: int) -> dict:
        as_of = self.decided
        segments = {s.name: self.segment(one, s, as_of) for s in self.rules.segments if s.name in one.segments}
        return ({"quarantined_links": others} if others else {}) | {
            "person": one.person,
            "user_id": one.person[5:] if one.person.startswith("user:") else None,
            "aliases": one.aliases,
            "email": one.portrait.email,
            "name": one.portrait.name,
            "as_of": iso(as_of),
            "first_touch": touch(one.portrait.first_touch),
            "last_touch": touch(one.portrait.last_touch),
            "last_non_direct_touch": touch(one.portrait.last_non_direct_touch),
            "counts": {name: {"count": count, "exact": True} for name, count in sorted(one.counts(as_of).items())},
            "segments": segments,
            "asks": {decision.ask: self.ask(one, decision) for decision in one.decisions},
        }

    def ask(self, one: Outcome, decision: Decision) -> dict:
        taken = [w for w in one.withdrawals if (w.ask, w.entered_at) == (decision.ask, decision.entered_at)]
        return {
            "trigger_id": self.trigger_id(decision) if decision.asked else None,
            "decided_at": iso(decision.decided_at),
            "verdict": decision.verdict,
            "withdrawn_at": iso(taken[0].at) if taken and decision.asked else None,
            "gates": self.gates(decision),
        }

    @staticmethod
    def segment(one: Outcome, segment: Segment, as_of: int) -> dict:
        state, found = one.segments[segment.name], []
        for condition in segment.conditions:
            ats = [at for at in one.instants.get(condition.event, []) if as_of - condition.within_ms < at <= as_of]
            found.append(
                {
                    "event": condition.event,
                    "within_seconds": condition.within_ms // 1000,
                    "required": condition.required,
                    "count": len(ats),
                    "holds": len(ats) >= condition.required,
                    "counted": [iso(at) for at in ats[-condition.required :]],
                }
            )
        return {
            "member": state.member,
            "entered_at": iso(state.entered_at) if state.entered_at > EVER else None,
            "left_at": iso(state.left_at) if not state.member and state.left_at > EVER else None,
            "rule_version": 1,
            "conditions": found,
        }


def touch(one: Touch | None) -> dict | None:
    return one and {"at": iso(one.at), **one.source}


NOBODY_KNOWN = ("p-p:unknown / unknown / unknown", *(f"{one}-p:unknown" for one in "oizy"),
                "t-p:(no title)", "a-p:(no account)")  # fmt: skip
"""Rows of the reports of a person of whom Salesforce and companies say nothing."""


SHARED = ("support@example.com", "Info+x@example.com", "no-reply@example.com")
ROLES = ("support@", "info+", "no-reply@")

GAPS = (1, 1000, MINUTE, 29 * MINUTE, 31 * MINUTE, HOUR, 5 * HOUR, DAY, DAY)


def company(
    seed: int,
    *,
    people: int = 4,
    steps: int = 120,
    partitions: int = 2,
    gaps: tuple[int, ...] = GAPS,
    holes: bool = True,
    leaps: float = 0.03,
    forgets: float = 0.0,
) -> Company:
    """A random company: late, doubled and early events, links that move, bots, broken input, gaps of days.

    With `forgets` as many of its steps forget somebody, too.
    """
    rng = Random(seed)
    firm = Company(seed, partitions, holes=holes)
    now = T0
    sent: list[dict] = []
    for step in range(steps):
        now += rng.choice(gaps)
        if rng.random() < leaps:
            now += rng.choice([9, 12, 25, 31]) * DAY
        document = event(rng, step, now, people)
        if sent and rng.random() < 0.15:
            document = dict(rng.choice(sent[-20:]))
            if rng.random() < 0.3:
                document |= {"at": document["at"] - rng.choice([1, HOUR])}
                document["timestamp"] = iso(document["at"])
        sent.append(document)
        firm.web(document, now)
        if rng.random() < 0.05:
            firm.refuse(*rng.choice(BROKEN), now)
        if rng.random() < 0.05:
            firm.command(rng.choice(["split", "split", "join"]), whom(rng, people), rng.randrange(3), now)
        if forgets and rng.random() < forgets:
            firm.command("forget", whom(rng, people), step, now)
        if rng.random() < 0.01:
            firm.garbage(rng.choice([None, b"\xff", b"{}", b'{"kind":"tick"}']))
    firm.mark(now)
    firm.mark(now + rng.choice([1, HOUR, 11 * DAY]))
    return firm


BROKEN = [
    (b"{", "not-json"),
    (None, "empty"),
    (b"", "empty"),
    (b"\xff\xfe{}", "not-utf8"),
    (b'{"type":"track","event":"x","messageId":"m"}', "no-id"),
    (b'{"type":"track","event":"x","messageId":"m","userId":"NULL"}', "blocked-id"),
    (b'{"type":"track","event":"x","messageId":"m","userId":"u","timestamp":"0001-01-01T00:00:00Z"}', "bad-timestamp"),
    (b'{"type":"track","event":"x","messageId":"m","userId":"u","timestamp":"soon"}', "bad-timestamp"),
    (b'{"type":"track","event":"x","messageId":"m","userId":"u","timestamp":"2055-01-01T00:00:00Z"}', "future"),
    (b'{"type":"track","event":"' + b"x" * 40_000 + b'"}', "too-large"),
    (b'{"type":"nonsense","messageId":"m","userId":"u"}', "unknown-type"),
    (b'{"type":"track","a":' + b"[" * 1000 + b"]" * 1000 + b"}", "too-deep"),
]


def event(rng: Random, step: int, now: int, people: int) -> dict:
    at = now - rng.choice([0, 0, 0, 5, MINUTE, HOUR, 3 * DAY, 29 * DAY, 40 * DAY])
    if rng.random() < 0.05:
        at = now + MINUTE
    who = rng.randrange(people)
    kind = rng.choice(["track", "track", "track", "track", "page", "page", "identify", "identify", "alias"])
    document: dict = {
        "type": kind,
        "messageId": rng.choice([f"m{step}", f"a-rather-long-message-id-{step}"]),
        "context": {},
    }
    document |= {"at": at, "timestamp": iso(at)}
    known = rng.random() < 0.6
    document |= {"userId": f"u{who}"} if known else {"anonymousId": f"a{who}"}
    if kind == "track":
        document["event"] = rng.choice(["Report Viewed", "Report Viewed", "Dashboard Shared", "Other"])
    if kind == "alias":
        document |= {"userId": f"u{who}", "previousId": f"a{rng.choice([who, who, (who + 1) % people])}"}
        document.pop("anonymousId", None)
    if kind == "identify":
        document |= {"userId": f"u{who}", "anonymousId": f"a{rng.choice([who, who, (who + 1) % people])}"}
        if (left_out := rng.choice(["userId", "userId", "anonymousId", ""])) in document:
            del document[left_out]
        document["traits"] = {"email": address(rng, who, step, people), "name": f"U {step}"}
    if kind in ("page", "track") and rng.random() < 0.3:
        document["context"]["campaign"] = {"name": rng.choice(["spring", "autumn"])}
    if kind == "page":
        document["context"]["page"] = {"url": "https://example.com/", "referrer": rng.choice(["", "own"])}
        if "campaign" in document["context"]:
            document["context"]["page"]["referrer"] = ""
    document["context"]["userAgent"] = "bot" if rng.random() < 0.05 else "browser"
    return document


def whom(rng: Random, people: int) -> str:
    who = rng.randrange(people)
    return rng.choice([f"anon:a{who}", f"email:e{who}@example.com", f"user:u{who}"])


def address(rng: Random, who: int, step: int, people: int) -> str:
    """Mostly one's own, in any case; sometimes a former owner's, a new one, or a mailbox that several people read."""
    own, others = f"e{who}@example.com", f"e{(who + 1) % people}@example.com"
    return rng.choice([own, own, own.upper(), others, f"u{who}.{step}@example.com", rng.choice(SHARED)])
