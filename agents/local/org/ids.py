"""The org, part 1.  Ids: 18 characters, of which the first three name the object and the last three are a checksum."""

from itertools import count

from streams.salesforce.ids import suffix_of

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "User": "005",
    "Opportunity": "006",
    "Lead": "00Q",
    "OpportunityContactRole": "00K",
    "Task": "00T",
    "CurrencyType": "01L",
    "OpportunityStage": "01J",
}
"""{object: first three characters of its ids}.  No two share one: a message about a record has its id as key."""


def with_checksum(short: str) -> str:
    """Lengthen an id of 15 characters to the 18 that do not depend on upper and lower case."""
    return short + suffix_of(short)


def is_id(text: str) -> bool:
    """Whether it is an id of 18 characters whose checksum is right."""
    return len(text) == 18 and text.isalnum() and with_checksum(text[:15]) == text


class IdMaker:
    """Hands out ids in rising order, per object, so that a seeded company has the same ids every time."""

    def __init__(self) -> None:
        self._numbers = {name: count(1) for name in PREFIXES}
        self._others = count(1)

    def next(self, entity: str) -> str:
        """Return the next id of an object; an object of your own gets a custom object's prefix."""
        prefix = PREFIXES.get(entity, "a00")
        number = next(self._numbers.get(entity, self._others))
        return with_checksum(f"{prefix}5e00000{_digits(number)}")


def _digits(number: int) -> str:
    text = ""
    for _ in range(5):
        number, rest = divmod(number, len(DIGITS))
        text = DIGITS[rest] + text
    return text
