import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.events import Rejected
from streams.salesforce.change import Change, decode_change, encode_change
from streams.salesforce.shapes import parse_change

NOON = 1_760_011_200_000
CONTACT = "003000000000001AAA"

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
anything = st.recursive(
    scalars,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=8), inside, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    [
        "Title",
        "Name",
        "Name.LastName",
        "BillingAddress",
        "BillingAddress.City",
        "LastModifiedDate",
        "Id",
        "0x06",
        "2-0x01",
        ".",
    ]
)
plain = st.sampled_from(["Title", "Name", "Name.LastName", "BillingAddress", "BillingAddress.City", "LastModifiedDate"])
lists = st.lists(names, max_size=4) | scalars
headers = st.fixed_dictionaries(
    {
        "entityName": st.just("Contact") | scalars,
        "recordIds": st.just([CONTACT]) | st.lists(st.sampled_from([CONTACT, "003*", "x"])) | anything,
        "changeType": st.sampled_from(["CREATE", "UPDATE", "UPDATE", "DELETE", "UNDELETE", "GAP_UPDATE", "SNAPSHOT"]),
        "commitTimestamp": st.just(NOON) | scalars,
    },
    optional={
        **dict.fromkeys(("changedFields", "nulledFields", "diffFields"), lists),
        **dict.fromkeys(("transactionKey", "sequenceNumber", "commitUser"), scalars),
    },
)
fields = st.dictionaries(
    st.sampled_from(["Title", "Name", "BillingAddress", "LastModifiedDate", "Id", "_ObjectType", "SystemModstamp"]),
    anything,
)
events = st.builds(lambda header, body: {"ChangeEventHeader": header, **body}, headers | anything, fields)
enveloped = st.builds(
    lambda name, inner, schema: {name: inner, "schema": schema},
    st.sampled_from(["payload", "event", "data"]),
    events | fields,
    anything,
)
own = st.fixed_dictionaries(
    {"kind": st.just("record"), "object": st.just("Contact"), "id": st.just(CONTACT)},
    optional={"at": st.just(NOON) | scalars, "fields": fields | anything, "deleted": scalars},
)


def check_changes(raw: bytes) -> None:
    """Whatever comes in: the same answer twice; changes can be written and read back, in both formats."""
    found = parse_change(raw, kafka_timestamp=NOON)
    assert found == parse_change(raw, kafka_timestamp=NOON)
    if isinstance(found, Rejected):
        assert found.detail
        return
    assert found
    for change in found:
        assert decode_change(encode_change(change)) == change
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(change), type=Change) == change


@given(st.binary(max_size=300))
def test_arbitrary_bytes_get_an_answer(raw: bytes) -> None:
    check_changes(raw)


@given(anything | events | enveloped | own)
def test_arbitrary_json_gets_an_answer(value: Any) -> None:
    check_changes(json.dumps(value).encode())


@given(st.lists(plain, max_size=4), st.lists(plain, max_size=3), fields, fields)
def test_what_the_lists_do_not_name_changes_nothing(
    changed: list[str], nulled: list[str], body: Any, more: Any
) -> None:
    """Fields beside them are enrichment: today's value, not what changed."""
    named = {name.partition(".")[0] for name in changed + nulled}
    header = {
        "entityName": "Contact",
        "recordIds": [CONTACT],
        "changeType": "UPDATE",
        "commitTimestamp": NOON,
        "changedFields": changed,
        "nulledFields": nulled,
    }
    bare = {name: value for name, value in body.items() if name in named}
    enriched = bare | {name: value for name, value in more.items() if name not in named}
    assert values_of(header, enriched) == values_of(header, bare)


def values_of(header: Any, body: Any) -> Any:
    raw = json.dumps({"ChangeEventHeader": header, **body}).encode()
    found = parse_change(raw, kafka_timestamp=NOON)
    assert not isinstance(found, Rejected), found
    return [(one.values, one.diffs) for one in found]
