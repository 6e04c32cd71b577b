"""`touchline identity`, `personas` and `enrich`: who is one person, and who people are at work."""

from typing import TYPE_CHECKING, Annotated

import typer

from agents.commands.shared import AsJson, complain, load_settings, print_json, print_table, progress

if TYPE_CHECKING:
    from streams.personas.persona import Classifier

identity_app = typer.Typer(help="Who is one person.", no_args_is_help=True)
personas_app = typer.Typer(help="Who people are at work, by their titles.", no_args_is_help=True)
enrich_app = typer.Typer(help="What is known of companies, by their domains.", no_args_is_help=True)


Alias = Annotated[str, typer.Argument(help="An alias as `touchline explain` lists it: anon:a1, email:ann@example.com.")]


@identity_app.command("split", epilog="Example: touchline identity split anon:a1")
def identity_split(alias: Alias) -> None:
    """Undo all links of an alias, past and to come: what it did no longer counts for the person it was said to be."""
    settings = load_settings()
    from agents.sources import commands

    raise typer.Exit(commands.run(settings, "split", alias))


@identity_app.command("join", epilog="Example: touchline identity join anon:a1")
def identity_join(alias: Alias) -> None:
    """Take a split back: the links of the alias hold again."""
    settings = load_settings()
    from agents.sources import commands

    raise typer.Exit(commands.run(settings, "join", alias))


@personas_app.command("coverage", epilog="Example: touchline personas coverage titles.csv --top 50")
def personas_coverage(
    file: Annotated[str, typer.Argument(help="CSV with a column title (and count), or a title a line; - is stdin.")],
    as_json: AsJson = False,
    top: Annotated[int, typer.Option(min=0, max=100_000, help="How many unknown titles to show.")] = 20,
) -> None:
    """Say what share of people the maps know by their titles, and the most frequent titles that they do not."""
    from agents.personas import report, titles
    from streams.personas.coverage import coverage

    personas = _personas()
    read = titles.read(file)
    found = coverage(read.people, personas, top)
    if as_json:
        print_json(report.coverage_document(found) | {"problems": read.problems})
        return
    print(report.headline(found))
    for name, people in (("role", found.roles), ("seniority", found.seniorities)):
        print()
        print_table((name, "people", "share"), report.people_rows(people, found.people))
    if found.gaps:
        print()
        print_table(("not understood", "people", "role", "seniority"), report.gap_rows(found))
    for problem in read.problems:
        complain(problem)


@personas_app.command("show", epilog='Example: touchline personas show "VP Product & Design" CTO')
def personas_show(
    titles: Annotated[list[str], typer.Argument(help="Titles, each in quotes.")],
    as_json: AsJson = False,
) -> None:
    """Show the role and the seniority of titles, and which phrase of the maps says so."""
    from agents.personas import report

    personas = _personas()
    if as_json:
        print_json(report.title_documents(titles, personas))
    else:
        print_table(("title", "role", "seniority"), report.title_rows(titles, personas))


def _personas() -> "Classifier":
    from agents import personas_file
    from streams.personas.persona import classifier

    return classifier(personas_file.load(load_settings().personas))


@enrich_app.command("load", epilog="Example: touchline enrich load companies.csv")
def enrich_load(
    file: Annotated[str, typer.Argument(help="CSV: domain,name,industry,employees,country; - is stdin.")],
) -> None:
    """Tell the workers what a file knows of companies; exit 1 if lines are left out, or Kafka does not take it."""
    settings = load_settings()
    from agents.sources import commands
    from agents.sources.enrichment import CsvCompanies
    from streams.account.companies import COMMAND, encode_company

    companies = CsvCompanies.read(file)
    values = [encode_company(company) for company in companies.all()]
    for problem in companies.problems:
        complain(problem)
    if not commands.send(settings, COMMAND, values, lambda n: progress(f"{n:,} of {len(values):,} companies sent")):
        raise typer.Exit(1)
    print(f"{len(values):,} companies: people with an address at one have it as soon as the workers have read this.")
    raise typer.Exit(1 if companies.problems else 0)


@enrich_app.command("check", epilog="Example: touchline enrich check companies.csv --json")
def enrich_check(
    file: Annotated[str, typer.Argument(help="CSV: domain,name,industry,employees,country; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Read a file of companies and name the lines that are left out; exit 1 if there are any."""
    from agents.sources.enrichment import CsvCompanies

    companies = CsvCompanies.read(file)
    number = len(list(companies.all()))
    if as_json:
        print_json({"companies": number, "problems": companies.problems})
    else:
        print("\n".join([*companies.problems, f"{number:,} companies."]))
    raise typer.Exit(1 if companies.problems else 0)
