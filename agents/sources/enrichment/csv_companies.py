"""Enrichment, room 1.  Companies of a CSV with the columns domain, name, industry, employees and country.

In: a file.  Kept: a company a domain.  Out: companies, and the lines that were left out.
"""

from collections.abc import Iterable
from importlib.resources import as_file, files
from typing import Self

from agents.tables import Row, TableError, read_text, rows
from streams.events import Rejected
from streams.identity.mail import normalise_domain
from streams.personas.company import FIELDS, Company, company_of
from streams.touches.sites import parents

SAMPLE = "sources/enrichment/companies.csv"


class CsvCompanies:
    """Companies by domain.  A bad line is left out and told; of two lines of one domain the last counts."""

    def __init__(self, companies: dict[str, Company], problems: list[str]) -> None:
        self._companies = companies
        self.problems = problems
        """One line each: `companies.csv:7: employees: ...`."""

    @classmethod
    def read(cls, file: str) -> Self:
        """Read a file, `-` for the standard input; raise `TableError` where it is no such CSV at all."""
        table = rows(file, read_text(file))
        columns = _columns(file, next(table, None))
        companies: dict[str, Company] = {}
        lines: dict[str, int] = {}
        problems: list[str] = []
        for row in table:
            found = company_of(dict(zip(columns, row.cells, strict=False)))
            if isinstance(found, Rejected):
                problems.append(f"{file}:{row.line}: {found.detail}")
                continue
            if found.domain in companies:
                problems.append(f"{file}:{lines[found.domain]}: line {row.line} has this domain again, and counts")
            companies[found.domain], lines[found.domain] = found, row.line
        return cls(companies, problems)

    def lookup(self, domain: str) -> Company | None:
        """Find the company of a domain, or of the nearest one above it: `mail.example.com` -> `example.com`."""
        host = normalise_domain(domain) or ""
        return next((self._companies[above] for above in parents(host) if above in self._companies), None)

    def all(self) -> Iterable[Company]:
        """Give every company, in the order of the file."""
        return self._companies.values()


def sample() -> CsvCompanies:
    """Read the invented companies that ship for the demo."""
    with as_file(files("agents").joinpath(SAMPLE)) as path:
        return CsvCompanies.read(str(path))


def _columns(file: str, head: Row | None) -> list[str]:
    columns = [] if head is None else [cell.strip().lower() for cell in head.cells]
    if "domain" not in columns:
        msg = (
            f"{file}:1: the first line names the columns; it is to have `domain`, and may have {', '.join(FIELDS[1:])}"
        )
        raise TableError(msg)
    return columns
