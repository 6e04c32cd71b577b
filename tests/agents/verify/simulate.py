"""A small company in memory: a naive fold of docs/semantics.md that writes what the topics would hold.

It is a third telling of the semantics, made so that verify can be tested without a broker; slow and plain on purpose.
"""

import base64
import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from random import Random
from uuid import NAMESPACE_URL, uuid5

from agents.verify.partitioning import partition_of
from agents.verify.rules import Rules, parse
from agents.verify.world import Message, World

T0 = 1_760_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NEVER = -(1 << 60)

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


def order_key(message_id: str) -> bytes:
    plain = message_id.replace("-", "")
    if len(message_id) == 36 and len(plain) == 32 and message_id == message_id.lower():
        return bytes.fromhex(plain)
    data = message_id.encode()
    return data.ljust(16, b"\0") if len(data) <= 15 else md5(data).digest()


def session_cells(source: dict | None) -> list[str]:
    """Rows of the reports in which a session is one; there is no source without a channel."""
    names = {"c": "campaign", "h": "channel", "g": "ga4", "s": "source", "r": "referrer"}
    return [f"{one}-s:{source.get(name, '(none)') if source else '(unattributed)'}" for one, name in names.items()]


@dataclass
class Chain:
    """State of a fold over visits."""

    at: int = NEVER
    begun: int = NEVER
    campaign: str | None = None
    last: dict | None = None
    non_direct: dict | None = None
    sessions: Counter[str] = field(default_factory=Counter)
    """Cells of the reports."""

    def add(self, visit: dict, rules: Rules) -> None:
        source = visit.get("source")
        campaign = (source or {}).get("campaign")
        begins = visit["at"] - self.at >= rules.idle_ms or visit["at"] - self.begun >= rules.longest_ms
        if begins or (campaign and campaign != self.campaign):
            self.begun, self.campaign = visit["at"], campaign
            self.sessions.update(session_cells(source))
            if source:
                self.last = {"at": visit["at"], "source": source}
                if source["channel"] != "Direct":
                    self.non_direct = self.last
        self.at = visit["at"]


@dataclass
class Part:
    alias: str
    path: tuple[int, ...] = ()
    stored: dict[bytes, dict] = field(default_factory=dict)
    first: tuple | None = None
    email: tuple | None = None
    name: tuple | None = None
    sealed: Chain = field(default_factory=Chain)


@dataclass
class Row:
    key: str
    parts: dict[str, Part] = field(default_factory=dict)
    chain: Chain = field(default_factory=Chain)
    links: dict[str, tuple] = field(default_factory=dict)
    words: list[tuple[int, bytes, bool]] = field(default_factory=list)
    moves: int = 0
    members: dict[str, dict] = field(default_factory=dict)
    asks: dict[str, dict] = field(default_factory=dict)
    asked_at: dict[str, int] = field(default_factory=dict)
    triggers: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str | None:
        if self.words and max(self.words)[2]:
            return None
        return min(self.links.values())[2] if self.links else None

    def events(self) -> list[dict]:
        return [event for part in self.parts.values() for event in part.stored.values()]


class Company:
    """Feed it web events and ticks; `world()` gives the topics."""

    def __init__(self, seed: int = 0, partitions: int = 2, rules: Rules = RULES, *, holes: bool = True) -> None:
        self.holes = holes  # transaction markers and aborted records take offsets too
        self.rng, self.partitions, self.rules = Random(seed), partitions, rules
        self.topics: dict[str, list[Message]] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.rows: list[dict[str, Row]] = [{} for _ in range(partitions)]
        self.ticks: list[dict[str, int]] = [{} for _ in range(partitions)]
        self.clocks = [NEVER] * partitions
        self.queues: list[list[tuple[int, dict]]] = [[] for _ in range(partitions)]
        self.gone: set[str] = set()
        self.number = 0

    # -- writing ---------------------------------------------------------------------------------------------------

    def put(self, topic, partition, value, key=None, ts=T0, headers=()):
        hole = self.holes and topic != "contributions" and self.rng.choice([0, 0, 0, 1])
        offset = self.offsets.get((topic, partition), 0) + hole
        self.offsets[(topic, partition)] = offset + 1
        data = value if isinstance(value, bytes | None) else json.dumps(value, separators=(",", ":")).encode()
        raw = None if key is None else key.encode()
        self.topics.setdefault(topic, []).append(Message(partition, offset, ts, raw, data, tuple(headers)))
        return offset

    def record(self, value: dict, key: str | None, source: str | None, partition: int | None = None) -> None:
        p = partition if key is None else partition_of(key.encode(), self.partitions)
        headers = [("source", source.encode())] if source else []
        offset = self.put("user-events", p, value, key, headers=headers)
        self.queues[p].append((offset, value))

    def output(self, topic: str, key: str, value: dict | None, headers=()) -> None:
        self.put(topic, partition_of(key.encode(), self.partitions), value, key, headers=headers)

    def world(self) -> World:
        self.settle()
        committed = {
            (topic, p): self.offsets.get((topic, p), 0)
            for topic in ("web-events", "account-events", "user-events")
            for p in range(self.partitions)
        }
        return World(self.partitions, deepcopy(self.topics), committed, dict(self.offsets))

    # -- ingest ----------------------------------------------------------------------------------------------------

    def refuse(self, value: bytes | None, reason: str, now: int) -> None:
        p = self.rng.randrange(self.partitions)
        offset = self.put("web-events", p, value, "k", now)
        headers = [
            ("reason", reason),
            ("topic", "web-events"),
            ("partition", str(p)),
            ("offset", str(offset)),
            ("detail", "why"),
        ]
        self.put("rejected-events", p, value, "k", headers=[(name, text.encode()) for name, text in headers])

    def garbage(self, value: bytes | None) -> None:
        """Somebody wrote what is no record into `user-events`."""
        p = partition_of(b"user:u1", self.partitions)
        offset = self.put("user-events", p, value, "user:u1")
        headers = {"reason": "bad-record", "topic": "user-events", "partition": p, "offset": offset, "detail": "why"}
        self.put(
            "rejected-events", p, value, "user:u1", headers=[(n, str(text).encode()) for n, text in headers.items()]
        )

    def mark(self, now: int) -> None:
        """Log clock: a time mark in every source partition, and its ticks."""
        for source in range(self.partitions):
            self.put("web-events", source, b"", None, now, [("touchline-mark", str(now).encode())])
        self.tick(now)

    def command(self, name: str, alias: str, number: int, now: int) -> None:
        """An operator splits an alias off, takes that back, or forgets it."""
        p = self.rng.randrange(self.partitions)
        value = {"alias": alias, "id": f"c{number}"}
        offset = self.put("web-events", p, value, None, now, [("touchline-command", name.encode())])
        if name == "forget":
            self.record({"kind": "forget", "alias": alias}, alias, f"web-events/{p}/{offset}")
            return
        split = {"kind": "split", "alias": alias, "apart": name == "split", "message_id": f"c{number}", "at": now}
        self.record(split, alias, f"web-events/{p}/{offset}")

    def web(self, document: dict, now: int) -> None:
        """Publish an event at `now`; `receivedAt` is added, and what ingest makes of it."""
        at = min(document["at"], now)
        document = {key: value for key, value in document.items() if key != "at"} | {"receivedAt": iso(now)}
        p = partition_of((document.get("anonymousId") or document["userId"]).encode(), self.partitions)
        offset = self.put("web-events", p, document, "k", now + 17)
        source = f"web-events/{p}/{offset}"
        user, anon = document.get("userId"), document.get("anonymousId")
        alias = f"user:{user}" if user else f"anon:{anon}"
        mid = document["messageId"]
        kind = document["type"]
        name = {"track": document.get("event"), "page": "$page"}.get(kind, "")
        event = {"kind": "event", "alias": alias, "message_id": mid, "at": at, "received_at": now, "name": name}
        campaign = document["context"].get("campaign")
        visit = kind == "page" or bool(campaign)
        event["visit"] = visit
        if document["context"].get("userAgent") == "bot":
            event |= {"bot": True}
        if visit and document["context"].get("page", {}).get("referrer") != "own":
            event["source"] = self.source(campaign)
        if "traits" in document:
            event |= {"email": document["traits"]["email"].lower(), "full_name": document["traits"]["name"]}
        self.record(event, alias, source)
        for weak, strong in self.said(document, alias, event.get("email", "")):
            self.record({"kind": "link", "alias": weak, "to": strong, "message_id": mid, "at": at}, weak, source)

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

    def tick(self, now: int) -> None:
        for source in range(self.partitions):
            for p in range(self.partitions):
                self.record({"kind": "tick", "source": f"web-events/{source}", "at": now}, None, None, p)

    # -- profile ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        while any(self.queues):
            p = self.rng.choice([p for p, queue in enumerate(self.queues) if queue])
            offset, record = self.queues[p].pop(0)
            if record["kind"] == "tick":
                self.ticked(p, record)
            else:
                self.fold(p, offset, record)

    def ticked(self, p: int, record: dict) -> None:
        seen = self.ticks[p]
        seen[record["source"]] = max(seen.get(record["source"], NEVER), record["at"])
        if len(seen) < self.partitions or min(seen.values()) <= self.clocks[p]:
            return
        before, self.clocks[p] = self.clocks[p], min(seen.values())
        for row in self.rows[p].values():
            if row.key.startswith("user:") and self.walk(row, before, self.clocks[p]):
                self.view(p, row)

    def fold(self, p: int, offset: int, record: dict) -> None:
        clock = self.clocks[p]
        kind = record["kind"]
        if record.get("bot"):
            return
        key = record["alias"] if kind in ("link", "split", "forget") else record.get("person", record["alias"])
        source = f"user-events/{p}/{offset}"
        if key in self.gone:
            if kind == "part" and len(record["path"]) == 1:
                self.record({"kind": "forget", "alias": record["alias"], "person": key}, record["alias"], source)
            return
        if kind == "forget":
            self.forget(p, record, source)
            return
        if key.startswith("email:") and key not in self.rows[p]:
            self.member("domain-member", key, source)
        row = self.rows[p].setdefault(key, Row(key))
        self.seal(row, clock)
        if kind in ("link", "split"):
            self.tie(row, record, source)
        else:
            self.take(row, record, clock)
            if row.owner:
                passed = {"passed": record.get("passed", 0) + 1}
                way = {"path": [*record["path"], row.moves]} if kind == "part" else passed
                self.record(record | way | {"person": row.owner}, row.owner, source)
        if key.startswith("user:"):
            self.look(row, clock)
        self.view(p, row)

    def forget(self, p: int, record: dict, source: str) -> None:
        """Pass an operator's word on to the owner, or delete the row."""
        alias, clock, passed = record["alias"], self.clocks[p], record.get("passed", 0)
        row = self.rows[p].get(alias, Row(alias))
        if "person" in record:
            if row.owner != record["person"]:
                return
        elif row.owner and passed < 8:
            self.record({"kind": "forget", "alias": row.owner, "passed": passed + 1}, row.owner, source)
            return
        for segment in sorted(self.rules.segments, key=lambda one: one.name):
            state = row.members.get(segment.name)
            if state and state["member"]:
                at = max(clock, state["entered_at"])
                self.change(row, segment, "left", at, at, at)
        for ask, trigger in sorted(row.triggers.items()):
            self.withdraw(row, ask, trigger, max(clock, row.asked_at[ask]))
        if alias.startswith("email:"):
            self.member("forgotten", alias, source)
        elif alias.startswith("sf:"):
            id_ = alias.removeprefix("sf:")
            self.account_event({"kind": "forgotten", "alias": alias}, id_, source)
            known = {"object": "Contact" if id_[:3] == "003" else "Lead", "id": id_, "modified_at": None}
            known |= {"deleted": False, "dirty": False, "forgotten": True}
            self.output("salesforce-records", id_, known)
        for part in sorted(one.alias for one in row.parts.values() if len(one.path) == 1):
            self.record({"kind": "forget", "alias": part, "person": alias}, part, source)
        self.rows[p].pop(alias, None)
        self.gone.add(alias)
        for topic in ("profile-views", "contributions", "user-timeline"):
            self.output(topic, alias, None)

    def withdraw(self, row: Row, ask: str, trigger: str, at: int) -> None:
        person = {"key": row.key, "user_id": row.key[5:]}
        value = {"trigger_id": trigger, "person": person, "ask": ask, "reason": "forgotten", "withdrawn_at": iso(at)}
        self.output("referral-triggers", row.key, value, ce_headers("withdrawn", trigger, row.key, at))

    def member(self, kind: str, alias: str, source: str) -> None:
        """An address belongs to the company of its domain, which is of two labels here."""
        domain = alias.rpartition("@")[2]
        self.account_event({"kind": kind, "alias": alias, "domain": domain}, f"domain:{domain}", source)

    def account_event(self, value: dict, key: str, source: str) -> None:
        p = partition_of(key.encode(), self.partitions)
        self.put("account-events", p, value, key, headers=[("source", source.encode())])

    def take(self, row: Row, record: dict, clock: int) -> None:
        held = row.parts.get(record["alias"])
        path = tuple(record.get("path", ()))
        if record["kind"] == "event":
            self.add(row.parts.setdefault(record["alias"], Part(record["alias"])), record, clock)
        elif record["kind"] == "part" and (held is None or held.path <= path):
            self.attach(row, PARTS[record["part"]], path, clock)
        elif record["kind"] == "detach" and held is not None and held.path < path:
            del row.parts[record["alias"]]

    def late(self, at: int, clock: int) -> bool:
        return clock > NEVER and at <= clock - self.rules.horizon_ms

    def seal(self, row: Row, clock: int) -> None:
        if clock == NEVER:
            return
        old = [event for event in row.events() if self.late(event["at"], clock)]
        for visit in sorted(
            (one for one in old if one["visit"]), key=lambda one: (one["at"], order_key(one["message_id"]))
        ):
            row.chain.add(visit, self.rules)
        for part in row.parts.values():
            part.stored = {okey: one for okey, one in part.stored.items() if not self.late(one["at"], clock)}

    def add(self, part: Part, event: dict, clock: int) -> None:
        okey = order_key(event["message_id"])
        rank = (event["at"], okey)
        for trait, field_name in (("email", "email"), ("full_name", "name")):
            if event.get(trait) and (getattr(part, field_name) is None or rank > getattr(part, field_name)[:2]):
                setattr(part, field_name, (*rank, event[trait]))
        if event["visit"] and event.get("source") and (part.first is None or rank < part.first[:2]):
            part.first = (*rank, event["source"])
        if self.late(event["at"], clock) or not (event["name"] or event["visit"]):
            return
        held = part.stored.get(okey)
        if held is None or event["at"] < held["at"]:
            part.stored[okey] = event

    def tie(self, row: Row, record: dict, source: str) -> None:
        stamp, former = (record["at"], order_key(record["message_id"])), row.owner
        if record["kind"] == "split":
            row.words.append((*stamp, record["apart"]))
        else:
            link = (*stamp, record["to"])
            row.links[link[2]] = min(link, row.links.get(link[2], link))
        if row.owner == former:
            return
        row.moves += 1
        row.parts.setdefault(row.key, Part(row.key))
        for part in row.parts.values():
            path = [*part.path, row.moves]
            moved = {"alias": part.alias, "path": path}
            if former:
                self.record({"kind": "detach", "person": former} | moved, former, source)
            if row.owner is None:
                continue
            text = base64.b64encode(f"{part.alias} {source}".encode()).decode()
            PARTS[text] = deepcopy(part)
            if part.alias == row.key:
                PARTS[text].sealed = deepcopy(row.chain)
            self.record({"kind": "part", "person": row.owner, "part": text} | moved, row.owner, source)

    def attach(self, row: Row, part: Part, path: tuple[int, ...], clock: int) -> None:
        part = deepcopy(part)
        part.path = path
        old = [event for event in part.stored.values() if self.late(event["at"], clock)]
        for visit in sorted(
            (one for one in old if one["visit"]), key=lambda one: (one["at"], order_key(one["message_id"]))
        ):
            part.sealed.add(visit, self.rules)
        part.stored = {okey: one for okey, one in part.stored.items() if not self.late(one["at"], clock)}
        row.parts[part.alias] = part

    # -- segments --------------------------------------------------------------------------------------------------

    def counts(self, row: Row, segment, t: int) -> list[int]:
        return [
            sum(e["name"] == one.event and t - one.within_ms < e["at"] <= t for e in row.events())
            for one in segment.conditions
        ]

    def holds(self, row: Row, segment, t: int) -> bool:
        return segment.holds(self.counts(row, segment, t))

    def turns(self, row: Row, segment) -> list[int]:
        pairs = [(e["at"], one.within_ms) for e in row.events() for one in segment.conditions if e["name"] == one.event]
        return sorted({x for at, within in pairs for x in (at, at + within)})

    def look(self, row: Row, clock: int) -> bool:
        entered = False
        now = max([clock, *(e["at"] for e in row.events())])
        for segment in self.rules.segments:
            state = row.members.setdefault(segment.name, {"member": False, "entered_at": None, "left_at": None})
            if state["member"] or not self.holds(row, segment, now):
                continue
            at = now
            for x in reversed([x for x in self.turns(row, segment) if x <= now]):
                if not self.holds(row, segment, x):
                    break
                at = x
            self.enter(row, segment, at, max(clock, at))
            self.decide(row, segment, at, max(clock, at))
            entered = True
        return entered

    def walk(self, row: Row, after: int, clock: int) -> bool:
        changed = False
        entered = []
        for segment in self.rules.segments:
            state = row.members.setdefault(segment.name, {"member": False, "entered_at": None, "left_at": None})
            for x in self.turns(row, segment):
                if not after < x <= clock or x <= max(state["entered_at"] or NEVER, state["left_at"] or NEVER):
                    continue
                holds = self.holds(row, segment, x)
                if holds and not state["member"]:
                    self.enter(row, segment, x, clock)
                    entered.append((x, segment))
                elif state["member"] and not holds:
                    state.update(member=False, left_at=x)
                    self.change(row, segment, "left", x, clock, x)
                else:
                    continue
                changed = True
        for segment in self.rules.segments:
            state = row.members[segment.name]
            if state["member"] and state["entered_at"] <= clock and not self.holds(row, segment, clock):
                state.update(member=False, left_at=clock)
                self.change(row, segment, "left", clock, clock, clock)
                changed = True
        for x, segment in sorted(entered, key=lambda one: one[0]):
            self.decide(row, segment, x, clock)
        return self.look(row, clock) or changed

    def enter(self, row: Row, segment, at: int, announced_at: int) -> None:
        row.members[segment.name].update(member=True, entered_at=at, left_at=None)
        self.change(row, segment, "entered", at, announced_at, announced_at)

    def conditions(self, row: Row, segment, t: int) -> list[dict]:
        return [
            {
                "event": one.event,
                "within_seconds": one.within_ms // 1000,
                "required": one.required,
                "count": count,
                "counted_from": iso(t - one.within_ms),
                "counted_to": iso(t),
            }
            for one, count in zip(segment.conditions, self.counts(row, segment, t), strict=True)
        ]

    def change(self, row: Row, segment, change: str, at: int, announced_at: int, counted_at: int) -> None:
        state = row.members[segment.name]
        value = {
            "person": row.key,
            "user_id": row.key[5:],
            "segment": segment.name,
            "change": change,
            "at": iso(at),
            "announced_at": iso(announced_at),
            "episode": {"entered_at": iso(state["entered_at"])},
            "rule_version": 1,
            "why": {"conditions": self.conditions(row, segment, counted_at)},
        }
        self.output("segment-changes", row.key, value)

    def decide(self, row: Row, segment, at: int, now: int) -> None:
        for ask in self.rules.asks:
            if ask.segment != segment.name:
                continue
            inside = row.members[segment.name]["member"]
            cooled = ask.name not in row.asked_at or now - row.asked_at[ask.name] >= ask.cooldown_ms
            gates = [
                {"gate": "in_segment", "passed": inside, "detail": ""},
                {"gate": "cooldown", "passed": cooled, "detail": ""},
            ]
            trigger = str(uuid5(uuid5(NAMESPACE_URL, "https://touchline.dev/trigger"), f"{ask.name}|1|{row.key}|{at}"))
            asked = inside and cooled
            row.asks[ask.name] = {
                "trigger_id": trigger if asked else None,
                "decided_at": iso(now),
                "verdict": "asked" if asked else ("cooldown" if inside else "in_segment"),
                "gates": gates,
            }
            if asked:
                row.asked_at[ask.name] = now
                row.triggers[ask.name] = trigger
                self.trigger(row, segment, ask, trigger, at, now, gates)

    def trigger(self, row: Row, segment, ask, trigger: str, at: int, now: int, gates: list[dict]) -> None:
        email, name = self.traits(row)
        value = {
            "trigger_id": trigger,
            "person": {"key": row.key, "user_id": row.key[5:], "email": email, "name": name},
            "ask": ask.name,
            "type": ask.type,
            "channel": ask.channel,
            "incentive": ask.incentive,
            "variant": None,
            "segment": segment.name,
            "episode": {"entered_at": iso(at)},
            "decided_at": iso(now),
            "why": {"rule_version": 1, "conditions": self.conditions(row, segment, now), "gates": gates},
            **{name: touch for name, touch in self.touches(row).items() if name != "last_non_direct_touch"},
            "account": None,
            "owner": None,
        }
        self.output("referral-triggers", row.key, value, ce_headers("trigger", trigger, row.key, now))

    # -- views -----------------------------------------------------------------------------------------------------

    def traits(self, row: Row) -> tuple:
        best = [
            max((x for x in (getattr(p, f) for p in row.parts.values()) if x), default=None) for f in ("email", "name")
        ]
        return tuple(one and one[2] for one in best)

    def chains(self, row: Row) -> list[Chain]:
        chain = deepcopy(row.chain)
        for visit in sorted(
            (e for e in row.events() if e["visit"]), key=lambda e: (e["at"], order_key(e["message_id"]))
        ):
            chain.add(visit, self.rules)
        return [chain, *(part.sealed for part in row.parts.values())]

    def touches(self, row: Row) -> dict:
        chains = self.chains(row)
        first = min((p.first for p in row.parts.values() if p.first), key=lambda one: one[:2], default=None)
        last = max((c.last for c in chains if c.last), key=lambda one: one["at"], default=None)
        non_direct = max((c.non_direct for c in chains if c.non_direct), key=lambda one: one["at"], default=None)
        return {
            "first_touch": first and {"at": iso(first[0]), **first[2]},
            "last_touch": last and {"at": iso(last["at"]), **last["source"]},
            "last_non_direct_touch": non_direct and {"at": iso(non_direct["at"]), **non_direct["source"]},
        }

    def contribution(self, row: Row) -> dict | None:
        """Sessions, and for a user one person of whom nothing is known; nobody signs up here."""
        cells: Counter[str] = Counter()
        for chain in [] if row.owner else self.chains(row):
            cells += chain.sessions
        if row.key.startswith("user:") and not row.owner:
            cells.update(NOBODY_KNOWN)
        return {"document": row.key, "cells": dict(cells)} if cells else None

    def view(self, p: int, row: Row) -> None:
        self.output("contributions", row.key, self.contribution(row))
        if row.owner:
            pointer = {"person": row.key, "merged_into": row.owner, "quarantined_links": len(row.links) - 1}
            self.output("profile-views", row.key, pointer)
            return
        self.output("profile-views", row.key, self.document(row, self.clocks[p]))

    def document(self, row: Row, clock: int) -> dict:
        ever = [event["at"] for event in row.events()]
        as_of = max([clock, *ever])
        if as_of == NEVER:
            as_of = T0
        email, name = self.traits(row)
        recent = [e for e in row.events() if e["name"] and as_of - 30 * DAY < e["at"] <= as_of]
        return ({"quarantined_links": len(row.links)} if row.links else {}) | {
            "person": row.key,
            "user_id": row.key[5:] if row.key.startswith("user:") else None,
            "aliases": sorted({row.key, *row.parts}),
            "email": email,
            "name": name,
            "as_of": iso(as_of),
            **self.touches(row),
            "counts": {
                n: {"count": sum(e["name"] == n for e in recent), "exact": True}
                for n in sorted({e["name"] for e in recent})
            },
            "segments": {s.name: self.segment(row, s, as_of) for s in self.rules.segments if s.name in row.members},
            "asks": row.asks,
        }

    def segment(self, row: Row, segment, as_of: int) -> dict:
        state = row.members[segment.name]
        found = []
        for one in segment.conditions:
            ats = sorted(
                e["at"] for e in row.events() if e["name"] == one.event and as_of - one.within_ms < e["at"] <= as_of
            )
            found.append(
                {
                    "event": one.event,
                    "within_seconds": one.within_ms // 1000,
                    "required": one.required,
                    "count": len(ats),
                    "holds": len(ats) >= one.required,
                    "counted": [iso(at) for at in ats[-one.required :]],
                }
            )
        return {
            "member": state["member"],
            "entered_at": state["entered_at"] and iso(state["entered_at"]),
            "left_at": state["left_at"] and iso(state["left_at"]),
            "rule_version": 1,
            "conditions": found,
        }


NOBODY_KNOWN = ("p-p:unknown / unknown / unknown", *(f"{one}-p:unknown" for one in "oizy"),
                "t-p:(no title)", "a-p:(no account)")  # fmt: skip
"""Rows of the reports of a person of whom Salesforce and companies say nothing."""

PARTS: dict[str, Part] = {}
"""What the base64 of a part stands for: verify cannot look into it, and need not."""


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
        if rng.random() < 0.3:
            firm.tick(now - rng.choice([0, 1, MINUTE]))
        if rng.random() < 0.5:
            firm.settle()
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
