"""Verify, room 4.  Mailboxes: addresses that several people read (docs/identity.md); they link nobody."""

NAMES = (
    "abuse accounting accounts admin administration administrator all billing booking bookings buchhaltung care "
    "careers company compliance contact contact-us contacto customercare customerservice dev developers director "
    "do-not-reply donotreply einkauf empleo enquiries enquiry everyone feedback finance finanzen hello help "
    "helpdesk hi hostmaster hr info information inquiries inquiry invoice invoices invoicing it jobs karriere "
    "kontakt kundenservice legal mail mailer-daemon marketing media news newsletter no-reply nobody noreply "
    "office operations orders partner partners payments personal postmaster press presse privacy procurement "
    "purchasing reception rechnung recruiting recruitment return returns root sales secretariat secretary "
    "security service services shop soporte staff subscribe support supporto sysadmin team tech technik test "
    "undisclosed-recipients unsubscribe user users vendas ventas verkauf vertrieb web webmaster welcome"
)
"""What stands before the `@`, or begins it and is followed by `+`, `-` or `_`."""


def shared(address: str) -> str:
    """Write the SQL that says whether an address, itself an SQL expression, is a role mailbox."""
    return f"regexp_matches({address}, '^({NAMES.replace(' ', '|')})([-+_][^@]*)?@')"
