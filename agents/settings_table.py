"""The table of settings: what `touchline settings` prints and the documentation carries; no secret leaves it."""

from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit, urlunsplit

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agents.settings import Settings

MASK = "***"
KINDS: dict[object, str] = {int: "whole number", str: "text", SecretStr: "secret", Path: "path"}


def variable(name: str) -> str:
    """Name the environment variable of a setting."""
    return f"TOUCHLINE_{name.upper()}"


def in_force(settings: Settings) -> dict[str, Any]:
    """Map each setting to its value as JSON has it; passwords in URLs and keys are masked."""
    return {name: _plain(value) for name, value in settings}


def markdown(model: type[Settings]) -> str:
    """Write the reference table: variable, what it takes, default, meaning, in the order of the code."""
    rows = ["| Variable | Value | Default | Meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        default = _plain(field.default)
        shown = "" if default in (None, "", []) else f"`{default}`"
        rows.append(f"| `{variable(name)}` | {kind(field)} | {shown} | {field.description} |")
    return "\n".join(rows)


def kind(field: FieldInfo) -> str:
    """Say what a setting takes: choices, bounds or the pattern included."""
    taken = _without_none(field.annotation)
    if isinstance(taken, type) and issubclass(taken, StrEnum):
        return " or ".join(f"`{choice}`" for choice in taken)
    if get_origin(taken) is tuple:
        return f"list of {KINDS[get_args(taken)[0]]}s"
    return KINDS[taken] + _limits(field.metadata)


def _without_none(annotation: Any) -> Any:
    """Take the type out of `... | None`."""
    choices = get_args(annotation)
    return next(choice for choice in choices if choice is not NoneType) if NoneType in choices else annotation


def _limits(metadata: list[Any]) -> str:
    low = next((f"{mark.ge:,}" for mark in metadata if isinstance(mark, Ge)), "")
    high = next((f"{mark.le:,}" for mark in metadata if isinstance(mark, Le)), "")
    pattern = next((mark.pattern for mark in metadata if hasattr(mark, "pattern")), "")
    if pattern:
        return f" like `{pattern}`"
    return f", {low} to {high}" if high else f", at least {low}" if low else ""


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return masked(value.get_secret_value())
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def masked(secret: str) -> str:
    """Hide a secret: of Redis's URL the user, password and options, of anything else all."""
    try:
        url = urlsplit(secret)
        place = f"{url.hostname}:{url.port}" if url.port else url.hostname
    except ValueError:
        return MASK
    if not url.scheme.startswith("redis") or not place:
        return MASK if secret else ""
    user = f"{MASK}@" if "@" in url.netloc else ""
    return urlunsplit((url.scheme, user + place, url.path, "", ""))
