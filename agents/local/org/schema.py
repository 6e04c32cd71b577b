"""The org, part 2.  Schema: which objects there are, their fields and types, and what `describe` says of them."""

from collections.abc import Mapping
from typing import Any, Final

SYSTEM: Final = {
    "Id": "id",
    "IsDeleted": "boolean",
    "CreatedDate": "datetime",
    "LastModifiedDate": "datetime",
    "SystemModstamp": "datetime",
}
MERGED: Final = {"MasterRecordId": "reference"}
_NAME: Final = {"Salutation": "string", "FirstName": "string", "LastName": "string", "Name": "string"}


def _address(prefix: str) -> dict[str, str]:
    parts = ("Street", "City", "State", "PostalCode", "Country")
    return {f"{prefix}{part}": "string" for part in parts} | {f"{prefix}Address": "address"}


_OBJECTS: Final[Mapping[str, dict[str, str]]] = {
    "Lead": MERGED
    | _NAME
    | {
        "Email": "email",
        "Company": "string",
        "Title": "string",
        "Industry": "picklist",
        "NumberOfEmployees": "int",
        "LeadSource": "picklist",
        "Status": "picklist",
        "OwnerId": "reference",
        "HasOptedOutOfEmail": "boolean",
        "IsConverted": "boolean",
        "ConvertedDate": "date",
        "ConvertedAccountId": "reference",
        "ConvertedContactId": "reference",
        "ConvertedOpportunityId": "reference",
    },
    "Contact": MERGED
    | _NAME
    | {
        "AccountId": "reference",
        "Email": "email",
        "Title": "string",
        "Department": "string",
        "LeadSource": "picklist",
        "OwnerId": "reference",
        "HasOptedOutOfEmail": "boolean",
    }
    | _address("Mailing"),
    "Account": MERGED
    | {
        "Name": "string",
        "Type": "picklist",
        "Industry": "picklist",
        "NumberOfEmployees": "int",
        "AnnualRevenue": "currency",
        "Website": "url",
        "ParentId": "reference",
        "OwnerId": "reference",
    }
    | _address("Billing"),
    "Opportunity": {
        "Name": "string",
        "AccountId": "reference",
        "StageName": "picklist",
        "Amount": "currency",
        "CurrencyIsoCode": "picklist",
        "CloseDate": "date",
        "Type": "picklist",
        "IsWon": "boolean",
        "IsClosed": "boolean",
        "OwnerId": "reference",
    },
    "OpportunityContactRole": {
        "OpportunityId": "reference",
        "ContactId": "reference",
        "Role": "picklist",
        "IsPrimary": "boolean",
    },
    "Task": {
        "WhoId": "reference",
        "WhatId": "reference",
        "AccountId": "reference",
        "Subject": "string",
        "Type": "picklist",
        "Status": "picklist",
        "ActivityDate": "date",
        "OwnerId": "reference",
        "Description": "textarea",
    },
    "User": {"Name": "string", "Email": "email", "Title": "string", "IsActive": "boolean", "UserRoleId": "reference"},
    "CurrencyType": {
        "IsoCode": "picklist",
        "ConversionRate": "double",
        "DecimalPlaces": "int",
        "IsActive": "boolean",
        "IsCorporate": "boolean",
    },
    "OpportunityStage": {
        "MasterLabel": "string",
        "ApiName": "string",
        "IsActive": "boolean",
        "IsWon": "boolean",
        "IsClosed": "boolean",
        "DefaultProbability": "double",
        "SortOrder": "int",
    },
}
SETUP: Final = frozenset({"User", "CurrencyType", "OpportunityStage"})
"""Objects whose rows are never deleted: they have no `IsDeleted`, and no change events."""


class Schema:
    """The fields of each object; an org can be given more of both."""

    def __init__(self) -> None:
        self._objects = {name: _system(name) | fields for name, fields in _OBJECTS.items()}

    @property
    def objects(self) -> list[str]:
        """Names of all objects."""
        return list(self._objects)

    def add(self, entity: str, **fields: str) -> None:
        """Add fields (name = type) to an object, which is made if it is new."""
        self._objects.setdefault(entity, _system(entity)).update(fields)

    def fields(self, entity: str) -> Mapping[str, str]:
        """{field: type}; raise `KeyError` for an object that is not there."""
        return self._objects[entity]

    def summary(self, entity: str) -> dict[str, Any]:
        """Say of an object what the list of objects says."""
        setup = entity in SETUP
        return {
            "name": entity,
            "queryable": True,
            "updateable": not setup,
            "deletable": not setup,
            "replicateable": entity == "User" or not setup,
        }

    def describe(self, entity: str) -> dict[str, Any]:
        """Say of an object what its `describe` says, as far as anybody here asks."""
        fields = [_described(name, kind) for name, kind in self._objects[entity].items()]
        return self.summary(entity) | {"fields": fields}


def _system(entity: str) -> dict[str, str]:
    return {name: kind for name, kind in SYSTEM.items() if entity not in SETUP or name != "IsDeleted"}


def _described(name: str, kind: str) -> dict[str, Any]:
    calculated = name in SYSTEM or name in {"MasterRecordId", "IsWon", "IsClosed"}
    length = 32_000 if kind == "textarea" else 255
    return {"name": name, "type": kind, "length": length, "updateable": not calculated}
