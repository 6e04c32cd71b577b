"""The simulated company: the same each time, lively enough to show everything that Touchline decides."""

import json
from collections import Counter
from itertools import islice, pairwise

import pytest

from agents.local.company import live, shared_devices, simulate
from streams.events import Link, Rejected, UserEvent
from streams.instants import DAY_MS
from streams.intake import parse_web_event
from streams.touches import WebSites

END = 1_763_850_000_000
DAYS = 90


@pytest.fixture(scope="module")
def events() -> list[dict]:
    return list(simulate(7, DAYS, END))


@pytest.fixture(scope="module")
def read(events: list[dict]) -> list[tuple[UserEvent | Link, ...] | Rejected]:
    sites = WebSites(())
    return [parse_web_event(json.dumps(event).encode(), kafka_timestamp=END, sites=sites) for event in events]


@pytest.fixture(scope="module")
def accepted(read: list) -> list[UserEvent]:
    return [found[0] for found in read if not isinstance(found, Rejected)]


def power_users(accepted: list[UserEvent]) -> set[str]:
    """Counted in the plainest way, by userId only: over 20 reports and a share in 30 days."""
    by_user: dict[str, list[UserEvent]] = {}
    for event in {
        event.message_id: event for event in accepted if event.name in ("Report Viewed", "Dashboard Shared")
    }.values():
        by_user.setdefault(event.alias, []).append(event)

    def is_power_user(mine: list[UserEvent], at: int) -> bool:
        names = Counter(event.name for event in mine if at - 30 * DAY_MS < event.at <= at)
        return names["Report Viewed"] > 20 and names["Dashboard Shared"] >= 1

    return {user for user, mine in by_user.items() if any(is_power_user(mine, event.at) for event in mine)}


def test_the_same_seed_gives_the_same_events() -> None:
    assert list(simulate(3, 10, END, people=30)) == list(simulate(3, 10, END, people=30))
    assert list(simulate(3, 10, END, people=30)) != list(simulate(4, 10, END, people=30))


def test_by_default_there_are_about_60_000_events_of_about_400_people(events: list[dict]) -> None:
    assert 50_000 < len(events) < 70_000
    assert 300 < len({event["userId"] for event in events if isinstance(event.get("userId"), str)}) < 400


def test_events_come_in_received_order_within_the_days(events: list[dict]) -> None:
    received = [event["receivedAt"] for event in events]
    assert received == sorted(received)
    assert received[-1] < "2025-11-22T22:20:00.000Z"
    assert received[0] > "2025-08-24T22:20:00.000Z"


def test_some_events_happened_after_ones_that_came_before(accepted: list[UserEvent]) -> None:
    assert sum(later.at < sooner.at for sooner, later in pairwise(accepted)) > 500


def test_some_phones_were_offline_for_hours_and_days(accepted: list[UserEvent]) -> None:
    delays = [event.received_at - event.at for event in accepted]
    assert 0.005 < sum(delay > 600_000 for delay in delays) / len(delays) < 0.03
    assert max(delays) > 2 * DAY_MS


def test_some_events_come_twice(events: list[dict]) -> None:
    times = Counter(event["messageId"] for event in events)
    assert 0.004 < sum(count - 1 for count in times.values()) / len(events) < 0.012


def test_some_input_is_useless_in_several_ways(read: list) -> None:
    reasons = Counter(found.reason for found in read if isinstance(found, Rejected))
    assert 20 < reasons.total() < 150
    assert len(reasons) >= 5


def test_robots_come_by(accepted: list[UserEvent]) -> None:
    assert 0.002 < sum(event.bot for event in accepted) / len(accepted) < 0.01


def test_people_come_in_many_ways(accepted: list[UserEvent]) -> None:
    channels = {event.source.channel for event in accepted if event.source}
    assert channels >= {
        "Direct",
        "Paid Search",
        "Organic Search",
        "Paid Social",
        "Email",
        "Referral",
        "Affiliate",
        "AI chat",
    }


def test_a_shared_device_is_linked_to_two_users(read: list, events: list[dict]) -> None:
    links = {part for found in read if not isinstance(found, Rejected) for part in found if isinstance(part, Link)}
    users: dict[str, set[str]] = {}
    for link in links:
        users.setdefault(link.alias, set()).add(link.to)
    shared = {f"anon:{device}": {f"user:{user}" for user in both} for device, both in shared_devices(events).items()}
    assert {alias: to for alias, to in users.items() if len(to) > 1} == shared
    assert {len(to) for to in shared.values()} == {2}
    assert len(users) > 300


def test_some_identify_days_after_they_signed_up(events: list[dict]) -> None:
    assert any(event.get("event") == "Signed Up" and "userId" not in event for event in events)


def test_a_few_dozen_become_power_users_and_some_of_them_stop(accepted: list[UserEvent]) -> None:
    found = power_users(accepted)
    assert 25 <= len(found) <= 80
    last = {event.alias: event.at for event in accepted if event.name == "Report Viewed"}
    assert sum(last[user] < END - 30 * DAY_MS for user in found) >= 5


def test_the_rising_become_power_users_by_the_first_live_calls(accepted: list[UserEvent]) -> None:
    calls = [
        UserEvent(
            alias=f"user:{call.fields['userId']}", message_id=f"live-{number}", at=END, received_at=END, name=event
        )
        for number, call in enumerate(islice(live(7, DAYS), 150))
        if (event := call.fields.get("event")) and "userId" in call.fields
    ]
    new = power_users(accepted + calls) - power_users(accepted)
    assert len(new) == 6


def test_live_calls_never_end_and_bring_newcomers() -> None:
    types = Counter(call.fields["type"] for call in islice(live(7, DAYS), 2_000))
    assert types["identify"] > 20
    assert types["page"] > 500
