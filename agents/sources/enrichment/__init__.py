"""Enrichment: what is known of the companies behind email domains, from a file or, later, a service.

Any `CompanySource` will do; `CsvCompanies` is the one that works without an account anywhere.
"""

from collections.abc import Iterable
from typing import Protocol

from agents.sources.enrichment.csv_companies import CsvCompanies, sample
from streams.personas.company import Company


class CompanySource(Protocol):
    """Where companies are looked up."""

    def lookup(self, domain: str) -> Company | None:
        """Find the company of an email domain, or of the domain above it; None: not known."""

    def all(self) -> Iterable[Company]:
        """Give every company that is known, each once."""


__all__ = ["CompanySource", "CsvCompanies", "sample"]
