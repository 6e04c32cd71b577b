"""The wire format, as bytes in and messages out."""

import base64
import gzip
import json
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sources.collector import wire
from agents.sources.collector.wire import ENDPOINTS, Inflater, Message, RefusedError

AT = "2026-11-22T10:00:00.123Z"
LIMIT = 10_000


def sent(path: str, body: object, received_at: str = AT) -> list[Message]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    endpoint = ENDPOINTS[path]
    return wire.stamp(wire.parse(endpoint, data), endpoint, received_at, lambda: "new-id")


def events(path: str, body: object) -> list[dict[str, object]]:
    return [json.loads(message.value) for message in sent(path, body)]


def refused(path: str, body: object) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        sent(path, body)
    return caught.value.status, caught.value.error


# Stamps


@pytest.mark.parametrize(
    ("letter", "word"),
    [("t", "track"), ("i", "identify"), ("p", "page"), ("s", "screen"), ("g", "group"), ("a", "alias")],
)
def test_the_path_says_the_type_whatever_the_body_says(letter: str, word: str) -> None:
    for path in (letter, word):
        assert events(path, {"userId": "u1", "type": "nonsense"})[0]["type"] == word


def test_an_event_of_a_batch_says_its_own_type() -> None:
    batch = {"batch": [{"userId": "u1", "type": "page"}, {"userId": "u1"}]}
    assert [event.get("type") for event in events("batch", batch)] == ["page", None]


def test_b_and_import_are_batches_too() -> None:
    body = {"batch": [{"type": "track", "userId": "u1", "messageId": "m"}]}
    assert sent("b", body) == sent("import", body) == sent("batch", body) != []


def test_received_at_is_ours_even_when_the_sender_has_one() -> None:
    assert events("t", {"userId": "u1", "receivedAt": "1999-01-01T00:00:00Z"})[0]["receivedAt"] == AT


def test_the_envelopes_sent_at_goes_onto_each_event_and_replaces_an_older_one() -> None:
    batch = {"sentAt": "S", "batch": [{"userId": "u1"}, {"userId": "u1", "sentAt": "older"}]}
    assert [event["sentAt"] for event in events("batch", batch)] == ["S", "S"]


@pytest.mark.parametrize("envelope", [{}, {"sentAt": None}])
def test_without_sent_at_on_the_envelope_an_event_keeps_its_own(envelope: dict[str, object]) -> None:
    batch = envelope | {"batch": [{"userId": "u1", "sentAt": "own"}, {"userId": "u1"}]}
    assert [event.get("sentAt") for event in events("batch", batch)] == ["own", None]


def test_no_write_key_reaches_the_log() -> None:
    batch = {"writeKey": "secret", "batch": [{"userId": "u1", "writeKey": "secret"}]}
    single = {"writeKey": "secret", "userId": "u1"}
    assert all(b"secret" not in message.value for message in sent("b", batch) + sent("t", single))


@pytest.mark.parametrize("absent", [{}, {"messageId": None}, {"messageId": " "}])
def test_an_event_without_message_id_gets_one(absent: dict[str, object]) -> None:
    assert events("t", {"userId": "u1"} | absent)[0]["messageId"] == "new-id"


@pytest.mark.parametrize("given_id", ["m-1", 17, {"odd": 1}])
def test_a_message_id_stays_as_sent(given_id: object) -> None:
    assert events("t", {"userId": "u1", "messageId": given_id})[0]["messageId"] == given_id


def test_what_the_collector_need_not_know_keeps_its_bytes() -> None:
    odd = b'{"userId":"u1","properties":{"price": 1.10,"big":123456789012345678901234567890,"e":1E+400}}'
    assert b'{"price": 1.10,"big":123456789012345678901234567890,"e":1E+400}' in sent("t", odd)[0].value


# Keys of messages


@pytest.mark.parametrize(
    ("ids", "key"),
    [
        ({"userId": "u1", "anonymousId": "a1"}, b"u1"),
        ({"anonymousId": "a1"}, b"a1"),
        ({"userId": None, "anonymousId": "a1"}, b"a1"),
        ({"userId": "  ", "anonymousId": " a1 "}, b"a1"),
        ({"userId": "Jürgen"}, "Jürgen".encode()),
        ({"userId": 42}, b"42"),
        ({"userId": 0}, b"0"),
    ],
)
def test_the_key_is_the_user_id_else_the_anonymous_id(ids: dict[str, object], key: bytes) -> None:
    assert sent("t", ids)[0].key == key
    assert sent("b", {"batch": [ids]})[0].key == key


def test_an_escaped_id_has_the_same_key_as_a_plain_one() -> None:
    assert sent("t", rb'{"userId":"J\u00fcrgen"}')[0].key == sent("t", '{"userId":"Jürgen"}'.encode())[0].key


@pytest.mark.parametrize("nobody", [{}, {"userId": None}, {"userId": "", "anonymousId": " "}])
def test_a_single_event_of_nobody_is_refused_but_in_a_batch_it_goes_on_to_the_rejected(nobody: dict) -> None:
    assert refused("t", nobody)[0] == 400
    assert "anonymousId" in refused("t", nobody)[1]
    assert [message.key for message in sent("batch", {"batch": [nobody, {"userId": "u1"}]})] == [None, b"u1"]


def test_the_order_of_a_batch_stays() -> None:
    batch = {"batch": [{"userId": "u1", "messageId": str(n)} for n in range(100)]}
    assert [event["messageId"] for event in events("batch", batch)] == [str(n) for n in range(100)]


def test_an_empty_batch_is_nothing_to_do() -> None:
    assert sent("batch", {"batch": []}) == []


# Bodies that are refused


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("t", b"", "body: "),
        ("t", b'{"userId": u1}', "body: JSON is malformed"),
        ("t", b'{"userId": "u1"', "body: "),
        ("t", b'{"userId": "u1"} x', "body: "),
        ("t", b'{"userId": "u1", "n": NaN}', "body: "),
        ("t", b"[]", "body: expected `object`, got `array`"),
        ("t", b"null", "body: expected `object`"),
        ("t", b'{"userId": "\xff"}', "body: not UTF-8 (byte 12)"),
        ("batch", b'{"batch": [{]}', "body: "),
        ("batch", b"[]", "body: expected `object`"),
        ("batch", b"{}", "body: object missing required field `batch`"),
        ("batch", b'{"batch": {"userId": "u1"}}', "body: expected `array`, got `object` - at `$.batch`"),
        ("batch", b'{"batch": [{"userId": "u1"}, {}, {}, 7]}', "batch[3]: expected `object`, got `int`"),
        ("batch", b'{"batch": [null]}', "batch[0]: "),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_the_place(path: str, body: bytes, where: str) -> None:
    status, error = refused(path, body)
    assert (status, error[: len(where)].lower()) == (400, where.lower())
    assert "would be right" in error


@pytest.mark.parametrize("opening", [b'{"userId":"u1","p":', b'{"userId":'])
@pytest.mark.parametrize("depth", [500, 800])
def test_deep_nesting_goes_on_to_ingest(opening: bytes, depth: int) -> None:
    assert len(sent("t", opening + b"[" * depth + b"]" * depth + b"}")) == 1


@pytest.mark.parametrize("depth", [2_000, 15_000])
def test_nesting_that_no_parser_takes_is_refused(depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    assert refused("t", b'{"userId":"u1","p":' + deep + b"}")[0] == 400
    assert "deep" in refused("b", b'{"batch":[{"p":' + deep + b"}]}")[1]


def test_an_event_over_32_kb_is_too_large_wherever_it_stands() -> None:
    small = {"userId": "u1"}
    large = {"userId": "u1", "p": "x" * wire.EVENT_BYTES}
    assert refused("batch", {"batch": [small, small, large]}) == (
        413,
        "batch[2]: over 32 KB; at most 32768 bytes would be right",
    )


def test_an_event_of_exactly_32_kb_is_taken() -> None:
    event = b'{"userId":"u1","p":"%s"}'
    fits = event % (b"x" * (wire.EVENT_BYTES - len(event) + 2))
    assert len(fits) == wire.EVENT_BYTES
    assert len(sent("batch", b'{"batch":[%s]}' % fits)) == 1


def test_half_an_emoji_does_not_cost_the_batch() -> None:
    body = rb'{"batch":[{"userId":"u1","context":{"page":{"title":"Report \ud83d"}}},{"userId":"u2"}]}'
    first, second = events("b", body)
    assert first["context"] == {"page": {"title": "Report �"}}
    assert second["userId"] == "u2"


@pytest.mark.parametrize(
    ("text", "read"),
    [(rb"\ud83d\ude00", "😀"), (rb"\\ud83d", "\\ud83d"), (rb"\ude00\ud83d", "��"), (rb"\ud83dx\n", "�x\n")],
)
def test_mending_touches_nothing_but_halves(text: bytes, read: str) -> None:
    whole = b'{"userId":"u1","broken":"\\ud83d","p":"' + text + b'"}'
    assert events("t", whole)[0]["p"] == read


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    for path in ("t", "b"):
        with suppress(RefusedError):
            assert all(json.loads(message.value)["receivedAt"] == AT for message in sent(path, body))


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_comes_out_as_it_went_in(user: str, properties: dict[str, str]) -> None:
    body = {"userId": user + "x", "properties": properties}
    assert events("t", body)[0] | body == events("t", body)[0]


# Credentials


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("", None),
        ("Bearer abc", None),
        (basic("k1:"), "k1"),
        (basic("k1:password"), "k1"),
        (basic("k1"), "k1"),
        (basic("schlüssel:"), "schlüssel"),
        (basic(":"), None),
        ("basic " + basic("k1:")[6:], "k1"),
        ("Basic !!!", ""),
        ("Basic ÿ", ""),
        ("Basic " + base64.b64encode(b"\xff:").decode(), ""),
    ],
)
def test_the_write_key_is_the_user_name_of_basic_credentials(header: str | None, key: str | None) -> None:
    assert wire.basic_key(header) == key


@pytest.mark.parametrize(("body", "key"), [({"writeKey": "k1"}, "k1"), ({"writeKey": 7}, None), ({}, None)])
def test_the_body_may_hold_the_write_key(body: dict[str, object], key: str | None) -> None:
    single, batch = json.dumps({"userId": "u1"} | body), json.dumps({"batch": []} | body)
    assert wire.parse(ENDPOINTS["t"], single.encode()).write_key == key
    assert wire.parse(ENDPOINTS["b"], batch.encode()).write_key == key


# Gzip


def inflated(data: bytes, *, piece: int = 7) -> bytes:
    inflater = Inflater(LIMIT)
    out = b"".join(inflater.feed(data[start : start + piece]) for start in range(0, len(data), piece))
    inflater.finish()
    return out


@given(st.binary(max_size=LIMIT), st.integers(1, 100))
def test_gunzip_gives_back_what_was_zipped_in_any_pieces(data: bytes, piece: int) -> None:
    assert inflated(gzip.compress(data), piece=piece) == data


def test_the_limit_itself_still_fits() -> None:
    data = random.Random(1).randbytes(LIMIT)
    assert inflated(gzip.compress(data)) == data


@pytest.mark.parametrize("size", [LIMIT + 1, 50_000_000])
def test_more_than_the_limit_is_refused_without_being_unpacked(size: int) -> None:
    inflater = Inflater(LIMIT)
    with pytest.raises(RefusedError) as caught:
        inflater.feed(gzip.compress(b"0" * size))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    "data",
    [b"not gzip", gzip.compress(b"x" * 100, mtime=0)[:-4], gzip.compress(b"x", mtime=0) + b"more", b""],
    ids=str,
)
def test_broken_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        inflated(data, piece=1000)
    assert caught.value.status == 400
