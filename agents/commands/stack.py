"""`touchline stack` and `touchline topics`: what a machine and a broker need before a worker starts."""

from typing import Any

import typer

from agents.commands.shared import AsJson, KafkaVersion, load_settings, print_json, print_table, progress

stack_app = typer.Typer(help="The local Kafka and Redis of this folder.", no_args_is_help=True)
topics_app = typer.Typer(help="The topics at the broker.", no_args_is_help=True)


@stack_app.command("up", epilog="Example: touchline stack up && touchline topics create")
def stack_up(kafka_version: KafkaVersion = "") -> None:
    """Start Kafka and Redis on loopback and wait until they answer; the first time it downloads them."""
    from agents.local.stack import Stack

    settings = load_settings()
    stack = Stack(settings, kafka_version=kafka_version)
    stack.up(progress)
    print(f"Kafka  {stack.bootstrap}\nRedis  {stack.redis_url}")
    if settings.kafka_bootstrap != stack.bootstrap:
        print(f"Note: TOUCHLINE_KAFKA_BOOTSTRAP is {settings.kafka_bootstrap}: the other commands go there.")


@stack_app.command("fetch", epilog="Example: touchline stack fetch")
def stack_fetch(kafka_version: KafkaVersion = "") -> None:
    """Download Kafka and Redis, if they are not there yet, and start nothing."""
    from agents.local.stack import Stack

    Stack(load_settings(), kafka_version=kafka_version).fetch(progress)


@stack_app.command("down", epilog="Example: touchline stack down")
def stack_down() -> None:
    """Stop both.  Kafka's data stay in the data folder; Redis's can be rebuilt from them."""
    from agents.local.stack import Stack

    stopped = Stack(load_settings()).down(progress)
    print("Stopped." if stopped else "Nothing was running.")


@stack_app.command("status", epilog="Example: touchline stack status --json")
def stack_status(as_json: AsJson = False) -> None:
    """Show both; exit 0 when both run and answer, else 1."""
    from agents.local.stack import Stack

    services = Stack(load_settings()).status()
    if as_json:
        print_json([_service(service) for service in services])
    else:
        rows = [
            (service.name, _state(service), str(service.pid or "-"), service.address, str(service.log))
            for service in services
        ]
        print_table(("service", "state", "pid", "address", "log"), rows)
    raise typer.Exit(0 if all(service.ready for service in services) else 1)


@topics_app.command("create", epilog="Example: TOUCHLINE_PARTITIONS=16 touchline topics create")
def topics_create() -> None:
    """Create the topics that are missing; existing ones stay as they are."""
    import asyncio

    from agents import admin

    settings = load_settings()
    created = asyncio.run(admin.create_topics(settings))
    for name in created:
        print(f"created {name} ({settings.partitions} partitions)")
    if not created:
        print("All topics were there.")


@topics_app.command("check", epilog="Example: touchline topics check --json")
def topics_check(as_json: AsJson = False) -> None:
    """Compare the broker's topics with what Touchline needs; exit 1 if anything differs."""
    import asyncio

    from agents import admin

    problems = asyncio.run(admin.check_topics(load_settings()))
    if as_json:
        print_json({"problems": problems})
    else:
        print("\n".join(problems) or "All topics are there and fit.")
    raise typer.Exit(1 if problems else 0)


def _service(service: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(service) | {"log": str(service.log)}


def _state(service: Any) -> str:
    if service.pid is None:
        return "down"
    return "ready" if service.ready else "silent"
