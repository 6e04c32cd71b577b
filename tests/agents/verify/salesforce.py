"""A random Salesforce org: what its change events say, in every shape, doubled, shuffled and with gaps."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, ClassVar

from agents.verify.partitioning import partition_of
from agents.verify.world import Message
from tests.agents.verify.simulate import MINUTE, T0, iso

PAUSES_MS = (1, 400, 1000, MINUTE, 20 * MINUTE)
PREFIXES = {"Contact": "003", "Lead": "00Q", "Account": "001", "Opportunity": "006"}
AVRO_FIELDS = ["Name", "Title", "Email", "Phone", "MailingAddress", "LastModifiedDate", "IsConverted",
               "ConvertedContactId", "AccountId", "Score__c", "Description"]  # fmt: skip
NAME = ["FirstName", "LastName"]
ADDRESS = ["Street", "City", "Country"]
USER = "005000000000001AAA"


def avro_schema() -> dict[str, Any]:
    """The writer's schema: the header first, then the fields; Name and MailingAddress are compounds."""
    parts = {"Name": NAME, "MailingAddress": ADDRESS}

    def kind(name: str) -> Any:
        if name not in parts:
            return ["null", "string"]
        fields = [{"name": part, "type": ["null", "string"]} for part in parts[name]]
        return ["null", {"type": "record", "name": f"Switchable_{name}", "fields": fields}]

    header = {"name": "ChangeEventHeader", "type": {"type": "record", "name": "ChangeEventHeader", "fields": []}}
    return {
        "type": "record",
        "name": "ContactChangeEvent",
        "fields": [header, *({"name": one, "type": kind(one)} for one in AVRO_FIELDS)],
    }


def suffixed(id15: str) -> str:
    """Give an id of 15 characters its suffix."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    fives = (id15[start : start + 5] for start in (0, 5, 10))
    return id15 + "".join(alphabet[sum(c.isupper() << bit for bit, c in enumerate(five))] for five in fives)


@dataclass
class Org:
    """Feed it nothing; `messages` is what `salesforce-changes` holds after so many steps."""

    seed: int
    partitions: int
    people: int
    cycles: bool = False
    """Records may have been merged into each other."""
    pauses_ms: Sequence[int] = PAUSES_MS
    """Before a transaction: one of these."""
    prefixes: ClassVar[dict[str, str]] = PREFIXES
    kinds: ClassVar[list[str]] = ["Contact", "Contact", "Contact", "Lead", "Lead", "Account", "Opportunity"]
    """Objects of which records are made, the more often the more often it stands here."""
    rng: Random = field(init=False)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    sent: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)
    number: int = 0
    now: int = T0

    def __post_init__(self) -> None:
        self.rng = Random(f"org {self.seed}")

    # -- what happens in the org -----------------------------------------------------------------------------------

    def transaction(self) -> None:
        """One commit: one to three records change; sometimes each a few times, sometimes with a gap."""
        self.number += 1
        self.now += self.rng.choice(self.pauses_ms)
        for sequence in range(1, self.rng.choice([1, 1, 2, 3]) + 1):
            self.change(f"tx-{self.number}", sequence)

    def change(self, transaction: str, sequence: int) -> None:
        alive = [one for one in self.records if one not in self.deleted]
        act = self.rng.choice(["create", "update", "update", "update", "update", "delete", "undelete", "gap",
                               "convert", "merge", "snapshot", "overflow"])  # fmt: skip
        if act == "create" or not alive:
            self.create(transaction, sequence)
        elif act == "undelete" and self.deleted:
            self.undelete(self.rng.choice(sorted(self.deleted)), transaction, sequence)
        elif act == "overflow" and self.rng.random() < 0.2:
            self.header(
                self.rng.choice(list(self.prefixes)), "000000000000000AAA", "GAP_OVERFLOW", transaction, sequence
            )
        else:
            getattr(self, act if act not in ("undelete", "overflow") else "update")(
                self.rng.choice(alive), transaction, sequence
            )

    def create(self, transaction: str, sequence: int) -> None:
        name = self.rng.choice(self.kinds)
        middle = "".join(self.rng.choice("0aB") for _ in range(4))
        record = suffixed(f"{self.prefixes[name]}{middle}{len(self.records):08d}")
        self.objects[record] = name
        self.records[record] = {"LastModifiedDate": self.now // 1000 * 1000} | self.some(4, record)
        self.body("CREATE", record, self.records[record], transaction, sequence)

    def update(self, record: str, transaction: str, sequence: int) -> None:
        changed = self.some(self.rng.choice([1, 2, 3]), record) | {"LastModifiedDate": self.now // 1000 * 1000}
        before = self.records[record].get("Description")
        self.records[record] |= changed
        if changed.get("Description") and self.rng.random() < 0.6:
            self.differ(record, before, changed, transaction, sequence)
        else:
            self.body("UPDATE", record, changed, transaction, sequence)

    def differ(self, record: str, before: Any, changed: dict[str, Any], transaction: str, sequence: int) -> None:
        """Tell the description by its difference, in one of two ways."""
        diff = unified(before or "", changed["Description"])
        nested = {n: one for n, one in compound(changed).items() if n != "Description"}
        listing = [*listed(nested, False), "Description"]
        if self.rng.random() < 0.5:
            more: dict[str, Any] = {"Description": diff, "differing": ["Description"]}
        else:
            more = {"Description": {"diff": diff}}
        self.header(self.objects[record], record, "UPDATE", transaction, sequence, changed=listing, **nested, **more)

    def delete(self, record: str, transaction: str, sequence: int) -> None:
        self.deleted.add(record)
        self.body("DELETE", record, {}, transaction, sequence)

    def undelete(self, record: str, transaction: str, sequence: int) -> None:
        self.deleted.discard(record)
        self.body("UNDELETE", record, self.records[record], transaction, sequence)

    def gap(self, record: str, transaction: str, sequence: int) -> None:
        """A change that is not told: a gap, and mostly a snapshot some time after."""
        self.records[record] |= self.some(2, record)
        self.header(self.objects[record], record, "GAP_UPDATE", transaction, sequence)
        if self.rng.random() < 0.7:
            self.now += self.rng.choice([0, 1, 5000])
            self.snapshot(record, transaction, sequence)

    def convert(self, record: str, transaction: str, sequence: int) -> None:
        contacts = [one for one in self.records if self.objects[one] == "Contact"]
        if self.objects[record] != "Lead" or not contacts:
            return self.update(record, transaction, sequence)
        changed = {"IsConverted": True, "ConvertedContactId": self.rng.choice(contacts)}
        self.records[record] |= changed
        return self.body("UPDATE", record, changed, transaction, sequence)

    def merge(self, record: str, transaction: str, sequence: int) -> None:
        """The loser is deleted; that it has a winner only REST tells."""
        others = [one for one in self.records if self.objects[one] == self.objects[record] and one != record]
        others = [one for one in others if self.cycles or record not in self.winners(one)]
        if not others:
            self.update(record, transaction, sequence)
            return
        self.delete(record, transaction, sequence)
        self.records[record]["MasterRecordId"] = self.rng.choice(others)
        self.now += 1000
        self.snapshot(record, transaction, sequence)

    def winners(self, record: str) -> list[str]:
        """Into whom a record was merged or converted, and so on."""
        found: list[str] = []
        while record not in found:
            found.append(record)
            values = self.records.get(record, {})
            record = values.get("MasterRecordId") or values.get("ConvertedContactId") or record
        return found

    def some(self, count: int, record: str) -> dict[str, Any]:
        """Give fields that a record may have, as many as said and an Email."""
        values: dict[str, Any] = {
            "Title": self.rng.choice(["VP", "Director", "Head of  Sales", None, "x" * 90]),
            "Email": self.address(),
            "FirstName": self.rng.choice(["Ann", "Bo", None]),
            "LastName": self.rng.choice(["Lee", "Ng"]),
            "Phone": self.rng.choice(["+1 555", None]),
            "MailingCity": self.rng.choice(["Köln", "Oslo", None]),
            "MailingStreet": self.rng.choice(["A 1", "B 2\r\nC"]),
            "AccountId": self.rng.choice([None, "001000000000001AAA"]),
            "Score__c": self.rng.choice([1, 2.0, 2.5, None]),
            "Description": self.rng.choice(["a\nb", "c" * 1200, None]),
        }
        return {name: values[name] for name in self.rng.sample(list(values), count)} | (
            {"Email": values["Email"]} if count > 3 else {}
        )

    def address(self) -> str | None:
        who = self.rng.randrange(self.people)
        return self.rng.choice(
            [f"e{who}@example.com", f"E{who}@Example.com", "support@example.com", None, f"c{who}@example.com", "none"]
        )

    # -- how it is told --------------------------------------------------------------------------------------------

    def snapshot(self, record: str, transaction: str = "", sequence: int = 0) -> None:
        """What REST or Connect say of the record now."""
        flat = {name: iso(v) if name == "LastModifiedDate" else v for name, v in self.records[record].items()}
        gone = record in self.deleted
        if self.rng.random() < 0.7:
            document: dict[str, Any] = {"kind": "record", "object": self.objects[record], "id": record, "why": "gap",
                "deleted": gone, "at": self.now, "fields": {"Id": record, "Name": "n", "attributes": {}} | flat,
            }  # fmt: skip
        else:
            stamp = {"SystemModstamp": iso(self.now)} if self.rng.random() < 0.8 else {}
            document = {"_ObjectType": self.objects[record], "Id": record, "IsDeleted": gone} | flat | stamp
        self.send(document)

    def header(self, name: str, record: str, kind: str, transaction: str, sequence: int, **body: Any) -> None:
        short = record[:15] if self.rng.random() < 0.3 else record
        head = {
            "entityName": name,
            "recordIds": [short],
            "changeType": kind,
            "transactionKey": transaction,
            "sequenceNumber": sequence,
            "commitTimestamp": self.now + self.rng.choice([0, 0, 1, 2]),
            "commitUser": USER,
            "changedFields": body.pop("changed", []),
            "nulledFields": body.pop("nulled", []),
            "diffFields": body.pop("differing", []),
        }
        schema = body.pop("avro", None)
        self.send(self.shaped({"ChangeEventHeader": head} | body, schema))

    def body(self, kind: str, record: str, values: dict[str, Any], transaction: str, sequence: int) -> None:
        """Names, names of parts, or bitmaps by a schema or by the body's own order."""
        nested = compound(values)
        more: dict[str, Any] = dict(nested)
        way = self.rng.choice(["names", "names", "parts", "schema", "order", "none"])
        if kind == "UPDATE" and way in ("names", "parts"):
            more["changed"] = listed(nested, way == "parts")
            if self.rng.random() < 0.3:
                more["nulled"] = [name for name in more["changed"] if nested.get(name, 1) is None]
                more["changed"] = [name for name in more["changed"] if name not in more["nulled"]]
        elif kind == "UPDATE" and way == "schema" and set(nested) <= set(AVRO_FIELDS):
            more |= {"changed": bitmaps(nested, ["ChangeEventHeader", *AVRO_FIELDS]), "avro": avro_schema()}
        elif kind == "UPDATE" and way == "order" and "LastModifiedDate" in nested:
            more["changed"] = bitmaps(nested, ["ChangeEventHeader", *nested], by_body=True)
        elif kind == "UPDATE" and way == "none":
            more["changed"] = None
        elif kind == "UPDATE":
            more["changed"] = listed(nested, False)
        self.header(self.objects[record], record, kind, transaction, sequence, **more)

    def shaped(self, body: dict[str, Any], schema: Any) -> dict[str, Any]:
        shape = self.rng.choice("abc")
        extra = {} if schema is None else {"schema": json.dumps(schema) if self.rng.random() < 0.5 else schema}
        if shape == "a":
            return {"payload": body, "event": {"replayId": 7}} | extra
        if shape == "b":
            return {"data": {"payload": body, "event": {"replayId": 7}} | extra, "channel": "/data/ChangeEvents"}
        return {"event": body} | extra if extra else body

    def send(self, document: dict[str, Any]) -> None:
        record = next(iter(document.get("ChangeEventHeader", {}).get("recordIds", [])), "k")
        self.sent.append((record, document, self.now + self.rng.choice([0, 500, 3000])))

    # -- the topic -------------------------------------------------------------------------------------------------

    def messages(self, steps: int) -> list[Message]:
        """Mostly in order; some doubled, some late; some broken."""
        for _ in range(steps):
            self.transaction()
        order = [(place + self.rng.choice([0, 0, 0, 0, 3, 9]), one) for place, one in enumerate(self.sent)]
        order += [(place + 5, one) for place, one in order if self.rng.random() < 0.1]
        offsets = [0] * self.partitions
        made = []
        for _, (key, document, ts) in sorted(order, key=lambda one: one[0]):
            values = [json.dumps(document, ensure_ascii=False).encode()]
            if self.rng.random() < 0.05:
                values.append(self.rng.choice(BROKEN))
            p = partition_of(key.encode(), self.partitions) if self.rng.random() < 0.9 else 0
            for value in values:
                made.append(Message(p, offsets[p], ts, b"k", value))
                offsets[p] += 1
        return made


def compound(values: dict[str, Any]) -> dict[str, Any]:
    """Nest what REST names flat."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        if name in NAME:
            nested.setdefault("Name", {})[name] = value
        elif name.removeprefix("Mailing") in ADDRESS:
            nested.setdefault("MailingAddress", {})[name.removeprefix("Mailing")] = value
        else:
            nested[name] = value
    return nested


def listed(nested: dict[str, Any], parts: bool) -> list[str]:
    """Names of what changed; of compounds their parts."""
    names: list[str] = []
    for name, value in nested.items():
        names += [f"{name}.{part}" for part in value] if isinstance(value, dict) and parts else [name]
    return names


def unified(before: str, after: str) -> str:
    """Write a diff of the whole text, as Salesforce does."""
    old, new = before.split("\n"), after.split("\n")
    hashed = sha256(after.encode()).hexdigest()
    head = f"--- \n+++ {hashed}\n@@ -1,{len(old)} +1,{len(new)} @@\n"
    return head + "\n".join([*(f"-{one}" for one in old), *(f"+{one}" for one in new)])


def bitmaps(nested: dict[str, Any], order: list[str], *, by_body: bool = False) -> list[str]:
    """The same as bits of the fields' places."""
    plain = [name for name, value in nested.items() if not isinstance(value, dict)]
    bits = sum(1 << order.index(name) for name in plain)
    made = [f"0x{bits:X}"]
    for name, value in nested.items():
        if isinstance(value, dict):
            parts = list(value) if by_body else {"Name": NAME, "MailingAddress": ADDRESS}[name]
            made.append(f"{order.index(name)}-0x{sum(1 << parts.index(part) for part in value):x}")
    return made


BROKEN = [
    b"{",
    b"",
    b"\xff\xfe{}",
    b"[1]",
    b'{"a":1}',
    b'{"ChangeEventHeader":{"entityName":"Lead","recordIds":["x"],"changeType":"CREATE","commitTimestamp":1}}',
    b'{"ChangeEventHeader":{"recordIds":["003000000000001"],"changeType":"CREATE","commitTimestamp":1}}',
    b'{"ChangeEventHeader":{"entityName":"Lead","recordIds":[],"changeType":"CREATE","commitTimestamp":1}}',
    b'{"ChangeEventHeader":{"entityName":"Lead","recordIds":["003000000000001"],"changeType":"X","commitTimestamp":1}}',
    b'{"ChangeEventHeader":{"entityName":"Lead","recordIds":["003000000000001"],"changeType":"CREATE",'
    b'"commitTimestamp":1}}',
    b'{"ChangeEventHeader":{"entityName":"Lead","recordIds":["003000000000001"],"changeType":"UPDATE",'
    b'"changedFields":["0x2"],"commitTimestamp":1760000000000}}',
]
