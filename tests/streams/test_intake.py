import json
from typing import Any

import pytest

from streams.events import Link, Rejected, Source, UserEvent
from streams.intake import parse_web_event
from streams.intake.wire import MAX_BYTES
from streams.json_bytes import MAX_DEPTH
from streams.touches import WebSites

NOON = 1_760_011_200_000
"""2025-10-09T12:00:00Z: when Kafka had the message."""
MINUTE = 60_000
SITES = WebSites(("example.org",))
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
TRACK: dict[str, Any] = {"type": "track", "messageId": "m1", "userId": "u1", "event": "Report Viewed"}


def parse(raw: bytes | None, kafka_timestamp: int = NOON) -> tuple[UserEvent | Link, ...] | Rejected:
    return parse_web_event(raw, kafka_timestamp=kafka_timestamp, sites=SITES)


def sent(**fields: Any) -> tuple[UserEvent | Link, ...] | Rejected:
    """What becomes of a track of u1 with `fields` changed; None takes one away."""
    event = {name: value for name, value in (TRACK | fields).items() if value is not None}
    return parse(json.dumps(event).encode())


def event_of(**fields: Any) -> UserEvent:
    found = sent(**fields)
    assert not isinstance(found, Rejected), found
    assert isinstance(found[0], UserEvent)
    return found[0]


def link_of(**fields: Any) -> Link | None:
    found = sent(**fields)
    assert not isinstance(found, Rejected), found
    return next((record for record in found if isinstance(record, Link)), None)


def links_of(**fields: Any) -> list[tuple[str, str]]:
    found = sent(type="identify", event=None, **fields)
    assert not isinstance(found, Rejected), found
    return [(record.alias, record.to) for record in found if isinstance(record, Link)]


def refused(**fields: Any) -> str:
    found = sent(**fields)
    assert isinstance(found, Rejected), found
    return found.reason


def test_a_track_becomes_an_event_of_its_user() -> None:
    assert sent() == (UserEvent(alias="user:u1", message_id="m1", at=NOON, received_at=NOON, name="Report Viewed"),)


@pytest.mark.parametrize(
    ("kind", "name"), [("page", "$page"), ("screen", "$screen"), ("identify", ""), ("group", ""), ("alias", "")]
)
def test_other_types_are_counted_by_their_type_or_not_at_all(kind: str, name: str) -> None:
    assert event_of(type=kind, event=None, previousId="p1").name == name


def test_without_a_user_the_event_is_the_anonymous_ones() -> None:
    assert event_of(userId=None, anonymousId=" a1 ").alias == "anon:a1"
    assert event_of(userId="  ", anonymousId="a1").alias == "anon:a1"


def test_a_user_goes_before_the_anonymous_one() -> None:
    assert event_of(anonymousId="a1").alias == "user:u1"
    assert link_of(anonymousId="a1") is None


def test_an_identify_with_both_ids_links_them() -> None:
    link = link_of(type="identify", anonymousId="a1")
    assert link == Link(alias="anon:a1", to="user:u1", message_id="m1", at=NOON, received_at=NOON)


def test_an_identify_with_one_id_links_nothing() -> None:
    assert link_of(type="identify") is None
    assert link_of(type="identify", userId=None, anonymousId="a1") is None


def test_an_alias_call_links_the_former_id_to_the_user() -> None:
    link = link_of(type="alias", previousId="p1", anonymousId="a1")
    assert link == Link(alias="anon:p1", to="user:u1", message_id="m1", at=NOON, received_at=NOON)


@pytest.mark.parametrize(
    "ids",
    [
        {"userId": None},
        {"userId": "", "anonymousId": " "},
        {"type": "alias"},
        {"type": "alias", "previousId": " "},
        {"type": "alias", "userId": None, "previousId": "p1", "anonymousId": "a1"},
    ],
)
def test_an_event_of_nobody_is_rejected(ids: dict[str, Any]) -> None:
    assert refused(**ids) == "no-id"


@pytest.mark.parametrize(
    "ids",
    [
        {"userId": "null", "anonymousId": "a1"},
        {"userId": None, "anonymousId": "00000000-0000-0000-0000-000000000000"},
        {"type": "alias", "previousId": "undefined"},
        {"type": "alias", "userId": "-1", "previousId": "p1"},
    ],
)
def test_an_event_of_everybody_is_rejected(ids: dict[str, Any]) -> None:
    assert refused(**ids) == "blocked-id"


def test_a_blocked_anonymous_id_beside_a_user_is_as_good_as_absent() -> None:
    assert sent(type="identify", anonymousId="anonymous") == sent(type="identify")


def test_null_is_absent() -> None:
    nulls = dict.fromkeys(
        ("anonymousId", "previousId", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "context")
    )
    assert parse(json.dumps(TRACK | nulls).encode()) == sent()


@pytest.mark.parametrize("missing", [None, "", "   "])
def test_without_a_message_id_the_bytes_give_one(missing: str | None) -> None:
    first, again = event_of(messageId=missing), event_of(messageId=missing)
    assert first.message_id == again.message_id
    assert first.message_id.startswith("md5:")
    assert first.message_id != event_of(messageId=missing, userId="u2").message_id


def test_of_a_key_given_twice_the_last_one_counts() -> None:
    found = parse(b'{"type":"track","messageId":"m1","event":"A","userId":"u1","event":"B"}')
    assert not isinstance(found, Rejected)
    assert isinstance(found[0], UserEvent)
    assert found[0].name == "B"


# Visits


def test_a_page_is_a_visit_and_so_is_what_happens_on_one() -> None:
    assert event_of(type="page", event=None).visit
    assert event_of(context={"page": {"url": "https://www.example.com/"}}).visit
    assert event_of(context={"campaign": {"name": "spring"}}).visit


def test_what_has_neither_page_nor_campaign_is_no_visit() -> None:
    assert not event_of().visit
    assert not event_of(type="screen", event=None).visit
    assert not event_of(context={"page": {"url": " "}, "campaign": {"name": "", "medium": None}}).visit


def test_a_visit_carries_its_source() -> None:
    page = {"url": "https://www.example.com/a?x=1", "referrer": "https://www.google.com/"}
    assert event_of(context={"page": page}).source == Source(
        channel="Organic Search", ga4="Organic Search", referrer="www.google.com", landing="www.example.com/a"
    )


def test_a_visit_from_an_own_site_continues() -> None:
    page = {"url": "https://www.example.com/a", "referrer": "https://example.org/"}
    assert (event_of(context={"page": page}).visit, event_of(context={"page": page}).source) == (True, None)


def test_the_ad_that_the_library_names_counts_if_it_has_an_id() -> None:
    for ad, click in (({"id": "x", "type": "gclid"}, "google"), ({"type": "gclid"}, None)):
        source = event_of(type="page", event=None, context={"referrer": ad}).source
        assert source is not None
        assert source.click == click


def test_a_page_of_a_server_library_is_read_from_its_properties() -> None:
    properties = {"url": "https://www.example.com/a", "referrer": "https://www.google.com/", "n": [1]}
    browser = {"page": {"url": properties["url"], "referrer": properties["referrer"]}}
    assert event_of(type="page", properties=properties) == event_of(type="page", context=browser)
    assert not event_of(properties=properties).visit


def test_a_bot_is_marked_and_is_no_visit() -> None:
    page = {"url": "https://www.example.com/"}
    bot = event_of(type="page", context={"page": page, "userAgent": "Googlebot/2.1"})
    assert (bot.bot, bot.visit, bot.source) == (True, False, None)
    assert not event_of(context={"page": page, "userAgent": CHROME}).bot


# Traits


def identified(**traits: Any) -> tuple[str | None, str | None]:
    event = event_of(type="identify", traits=traits)
    return event.email, event.full_name


def test_an_identify_brings_email_and_name() -> None:
    assert identified(email=" Ada@Example.COM ", name=" Ada Lovelace ") == ("ada@example.com", "Ada Lovelace")
    assert identified(firstName="Ada", lastName="Lovelace") == (None, "Ada Lovelace")
    assert identified(lastName="Lovelace") == (None, "Lovelace")


def test_the_traits_of_the_context_fill_in() -> None:
    event = event_of(type="identify", traits={"name": "Ada"}, context={"traits": {"email": "a@b.co", "name": "X"}})
    assert (event.email, event.full_name) == ("a@b.co", "Ada")


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@b.co", "a b@c.de", "a@b", "a@b..c", "a@@b.co", 7, ["a@b.co"], "a" * 320 + "@b.co"]
)
def test_what_does_not_look_like_an_address_is_ignored(email: Any) -> None:
    assert identified(email=email) == (None, None)


@pytest.mark.parametrize("traits", [[], "x", 7, {"name": {"first": "Ada"}}, {"name": " "}])
def test_traits_of_another_shape_are_ignored(traits: Any) -> None:
    assert event_of(type="identify", traits=traits) == event_of(type="identify")


def test_a_long_name_is_cut() -> None:
    assert identified(name="n" * 999) == (None, "n" * 200)


def test_only_an_identify_brings_traits() -> None:
    traits = {"email": "ada@example.com", "name": "Acme"}
    assert event_of(type="group", traits=traits, context={"traits": traits}) == event_of(type="group")


# Time


def test_without_any_time_it_happened_when_kafka_had_it() -> None:
    assert (event_of().at, event_of().received_at) == (NOON, NOON)


def test_the_senders_own_skew_is_taken_out() -> None:
    event = event_of(
        originalTimestamp="2025-10-08T12:00:00Z",
        timestamp="2020-01-01T00:00:00Z",
        sentAt="2025-10-08T12:00:02.500Z",
        receivedAt="2025-10-09T11:59:00Z",
    )
    assert (event.at, event.received_at) == (NOON - MINUTE - 2_500, NOON - MINUTE)


def test_without_sent_at_the_senders_clock_is_believed() -> None:
    assert event_of(timestamp="2025-10-09T13:00:00+02:00").at == NOON - 60 * MINUTE
    assert event_of(originalTimestamp="2025-10-09T11:00:00Z", timestamp="x").at == NOON - 60 * MINUTE


def test_with_nothing_but_sent_at_its_distance_to_the_received_time_is_taken_off() -> None:
    assert event_of(sentAt="2025-10-09T12:00:01Z").at == NOON - 1_000
    assert event_of(sentAt="2025-10-09T11:59:59Z").at == NOON


def test_instants_are_floored() -> None:
    assert event_of(timestamp="2025-10-09T11:59:59.999999Z").at == NOON - 1


def test_five_minutes_ahead_is_clock_skew_and_a_millisecond_more_is_the_future() -> None:
    assert event_of(timestamp="2025-10-09T12:05:00.000Z").at == NOON
    assert refused(timestamp="2025-10-09T12:05:00.001Z") == "future"


def test_received_at_may_be_five_minutes_ahead_of_kafka() -> None:
    assert event_of(receivedAt="2025-10-09T12:05:00.000Z").received_at == NOON + 5 * MINUTE
    assert refused(receivedAt="2025-10-09T12:05:00.001Z") == "future"


@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp", "sentAt", "receivedAt"])
@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2025-10-09", "2025-10-09T12:00:00", "2025-13-01T00:00:00Z", "1760011200000"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *("1999-12-31T23:59:59.999Z", "2101-01-01T00:00:00Z", "2025-10-09T12:00:60Z", "\uff12025-10-09T12:00:00Z"),
    ],
)
def test_a_time_that_cannot_be_used_is_rejected(field: str, text: str) -> None:
    found = sent(**{field: text})
    assert isinstance(found, Rejected)
    assert found.reason == "bad-timestamp"
    assert found.detail.startswith(f"$.{field}: ")


def test_the_year_2000_counts_and_a_skew_that_leads_before_it_does_not() -> None:
    assert event_of(timestamp="2000-01-01T00:00:00Z").at == 946_684_800_000
    assert refused(timestamp="2000-01-01T00:00:00Z", sentAt="2026-01-01T00:00:00Z") == "bad-timestamp"


def test_a_timestamp_of_kafka_that_makes_no_sense_is_not_believed() -> None:
    raw = json.dumps(TRACK).encode()
    for kafka_timestamp in (-1, 0, 1 << 62):
        found = parse(raw, kafka_timestamp)
        assert isinstance(found, Rejected)
        assert found.reason == "bad-timestamp"


# Bytes


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" ", "not-json"),
        (b"{", "not-json"),
        (b'{"type":"track"}x', "not-json"),
        (b'{"type":"track","properties":{"a":01}}', "not-json"),
        (b"\xef\xbb\xbf{}", "not-json"),
        (b"[]", "wrong-type"),
        (b"5", "wrong-type"),
        (b"null", "wrong-type"),
        (b"{}", "wrong-type"),
        (b'{"type":"track","userId":"\xff"}', "not-utf8"),
        (b'{"type":"track","properties":{"a":"\xc3"}}', "not-utf8"),
        (b"\xff" * 10, "not-utf8"),
        (b" " * (MAX_BYTES + 1), "too-large"),
        (b"[" * 1_000, "too-deep"),
        (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "too-deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too-large"),
    ],
)
def test_bytes_that_are_no_event_are_rejected(raw: bytes | None, reason: str) -> None:
    found = parse(raw)
    assert isinstance(found, Rejected)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"type": 5}, "$.type"),
        ({"userId": 5}, "$.userId"),
        ({"userId": ["u"]}, "$.userId"),
        ({"userId": "u" * 257}, "$.userId"),
        ({"messageId": "m" * 257}, "$.messageId"),
        ({"event": ""}, "$.event"),
        ({"event": None}, "$.event"),
        ({"event": "e" * 201}, "$.event"),
        ({"timestamp": 1_760_011_200_000}, "$.timestamp"),
        ({"context": []}, "$.context"),
        ({"context": {"page": {"url": 5}}}, "$.context.page.url"),
        ({"context": {"campaign": "spring"}}, "$.context.campaign"),
    ],
)
def test_a_wrong_type_is_rejected_with_its_place(fields: dict[str, Any], where: str) -> None:
    found = sent(**fields)
    assert isinstance(found, Rejected)
    assert (found.reason, found.detail.partition(": ")[0]) == ("wrong-type", where)


def test_an_unknown_type_is_named_by_what_would_be_right() -> None:
    found = sent(type="purchase")
    assert isinstance(found, Rejected)
    assert found.reason == "unknown-type"
    assert "identify" in found.detail


@pytest.mark.parametrize(
    "fields", [{"type": "s3cret"}, {"userId": ["s3cret"]}, {"timestamp": "s3cret"}, {"sentAt": "s3cret"}]
)
def test_a_rejection_never_repeats_a_value(fields: dict[str, Any]) -> None:
    found = sent(**fields)
    assert isinstance(found, Rejected)
    assert "s3cret" not in found.detail


def nested(levels: int, inside: str = "") -> bytes:
    """A track whose brackets stand `levels` inside each other."""
    value = "[" * (levels - 1) + inside + "]" * (levels - 1)
    return json.dumps(TRACK)[:-1].encode() + f', "properties": {value}}}'.encode()


def test_sixty_four_levels_are_fine_and_one_more_is_not() -> None:
    assert parse(nested(MAX_DEPTH)) == sent()
    assert parse(nested(MAX_DEPTH - 1, "[], {}")) == sent()
    found = parse(nested(MAX_DEPTH + 1))
    assert isinstance(found, Rejected)
    assert found.reason == "too-deep"


def test_brackets_in_strings_and_side_by_side_are_not_deep() -> None:
    assert parse(nested(2, '"' + "[{" * 500 + r"\"" + "[{" * 500 + '"')) == sent()
    assert parse(nested(2, ",".join(["[{}]"] * 500))) == sent()


def test_32_kilobytes_and_a_collectors_stamps_are_fine_and_one_byte_more_is_not() -> None:
    raw = json.dumps(TRACK).encode()
    assert parse(raw.ljust(MAX_BYTES)) == sent()
    found = parse(raw.ljust(MAX_BYTES + 1))
    assert isinstance(found, Rejected)
    assert found.reason == "too-large"


def test_an_identify_links_visitor_and_address_to_the_user() -> None:
    found = links_of(anonymousId="a1", traits={"email": "Ann@Example.com"})
    assert found == [("anon:a1", "user:u1"), ("email:ann@example.com", "user:u1")]


def test_without_a_user_the_visitor_is_linked_to_the_address() -> None:
    assert links_of(userId=None, anonymousId="a1", traits={"email": "ann@example.com"}) == [
        ("anon:a1", "email:ann@example.com")
    ]


def test_a_link_has_the_instants_and_the_message_id_of_its_event() -> None:
    link = link_of(type="identify", event=None, traits={"email": "ann@example.com"}, timestamp="2025-10-09T11:00:00Z")
    assert link == Link("email:ann@example.com", "user:u1", "m1", NOON - 60 * MINUTE, NOON)


@pytest.mark.parametrize("email", ["support@example.com", "sales+eu@example.com", "not an address", ""])
def test_a_role_mailbox_and_what_is_no_address_link_nobody(email: str) -> None:
    assert links_of(traits={"email": email}) == []


def test_the_email_of_anything_but_an_identify_links_nobody() -> None:
    assert link_of(context={"traits": {"email": "ann@example.com"}}) is None
