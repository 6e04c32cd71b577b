"""References: the org's users and currencies, as every lane knows them."""

import msgspec
import orjson

from agents.processors.account.shelf import Family, Shelf
from streams.account.arr import Rates, rates_of
from streams.account.messages import Reference, encode_message
from streams.account.state import Fields
from streams.policy import Accounts

CURRENCY, USER = "CurrencyType", "User"
_read = msgspec.json.Decoder(Reference).decode


class References:
    """The references of one lane."""

    def __init__(self, shelf: Shelf, mapped: Accounts) -> None:
        self._shelf = shelf
        self._mapped = mapped
        self.rates = self._rates()

    def take(self, said: Reference) -> bool:
        """Take in what a user or currency is now; False: that was known."""
        row = self._shelf.get(Family.reference, said.object, said.record)
        if row is not None and _read(row).version >= said.version:
            return False
        self._shelf.put(encode_message(said), Family.reference, said.object, said.record)
        if said.object == CURRENCY:
            self.rates = self._rates()
        return True

    def user(self, user: str) -> Fields | None:
        """Return the fields of a user; None: they are not known."""
        return self._fields(USER, user)

    def _rates(self) -> Rates:
        currencies = (self._fields(CURRENCY, one) for one in self._shelf.children(Family.reference, CURRENCY))
        return rates_of((dict(fields) for fields in currencies if fields), self._mapped)

    def _fields(self, name: str, record: str) -> Fields | None:
        row = self._shelf.get(Family.reference, name, record)
        fields = bytes(_read(row).fields) if row is not None else b""
        return orjson.loads(fields) if fields else None
