import json

import pytest

from streams.salesforce.bitmaps import NoSchemaError, are_bitmaps, names_of, tree_of

ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
FIELDS = """
    ChangeEventHeader Name Type ParentId BillingAddress ShippingAddress Phone Fax AccountNumber Website Sic Industry
    AnnualRevenue NumberOfEmployees Ownership TickerSymbol Description Rating Site OwnerId CreatedDate CreatedById
    LastModifiedDate LastModifiedById
"""
ACCOUNT = dict.fromkeys(FIELDS.split(), ()) | {"BillingAddress": ADDRESS, "ShippingAddress": ADDRESS}
CONVERSION = {
    12: "Status",
    19: "IsConverted",
    20: "ConvertedDate",
    21: "ConvertedAccountId",
    22: "ConvertedContactId",
    23: "ConvertedOpportunityId",
    27: "LastModifiedDate",
}
LEAD = dict.fromkeys(["ChangeEventHeader", *(CONVERSION.get(bit, f"Field{bit}") for bit in range(1, 30))], ())


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        (["0x400800"], ["Industry", "LastModifiedDate"]),
        (["0x400080"], ["Fax", "LastModifiedDate"]),
        (["0x410000"], ["Description", "LastModifiedDate"]),
        (["0x010000"], ["Description"]),
        (["0x400000", "4-0x01"], ["LastModifiedDate", "BillingAddress.Street"]),
        (["4-0x01"], ["BillingAddress.Street"]),
        (["5-0x82"], ["ShippingAddress.City", "ShippingAddress.GeocodeAccuracy"]),
        (["0x10"], ["BillingAddress"]),
        (["0x", "0x0", "4-0x00"], []),
        (["Fax", "0x40"], ["Fax", "Phone"]),
        ([], []),
    ],
)
def test_bits_name_fields_of_the_account(listed: list[str], names: list[str]) -> None:
    assert names_of(listed, ACCOUNT) == names


def test_bits_name_what_a_conversion_changes_of_the_lead() -> None:
    assert names_of(["0x08F81000"], LEAD) == list(CONVERSION.values())


@pytest.mark.parametrize("listed", [["0x1000000"], ["24-0x01"], ["4-0x100"], ["7-0x01"]])
def test_a_bit_without_a_field_is_an_error(listed: list[str]) -> None:
    with pytest.raises(NoSchemaError):
        names_of(listed, ACCOUNT)


@pytest.mark.parametrize(("listed", "are"), [(["0x40"], True), (["4-0x01"], True), (["Fax"], False), ([], False)])
def test_bitmaps_are_told_from_names(listed: list[str], are: bool) -> None:
    assert are_bitmaps(listed) is are


def record(name: str, *fields: object) -> dict:
    return {"type": "record", "name": name, "fields": list(fields)}


SCHEMA = record(
    "AccountChangeEvent",
    {"name": "ChangeEventHeader", "type": record("ChangeEventHeader", {"name": "entityName", "type": "string"})},
    {"name": "Name", "type": ["null", "string", record("Person", {"name": "LastName", "type": "string"})]},
    {"name": "BillingAddress", "type": ["null", record("Address", {"name": "Xyz", "type": ["null", "string"]})]},
    {"name": "ShippingAddress", "type": ["null", "com.sforce.eventbus.Address"]},
    {"name": "Fax", "type": ["null", "string"], "default": None},
)


@pytest.mark.parametrize("schema", [SCHEMA, json.dumps(SCHEMA)])
def test_an_avro_schema_gives_fields_and_parts_in_order(schema: object) -> None:
    tree = tree_of(schema)
    assert tree is not None
    assert tree["BillingAddress"] == tree["ShippingAddress"] == ("Xyz",)
    assert list(tree) == ["ChangeEventHeader", "Name", "BillingAddress", "ShippingAddress", "Fax"]
    assert (tree["Name"], tree["Fax"]) == (("LastName",), ())


@pytest.mark.parametrize(
    "schema",
    [
        None,
        7,
        "I8b-dYxvxs5wOtCBr4qsew",
        "{",
        "{}",
        [],
        {"type": "struct", "fields": []},
        record("Empty"),
        {"type": "record"},
    ],
)
def test_what_is_no_avro_schema_of_a_change_event_is_none(schema: object) -> None:
    assert tree_of(schema) is None
