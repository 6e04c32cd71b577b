import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from streams.events import Link, Rejected, UserEvent, decode_record, encode_record
from streams.intake import parse_web_event
from streams.intake.times import MAX_SKEW_MS
from streams.touches import WebSites

NOON = 1_760_011_200_000
TYPICAL: dict[str, Any] = {
    "type": "track",
    "messageId": "3f8b1c2e-5d4a-4b6c-9e7f-0a1b2c3d4e5f",
    "userId": "u1234",
    "anonymousId": "7b6d1f9e-1111-4222-8333-944455556666",
    "event": "Report Viewed",
    "properties": {"report": "q3", "workspace": "northwind"},
    "context": {
        "page": {"url": "https://app.example.com/reports/7", "referrer": "https://www.google.com/"},
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141 Safari/537.36",
    },
    "originalTimestamp": "2025-10-09T11:59:58.000Z",
    "sentAt": "2025-10-09T11:59:59.100Z",
    "receivedAt": "2025-10-09T12:00:00.000Z",
}
RAW = json.dumps(TYPICAL, separators=(",", ":")).encode()

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)
instants = st.datetimes().map(lambda at: f"{at.isoformat()}Z")
near = st.integers(-400_000, 400_000).map(lambda ms: f"2025-10-09T12:{abs(ms) % 60:02d}:00.{abs(ms) % 1000:03d}Z")
times = st.none() | near | instants
words = st.sampled_from(["u1", "a1", " ", "null", "0", "", "spring", "google", "https://www.example.com/?gclid=1"])
kinds = st.sampled_from(["track", "identify", "page", "screen", "group", "alias"])
pages = st.fixed_dictionaries({}, optional={"url": words | scalars, "referrer": words | scalars})
contexts = st.fixed_dictionaries(
    {},
    optional={
        "page": pages | anything,
        "campaign": st.dictionaries(st.sampled_from(["name", "source", "medium"]), words) | anything,
        "referrer": st.fixed_dictionaries({"id": words, "type": words}) | anything,
        "userAgent": words | scalars,
        "traits": anything,
    },
)
plausible = st.fixed_dictionaries(
    {"type": kinds | scalars},
    optional={
        **dict.fromkeys(("messageId", "userId", "anonymousId", "previousId", "event"), words | scalars),
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), times | scalars),
        "context": contexts | anything,
        "traits": st.dictionaries(st.sampled_from(["email", "name", "firstName"]), words) | anything,
        "properties": anything,
    },
)
honest = st.fixed_dictionaries(
    {"type": kinds, "userId": st.just("u1"), "previousId": st.just("p1"), "event": st.just("A")},
    optional={
        **dict.fromkeys(("timestamp", "originalTimestamp", "sentAt", "receivedAt"), times),
        "anonymousId": st.just("a1"),
    },
)


def parse(raw: bytes, kafka_timestamp: int = NOON) -> tuple[UserEvent | Link, ...] | Rejected:
    return parse_web_event(raw, kafka_timestamp=kafka_timestamp, sites=WebSites(("example.org",)))


def check_records(raw: bytes) -> None:
    """Whatever comes in: the same answer twice; records can be written and read back; nothing is in the future."""
    found = parse(raw)
    assert found == parse(bytes(raw))
    if isinstance(found, Rejected):
        assert found.detail
        return
    event, *links = found
    assert isinstance(event, UserEvent)
    assert 946_684_800_000 <= event.at <= event.received_at <= NOON + MAX_SKEW_MS
    assert [link.at for link in links] in ([], [event.at])
    assert tuple(decode_record(encode_record(record)) for record in found) == found


@given(st.binary(max_size=300))
def test_arbitrary_bytes_get_an_answer(raw: bytes) -> None:
    check_records(raw)


@given(anything)
def test_arbitrary_json_gets_an_answer(value: object) -> None:
    check_records(json.dumps(value).encode())


@given(plausible)
@example({"type": "page", "properties": [1], "traits": []})
def test_what_looks_like_an_event_gets_an_answer(value: dict[str, object]) -> None:
    check_records(json.dumps(value).encode())
    check_records(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(honest)
def test_an_honest_event_is_refused_for_its_times_only(value: dict[str, object]) -> None:
    raw = json.dumps(value).encode()
    check_records(raw)
    found = parse(raw)
    assert not isinstance(found, Rejected) or found.reason in ("bad-timestamp", "future")


@given(st.integers(0, len(RAW)), st.integers(0, 3), st.binary(max_size=3))
def test_a_damaged_event_gets_an_answer(at: int, lost: int, added: bytes) -> None:
    check_records(RAW[:at] + added + RAW[at + lost :])


@given(st.integers(0, 40_000), st.sampled_from([b"[", b'{"a":', b'[{"b":', b'"', b'\\"', b"\\", b'"\\', b"[]", b"{}"]))
def test_no_repetition_of_brackets_or_quotes_is_too_much(times: int, piece: bytes) -> None:
    check_records((piece * times)[:40_000])
    check_records((b'{"type":"track","x":' + piece * times)[:32_000])


@given(st.randoms(), st.sampled_from([None, 2]))
def test_the_layout_of_the_text_changes_nothing(rng: Any, indent: int | None) -> None:
    fields = list(TYPICAL.items())
    rng.shuffle(fields)
    assert parse(json.dumps(dict(fields), indent=indent).encode()) == parse(RAW)
