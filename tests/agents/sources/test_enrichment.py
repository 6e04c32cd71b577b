"""Enrichment from a CSV: good lines are companies, bad ones are told and left out."""

from pathlib import Path

import pytest

from agents.sources.enrichment import CompanySource, CsvCompanies, sample
from agents.tables import TableError
from streams.personas.company import Company

HEAD = "domain,name,industry,employees,country\n"


def read(folder: Path, text: str) -> CsvCompanies:
    file = folder / "companies.csv"
    file.write_text(text)
    return CsvCompanies.read(str(file))


def lines_told(companies: CsvCompanies) -> list[int]:
    return [int(problem.partition("companies.csv:")[2].partition(":")[0]) for problem in companies.problems]


def test_a_company_is_found_by_its_domain_and_those_below(tmp_path: Path) -> None:
    source: CompanySource = read(tmp_path, HEAD + 'example.com,"Example, Inc.",SaaS,"1,200",us\n')
    company = Company("example.com", "Example, Inc.", "SaaS", 1200, "US")
    assert list(source.all()) == [company]
    assert source.lookup("Example.com") == source.lookup("mail.eu.example.com") == company
    assert source.lookup("example.org") is source.lookup("notexample.com") is source.lookup("") is None


def test_the_nearest_domain_above_counts(tmp_path: Path) -> None:
    source = read(tmp_path, HEAD + "example.com,Whole\nshop.example.com,Part\n")
    found = source.lookup("a.shop.example.com")
    assert found is not None
    assert found.name == "Part"


def test_bad_lines_are_told_and_the_others_read(tmp_path: Path) -> None:
    companies = read(tmp_path, HEAD + "no domain,x\nexample.com,Good\n\ngmail.com,G\nexample.org,y,z,many,US\n")
    assert [company.domain for company in companies.all()] == ["example.com"]
    assert lines_told(companies) == [2, 5, 6]
    assert "many" not in "".join(companies.problems)


def test_of_two_lines_of_a_domain_the_last_counts_and_both_are_told(tmp_path: Path) -> None:
    companies = read(tmp_path, HEAD + "example.com,Old\nexample.org,Other\nWWW.EXAMPLE.COM,New\n")
    assert [company.name for company in companies.all()] == ["New", "Other"]
    (problem,) = companies.problems
    assert ":2: " in problem
    assert "line 4" in problem


def test_columns_may_stand_in_any_order_and_be_absent(tmp_path: Path) -> None:
    companies = read(tmp_path, "Employees;Notes;Domain\n30;x;example.com\n")
    assert list(companies.all()) == [Company("example.com", employees=30)]


@pytest.mark.parametrize("text", ["", "name,industry\nx,y\n", "example.com,Example\n"])
def test_a_file_without_a_column_of_domains_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TableError, match=r"companies\.csv:1: .*`domain`"):
        read(tmp_path, text)


def test_the_sample_has_no_mistake_and_invented_domains_only() -> None:
    companies = list(sample().all())
    assert sample().problems == []
    assert len(companies) >= 10
    assert all(company.domain.endswith(".example") and company.employees for company in companies)
