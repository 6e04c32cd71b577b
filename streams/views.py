"""Room 9.  Views and messages: what profiles and announcements look like outside.  Shapes: docs/semantics.md."""

from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from streams.activity import Current, Touch
from streams.asks import Asked, Trigger, Withdrawn
from streams.events import Alias, Millis, Source, Told
from streams.identifiers import RECORD
from streams.instants import iso
from streams.policy import WINDOW_MS, Condition, Policy, Segment
from streams.profile import Profile
from streams.profile.persona import persona_of
from streams.segments import Change, Counted, Parts, latest, shown_count

encode = msgspec.json.Encoder().encode

Headers: TypeAlias = tuple[tuple[str, bytes], ...]
TRIGGER_TYPE = "touchline.referral.trigger.v1"
WITHDRAWN_TYPE = "touchline.referral.withdrawn.v1"
SOURCE = "touchline"


def profile_view(profile: Profile, policy: Policy, *, as_of: Millis) -> dict[str, Any]:
    """Make the document of `profile-views`; of an alias that belongs to another one only a pointer to that.

    `as_of`: the instant up to which the row is decided.
    """
    if (owner := profile.owner) is not None:
        return {"person": profile.key, "merged_into": owner, "quarantined_links": max(len(profile.links) - 1, 0)}
    parts, company = profile.parts(), profile.company
    return {
        "person": profile.key,
        "user_id": profile.key.removeprefix("user:") if profile.is_user else None,
        "aliases": sorted(part.alias for part in parts),
        "email": profile.email,
        "name": profile.full_name,
        "as_of": iso(as_of),
        "first_touch": touch_view(profile.first_touch),
        "last_touch": touch_view(profile.last_touch),
        "last_non_direct_touch": touch_view(profile.last_non_direct),
        "counts": counts_view(parts, as_of),
        "segments": {
            segment.name: _segment_view(profile, parts, segment, as_of)
            for segment in policy.segments
            if profile.is_user
        },
        "asks": {name: _asked_view(asked) for name, asked in profile.asked.items()},
        **({"salesforce": [_record_view(*record) for record in records]} if (records := profile.records) else {}),
        **({"persona": msgspec.structs.asdict(persona_of(profile, policy))} if records or company else {}),
        **({"account": _state_view(b"id", *account)} if (account := profile.account) is not None else {}),
        **({"company": _state_view(b"domain", *company)} if company is not None else {}),
        **({"quarantined_links": len(profile.links)} if profile.links else {}),
    }


def touch_view(touch: Touch | None) -> dict[str, Any] | None:
    """Show a touch: its instant and where the visit came from."""
    if touch is None:
        return None
    return {"at": iso(touch.at), **_source_view(touch.source)}


def _record_view(alias: Alias, record: Current) -> dict[str, Any]:
    return {
        "id": alias.removeprefix(RECORD),
        "object": record.object,
        "account": record.account,
        "modified_at": iso(record.modified_at),
        "fields": msgspec.Raw(record.fields),
    }


def _state_view(field: bytes, name: str, state: bytes) -> msgspec.Raw:
    """Put a name before the fields of a state, a JSON object that is not empty."""
    return msgspec.Raw(b'{"%s":"%s",%s' % (field, name.encode(), state[1:]))


@lru_cache(maxsize=8_192)
def _source_view(source: Source) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(source)
    return fields


def counts_view(parts: Parts, as_of: Millis) -> dict[str, dict[str, Any]]:
    """Show how often each event happened in the 30 days up to `as_of`; names without any are left out."""
    after = as_of - WINDOW_MS
    counts: dict[str, int] = {}
    rough: set[str] = set()
    for part in parts:
        for name, series in part.series.items():
            if name and (count := series.count(after, as_of)):
                counts[name] = counts.get(name, 0) + count
                if series.is_rough(after):
                    rough.add(name)
    return {name: {"count": count, "exact": name not in rough} for name, count in sorted(counts.items())}


def change_message(change: Change) -> dict[str, Any]:
    """Make the value of a `segment-changes` message."""
    return {
        "person": change.person,
        "user_id": change.person.removeprefix("user:"),
        "segment": change.segment,
        "change": "entered" if change.entered else "left",
        "at": iso(change.at),
        "announced_at": iso(change.announced_at),
        "episode": {"entered_at": iso(change.entered_at)},
        "rule_version": change.rule_version,
        "why": {"conditions": [_why(found) for found in change.why]},
    }


def trigger_message(trigger: Trigger) -> dict[str, Any]:
    """Make the value of a `referral-triggers` message."""
    change, ask = trigger.change, trigger.ask
    return {
        "trigger_id": trigger.trigger_id,
        "person": {
            "key": change.person,
            "user_id": change.person.removeprefix("user:"),
            "email": trigger.email,
            "name": trigger.full_name,
        },
        "ask": ask.name,
        "type": ask.type,
        "channel": ask.channel,
        "incentive": ask.incentive,
        "variant": None,
        "segment": change.segment,
        "episode": {"entered_at": iso(change.entered_at)},
        "decided_at": iso(change.announced_at),
        "why": {
            "rule_version": change.rule_version,
            "conditions": [_why(found) for found in change.why],
            "gates": [{"gate": gate.gate, "passed": gate.passed, "detail": gate.detail} for gate in trigger.gates],
        },
        "first_touch": touch_view(trigger.first_touch),
        "last_touch": touch_view(trigger.last_touch),
        **_account_and_owner(trigger.account),
    }


class _OfAccount(msgspec.Struct, frozen=True):
    """What a trigger tells of the state of an account; None: unknown."""

    name: Any = None
    owner: Any = None


_read_account = msgspec.json.Decoder(_OfAccount).decode


def _account_and_owner(account: tuple[str, bytes] | None) -> dict[str, Any]:
    if account is None:
        return {"account": None, "owner": None}
    said = _read_account(account[1])
    known = {"name": said.name} if said.name is not None else {}
    return {"account": {"id": account[0], **known}, "owner": said.owner}


def timeline_message(told: Told) -> dict[str, Any]:
    """Make the value of a `user-timeline` message."""
    person = told.person or told.alias
    user_id = person.removeprefix("user:") if person.startswith("user:") else None
    return {"person": person, "user_id": user_id, **msgspec.json.decode(told.change)}


def trigger_headers(trigger: Trigger) -> Headers:
    """Make the CloudEvents 1.0 binary headers of a trigger."""
    return _cloud_event(TRIGGER_TYPE, trigger.trigger_id, trigger.change.person, trigger.change.announced_at)


def withdrawn_message(withdrawn: Withdrawn) -> dict[str, Any]:
    """Make the value of the message that takes a trigger back."""
    return {
        "trigger_id": withdrawn.trigger_id,
        "person": {"key": withdrawn.person, "user_id": withdrawn.person.removeprefix("user:")},
        "ask": withdrawn.ask,
        "reason": withdrawn.reason,
        "withdrawn_at": iso(withdrawn.at),
    }


def withdrawn_headers(withdrawn: Withdrawn) -> Headers:
    """Make the CloudEvents 1.0 binary headers of a withdrawal: those of the trigger, of another type."""
    return _cloud_event(WITHDRAWN_TYPE, withdrawn.trigger_id, withdrawn.person, withdrawn.at)


def _cloud_event(kind: str, event_id: str, subject: Alias, at: Millis) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", kind.encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", iso(at).encode()),
        ("content-type", b"application/json"),
    )


def _why(found: Counted) -> dict[str, Any]:
    condition = found.condition
    return {
        "event": condition.event,
        "within_seconds": condition.within_ms // 1000,
        "required": condition.required,
        "count": found.count,
        "counted_from": iso(found.until - condition.within_ms),
        "counted_to": iso(found.until),
    }


def _segment_view(profile: Profile, parts: Parts, segment: Segment, as_of: Millis) -> dict[str, Any]:
    standing = profile.standings.get(segment.name)
    if standing is None and not any(name in part.series for part in parts for name in segment.events):
        return _never_near(segment, profile.rule_version)
    return {
        "member": standing is not None and standing.member,
        "entered_at": iso(standing.entered_at) if standing is not None else None,
        "left_at": iso(standing.left_at) if standing is not None and standing.left_at is not None else None,
        "rule_version": standing.rule_version if standing is not None else profile.rule_version,
        "conditions": [_condition_view(parts, condition, as_of) for condition in segment.conditions],
    }


def _condition_view(parts: Parts, condition: Condition, as_of: Millis) -> dict[str, Any]:
    after = as_of - condition.within_ms
    count = shown_count(parts, condition.event, after, as_of)
    newest = latest(parts, condition.event, condition.required, as_of) if count else []
    instants = [at for at in newest if at > after]
    return {
        "event": condition.event,
        "within_seconds": condition.within_ms // 1000,
        "required": condition.required,
        "count": count,
        "holds": len(instants) >= condition.required,
        "counted": [iso(at) for at in instants],
    }


@lru_cache(maxsize=1_024)
def _never_near(segment: Segment, rule_version: int) -> dict[str, Any]:
    """Show a segment of a person to whom no event of its rule happened, as for most.  Shared: not to be changed."""
    return {
        "member": False,
        "entered_at": None,
        "left_at": None,
        "rule_version": rule_version,
        "conditions": [
            {
                "event": condition.event,
                "within_seconds": condition.within_ms // 1000,
                "required": condition.required,
                "count": 0,
                "holds": False,
                "counted": [],
            }
            for condition in segment.conditions
        ],
    }


def _asked_view(asked: Asked) -> dict[str, Any]:
    return {
        "trigger_id": asked.trigger_id,
        "decided_at": iso(asked.decided_at),
        "verdict": "asked" if asked.trigger_id is not None else "not asked",
        "withdrawn_at": iso(asked.withdrawn_at) if asked.withdrawn_at is not None else None,
        "gates": [{"gate": gate.gate, "passed": gate.passed, "detail": gate.detail} for gate in asked.gates],
    }
