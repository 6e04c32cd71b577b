"""Mail: which addresses are those of one person."""

import re
from typing import Final

ROLES: Final = frozenset({
    "abuse", "accounting", "accounts", "admin", "administration", "administrator", "all", "billing", "booking",
    "bookings", "buchhaltung", "care", "careers", "company", "compliance", "contact", "contact-us", "contacto",
    "customercare", "customerservice", "dev", "developers", "director", "do-not-reply", "donotreply", "einkauf",
    "empleo", "enquiries", "enquiry", "everyone", "feedback", "finance", "finanzen", "hello", "help", "helpdesk",
    "hi", "hostmaster", "hr", "info", "information", "inquiries", "inquiry", "invoice", "invoices", "invoicing",
    "it", "jobs", "karriere", "kontakt", "kundenservice", "legal", "mail", "mailer-daemon", "marketing", "media",
    "news", "newsletter", "no-reply", "nobody", "noreply", "office", "operations", "orders", "partner",
    "partners", "payments", "personal", "postmaster", "press", "presse", "privacy", "procurement", "purchasing",
    "reception", "rechnung", "recruiting", "recruitment", "return", "returns", "root", "sales", "secretariat",
    "secretary", "security", "service", "services", "shop", "soporte", "staff", "subscribe", "support",
    "supporto", "sysadmin", "team", "tech", "technik", "test", "undisclosed-recipients", "unsubscribe", "user",
    "users", "vendas", "ventas", "verkauf", "vertrieb", "web", "webmaster", "welcome",
})  # fmt: skip
"""Names before the @ that several people read.  docs/identity.md shows them."""
_extended = re.compile(r"[+_-]").split


def is_role_mailbox(email: str) -> bool:
    """Tell whether several people read an address (lower case): it says nothing of who a person is.

    Of a name with an addition (`support+de@`, `sales-emea@`) what stands before the addition counts, too.
    """
    name = email.partition("@")[0]
    return name in ROLES or _extended(name, maxsplit=1)[0] in ROLES
