"""Lazy: a value that is made at first use and kept on its object.

As `functools.cached_property`, whose lock (gone in Python 3.12) costs a microsecond for each row that is unpacked.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, as `property` is
    """Make the value with the decorated method; from then on it is an attribute like any other."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> T:
        """Make and keep the value of an instance."""
        value = instance.__dict__[self._name] = self._make(instance)
        return value
