"""Room 6f.  Persona: who somebody is at work, by their Salesforce records and their account."""

import msgspec

from streams.activity import Current
from streams.personas.persona import Persona, classify
from streams.policy import Policy
from streams.profile.state import Profile


def title_of(profile: Profile) -> str | None:
    """Return the title that the first record with one says."""
    return next((title for _, record in profile.records if isinstance(title := _field(record, "Title"), str)), None)


def persona_of(profile: Profile, policy: Policy) -> Persona:
    """Read a person's persona: title of its records; industry and size of its account, else of a Lead."""
    if not profile.records and profile.account is None:
        return classify(None, None, None, policy.personas)
    found = profile.account
    state = msgspec.json.decode(found[1]) if found is not None else {}
    leads = [record for _, record in profile.records if record.object == "Lead"]
    industry = state.get("industry") or next(filter(None, (_field(one, "Industry") for one in leads)), None)
    employees = state.get("employees") or next(filter(None, (_field(one, "NumberOfEmployees") for one in leads)), None)
    return classify(
        title_of(profile),
        industry if isinstance(industry, str) else None,
        employees if type(employees) is int else None,
        policy.personas,
    )


def _field(record: Current, name: str) -> object:
    return msgspec.json.decode(record.fields).get(name)
