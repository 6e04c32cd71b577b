"""Documents and messages, as others read them."""

import json
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from streams import views
from streams.activity import HOUR_MS, STORED, THINNED
from streams.asks import Trigger, Withdrawn
from streams.events import Link, PartDetached, Record, Source, UserEvent
from streams.policy import UNITS_MS, Ask, Condition, Policy, Segment
from streams.profile import Profile, Step, advance, apply
from streams.segments import Change

T0 = 1_760_000_000_000
AT = "2025-10-09T08:53:20.000Z"
DAY = UNITS_MS["d"]
WINDOW = 30 * DAY
TWICE = Segment("twice", (Condition("Report Viewed", 2, WINDOW),), every=True)
POLICY = Policy(
    4,
    (TWICE,),
    (
        Ask("review", "twice", "review", "email", "a mug", 90 * DAY),
        Ask("tweet", "twice", "tweet", "in-app", "none", DAY),
    ),
)
EMAIL = Source("Email", "Email", source="news", campaign="spring", landing="www.example.com/")


def viewed(at: int = T0, alias: str = "user:u1", **fields: Any) -> UserEvent:
    return UserEvent(alias, f"m{at - T0}", at, at, **({"name": "Report Viewed"} | fields))


def given(*records: Record, policy: Policy = POLICY, prior: Profile | None = None) -> Step:
    """All that these records come to, received in this order, once everything is decided up to the last one."""
    said: list[Any] = []
    now = T0
    for record in records:
        now = getattr(record, "received_at", now)
        step = apply(prior, record, policy, now=now)
        prior = step.profile
        said += step.announcements
    assert prior is not None
    step = advance(prior, now, policy, since=0)
    return Step(step.profile, [*said, *step.announcements])


def shown(profile: Profile, as_of: int = T0, policy: Policy = POLICY) -> dict[str, Any]:
    """The document, as it is read back from the topic."""
    found: dict[str, Any] = json.loads(views.encode(views.profile_view(profile, policy, as_of=as_of)))
    return found


def view(*records: Record, as_of: int = T0, policy: Policy = POLICY) -> dict[str, Any]:
    return shown(given(*records, policy=policy).profile, as_of, policy)


def said() -> tuple[Change, Trigger]:
    """What somebody's second view in 30 days makes."""
    visit = viewed(T0 - 9, name="$page", visit=True, source=EMAIL, email="a@example.com", full_name="Ada")
    change, trigger, _ = given(visit, viewed(T0 - 1), viewed()).announcements
    assert isinstance(change, Change)
    assert isinstance(trigger, Trigger)
    return change, trigger


# Documents.


def test_the_document_of_a_person_has_everything_that_the_contract_names() -> None:
    assert view(viewed(T0, email="a@example.com", full_name="Ada", visit=True, source=EMAIL)) == {
        "person": "user:u1",
        "user_id": "u1",
        "aliases": ["user:u1"],
        "email": "a@example.com",
        "name": "Ada",
        "as_of": AT,
        "first_touch": (
            touch := {
                "at": AT,
                "channel": "Email",
                "ga4": "Email",
                "source": "news",
                "campaign": "spring",
                "landing": "www.example.com/",
            }
        ),
        "last_touch": touch,
        "last_non_direct_touch": touch,
        "counts": {"Report Viewed": {"count": 1, "exact": True}},
        "segments": {
            "twice": {
                "member": False,
                "entered_at": None,
                "left_at": None,
                "rule_version": 4,
                "conditions": [
                    {
                        "event": "Report Viewed",
                        "within_seconds": 2_592_000,
                        "required": 2,
                        "count": 1,
                        "holds": False,
                        "counted": [AT],
                    }
                ],
            }
        },
        "asks": {},
    }


def test_an_anonymous_person_has_no_user_id_and_no_segments() -> None:
    found = view(viewed(alias="anon:a1"))
    assert (found["person"], found["user_id"], found["segments"]) == ("anon:a1", None, {})
    assert found["counts"] == {"Report Viewed": {"count": 1, "exact": True}}


def test_a_linked_alias_only_points_to_its_person() -> None:
    found = view(viewed(alias="anon:a1"), Link("anon:a1", "user:u1", "l1", T0, T0))
    assert found == {"person": "anon:a1", "merged_into": "user:u1", "quarantined_links": 0}


def test_aliases_are_sorted() -> None:
    events = [viewed(T0 + number, alias, person="user:u1") for number, alias in enumerate(("anon:b", "anon:a"))]
    assert view(*events, viewed())["aliases"] == ["anon:a", "anon:b", "user:u1"]


def test_a_view_says_up_to_when_the_row_was_decided() -> None:
    assert view(viewed(T0 - 5))["as_of"] == AT
    assert view(viewed(T0 - 5), as_of=T0 + 5)["as_of"] == "2025-10-09T08:53:20.005Z"


def test_counts_are_of_the_30_days_up_to_then_to_the_millisecond() -> None:
    policy = Policy(1, (Segment("s", (Condition("Login", 1, 60 * DAY),), every=True),))
    events = [viewed(T0 - WINDOW), viewed(T0 - WINDOW + 1), viewed(T0)]
    assert view(*events, policy=policy)["counts"] == {"Report Viewed": {"count": 2, "exact": True}}


def test_names_without_a_count_are_left_out() -> None:
    events = [viewed(T0 - WINDOW), viewed(T0, name="", visit=True)]
    policy = Policy(1, (Segment("s", (Condition("Login", 1, 60 * DAY),), every=True),))
    assert view(*events, policy=policy)["counts"] == {}


def test_counts_beyond_1024_say_that_they_are_not_exact() -> None:
    events = [viewed(T0 - number * 20 * UNITS_MS["m"]) for number in reversed(range(STORED + THINNED))]
    found = view(*events, viewed(name="Login", at=T0 + 1), as_of=T0 + 1)["counts"]
    assert found == {"Login": {"count": 1, "exact": True}, "Report Viewed": {"count": STORED + THINNED, "exact": False}}


def test_once_no_whole_hour_counts_any_more_they_are_exact_again() -> None:
    events = [viewed(T0 - number * 20 * UNITS_MS["m"]) for number in reversed(range(STORED + THINNED))]
    profile = given(*events).profile
    end = (max(profile.own.series["Report Viewed"].hours) + 1) * HOUR_MS + WINDOW
    assert views.counts_view(profile.parts(), end - 1)["Report Viewed"]["exact"] is False
    assert views.counts_view(profile.parts(), end)["Report Viewed"]["exact"] is True


def test_a_condition_shows_the_latest_instants_that_it_rests_on() -> None:
    (condition,) = view(viewed(T0 - 2), viewed(T0 - 1), viewed(T0))["segments"]["twice"]["conditions"]
    assert (condition["count"], condition["holds"]) == (3, True)
    assert condition["counted"] == ["2025-10-09T08:53:19.999Z", AT]


def test_the_standing_of_a_member_and_of_somebody_who_left_is_shown() -> None:
    here = given(viewed(T0 - 1), viewed()).profile
    inside = shown(here)["segments"]["twice"]
    assert (inside["member"], inside["entered_at"], inside["left_at"]) == (True, AT, None)
    gone = advance(here, T0 + 40 * DAY, POLICY, since=0).profile
    outside = shown(gone, T0 + 40 * DAY)["segments"]["twice"]
    assert (outside["member"], outside["entered_at"], outside["left_at"]) == (False, AT, "2025-11-08T08:53:19.999Z")
    assert outside["conditions"][0]["counted"] == []


def test_the_verdict_of_each_ask_is_shown_with_its_gates() -> None:
    asks = view(viewed(T0 - 1), viewed(email="ann@example.com"))["asks"]
    review, tweet = asks["review"], asks["tweet"]
    assert (review["verdict"], review["decided_at"], UUID(review["trigger_id"]).version) == ("asked", AT, 5)
    assert review["withdrawn_at"] is None
    assert [(gate["gate"], gate["passed"]) for gate in review["gates"]] == [
        ("in_segment", True),
        ("address", True),
        ("cooldown", True),
    ]
    assert [gate["gate"] for gate in tweet["gates"]] == ["in_segment", "cooldown"]


def test_a_refused_ask_has_no_trigger() -> None:
    back = T0 + 50 * DAY
    here = given(viewed(T0 - 1), viewed(email="ann@example.com")).profile
    ask = shown(given(viewed(back - 1), viewed(back), prior=here).profile, back)["asks"]["review"]
    assert (ask["verdict"], ask["trigger_id"]) == ("not asked", None)
    assert [gate["passed"] for gate in ask["gates"]] == [True, True, False]


def withdrawn() -> Step:
    """Somebody who is asked, and loses what that rested on."""
    forwarded = viewed(T0 - 1, "anon:a1", person="user:u1")
    asked = given(forwarded, viewed(email="ann@example.com")).profile
    return given(PartDetached("anon:a1", "user:u1", (1,), "link", received_at=T0 + 5), prior=asked)


def test_when_a_trigger_was_withdrawn_is_shown_with_it() -> None:
    ask = shown(withdrawn().profile, T0 + 5)["asks"]["review"]
    assert (ask["verdict"], ask["withdrawn_at"]) == ("asked", "2025-10-09T08:53:20.005Z")
    assert ask["trigger_id"] is not None


# Messages.


def test_a_change_says_who_what_when_and_why() -> None:
    change, _ = said()
    assert views.change_message(change) == {
        "person": "user:u1",
        "user_id": "u1",
        "segment": "twice",
        "change": "entered",
        "at": AT,
        "announced_at": AT,
        "episode": {"entered_at": AT},
        "rule_version": 4,
        "why": {
            "conditions": [
                {
                    "event": "Report Viewed",
                    "within_seconds": 2_592_000,
                    "required": 2,
                    "count": 2,
                    "counted_from": "2025-09-09T08:53:20.000Z",
                    "counted_to": AT,
                }
            ]
        },
    }


def test_a_leave_names_the_episode_that_it_ends_and_counts_at_its_instant() -> None:
    (left,) = advance(given(viewed(T0 - 1), viewed()).profile, T0 + 40 * DAY, POLICY, since=0).announcements
    assert isinstance(left, Change)
    message = views.change_message(left)
    assert (message["change"], message["at"]) == ("left", "2025-11-08T08:53:19.999Z")
    assert (message["announced_at"], message["episode"]) == (message["at"], {"entered_at": AT})
    assert message["why"]["conditions"][0]["count"] == 1


def test_a_trigger_carries_all_that_the_asking_tool_needs() -> None:
    _, trigger = said()
    message = views.trigger_message(trigger)
    assert message["trigger_id"] == trigger.trigger_id
    assert message["person"] == {"key": "user:u1", "user_id": "u1", "email": "a@example.com", "name": "Ada"}
    asked = [message[name] for name in ("ask", "type", "channel", "incentive", "variant", "segment")]
    assert asked == ["review", "review", "email", "a mug", None, "twice"]
    assert (message["episode"], message["decided_at"]) == ({"entered_at": AT}, AT)
    assert message["why"]["rule_version"] == 4
    assert [gate["gate"] for gate in message["why"]["gates"]] == ["in_segment", "address", "cooldown"]
    assert message["first_touch"] == message["last_touch"]
    assert message["first_touch"]["campaign"] == "spring"


def told_of(account: tuple[str, bytes] | None) -> tuple[Any, Any]:
    """`account` and `owner` of a trigger."""
    message = json.loads(views.encode(views.trigger_message(replace(said()[1], account=account))))
    return message["account"], message["owner"]


def test_a_trigger_names_the_account_and_its_owner() -> None:
    owner = {"id": "005", "name": "Eve", "email": "eve@example.com", "title": "CSM"}
    state = {"name": "Acme", "industry": "Banking", "owner": owner, "currency": "USD", "arr": 5, "opportunities": []}
    assert told_of(("001", views.encode(state))) == ({"id": "001", "name": "Acme"}, owner)


def test_what_a_trigger_cannot_know_of_an_account_is_absent() -> None:
    assert told_of(("001", b'{"currency":"USD","arr":0}')) == ({"id": "001"}, None)
    assert told_of(("001", b'{"owner":{"id":"005"},"arr":0}')) == ({"id": "001"}, {"id": "005"})
    assert told_of(None) == (None, None)


def test_the_headers_of_a_trigger_are_those_of_a_cloudevent() -> None:
    _, trigger = said()
    assert dict(views.trigger_headers(trigger)) == {
        "ce_specversion": b"1.0",
        "ce_id": trigger.trigger_id.encode(),
        "ce_type": b"touchline.referral.trigger.v1",
        "ce_source": b"touchline",
        "ce_subject": b"user:u1",
        "ce_time": AT.encode(),
        "content-type": b"application/json",
    }


def test_a_withdrawal_names_the_trigger_and_says_why_and_when() -> None:
    _, review, tweet = withdrawn().announcements
    assert isinstance(review, Withdrawn)
    assert isinstance(tweet, Withdrawn)
    assert views.withdrawn_message(review) == {
        "trigger_id": review.trigger_id,
        "person": {"key": "user:u1", "user_id": "u1"},
        "ask": "review",
        "reason": "link",
        "withdrawn_at": "2025-10-09T08:53:20.005Z",
    }
    assert tweet.ask == "tweet"


def test_the_headers_of_a_withdrawal_are_those_of_its_trigger_of_another_type_and_time() -> None:
    trigger, review = said()[1], replace(withdrawn().announcements[1], trigger_id=said()[1].trigger_id)
    assert isinstance(review, Withdrawn)
    then, now = dict(views.trigger_headers(trigger)), dict(views.withdrawn_headers(review))
    assert {name: (then[name], now[name]) for name in then if then[name] != now[name]} == {
        "ce_type": (b"touchline.referral.trigger.v1", b"touchline.referral.withdrawn.v1"),
        "ce_time": (AT.encode(), b"2025-10-09T08:53:20.005Z"),
    }


def test_messages_can_be_written_as_json() -> None:
    change, trigger = said()
    (_, review, _) = withdrawn().announcements
    assert isinstance(review, Withdrawn)
    for message in (views.change_message(change), views.trigger_message(trigger), views.withdrawn_message(review)):
        assert json.loads(views.encode(message)) == message
