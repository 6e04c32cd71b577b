"""Web events: one message in; a `UserEvent` and perhaps a `Link` out."""

from collections.abc import Iterator
from hashlib import md5
from typing import Final

from streams.bots import is_bot
from streams.events import Link, Millis, Rejected, Source, UserEvent
from streams.identifiers import email_alias, is_stronger
from streams.identity.mail import is_role_mailbox
from streams.intake.people import NO_TRAITS, Who, texts, traits_of, who_of
from streams.intake.times import Times, times_of
from streams.intake.wire import Context, Page, WebEvent, decode
from streams.touches import WebSites, source_of
from streams.touches.sources import has_values

NAMES: Final = {"page": "$page", "screen": "$screen", "identify": "", "group": "", "alias": ""}
"""{type: what is counted}; empty: nothing is.  A track is counted by the name that it has."""
_NO_CONTEXT: Final = Context()
_NO_PAGE: Final = Page()


def parse_web_event(
    raw: bytes | None, *, kafka_timestamp: Millis, sites: WebSites
) -> tuple[UserEvent | Link, ...] | Rejected:
    """Read one message of `web-events`.

    One event, and links where it says who an anonymous visitor is, or whose an email address.  Never raises: what
    cannot be used is `Rejected`.  The same bytes with the same timestamp give the same records, so a repeated delivery
    is found by its messageId.
    """
    event = decode(raw)
    if isinstance(event, Rejected):
        return event
    name = _counted_name(event)
    if isinstance(name, Rejected):
        return name
    who = who_of(event)
    if isinstance(who, Rejected):
        return who
    times = times_of(event, kafka_timestamp)
    if isinstance(times, Rejected):
        return times
    message_id = event.message_id
    if not message_id or message_id.isspace():
        message_id = f"md5:{md5(raw or b'', usedforsecurity=False).hexdigest()}"
    visit, source, bot = _origin(event, sites)
    traits = traits_of(event) if event.type == "identify" else NO_TRAITS
    record = UserEvent(
        who.alias, message_id, times.at, times.received_at, name, visit, source, bot, traits.email, traits.full_name
    )
    if who.linked is None and traits.email is None:
        return (record,)
    return record, *_links(who, traits.email, message_id, times)


def _links(who: Who, email: str | None, message_id: str, times: Times) -> Iterator[Link]:
    """Say who is whom: the visitor the user, and the email address the user, or the visitor the email address.

    Who shares a mailbox (`support@`) is not one person: a role mailbox links nobody.
    """
    if who.linked is not None:
        yield Link(who.linked, who.alias, message_id, times.at, times.received_at)
    if email is not None and not is_role_mailbox(email):
        address = email_alias(email)
        alias, to = (address, who.alias) if is_stronger(who.alias, address) else (who.alias, address)
        yield Link(alias, to, message_id, times.at, times.received_at)


def _counted_name(event: WebEvent) -> str | Rejected:
    if event.type == "track":
        return event.event or Rejected("wrong-type", "$.event: a track needs a name that is not empty")
    name = NAMES.get(event.type)
    if name is None:
        return Rejected("unknown-type", f"$.type: not one of track, {', '.join(NAMES)}")
    return name


def _origin(event: WebEvent, sites: WebSites) -> tuple[bool, Source | None, bool]:
    """Say whether it is a visit, from where, and whether a bot's."""
    context = event.context or _NO_CONTEXT
    if is_bot(context.user_agent):
        return False, None, True
    page = _page(event, context)
    visits = event.type == "page" or (page.url and not page.url.isspace()) or has_values(context.campaign)
    if not visits:
        return False, None, False
    ad = context.referrer
    ad_type = ad.type if ad and ad.id else None
    return True, source_of(context.campaign, page.url, page.referrer, sites, ad_type), False


def _page(event: WebEvent, context: Context) -> Page:
    """Find the page: that of the context; servers have none there and give it as properties of a page event."""
    if context.page is None and event.type == "page":
        properties = texts(event.properties)
        return Page(properties.get("url"), properties.get("referrer"))
    return context.page or _NO_PAGE
