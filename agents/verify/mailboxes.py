"""Verify, room 4.  Mailboxes: addresses that several people read (docs/identity.md); they link nobody."""

import re

NAMES = (
    "abuse account accounting accounts accountspayable accountsreceivable accueil achats admin administracion "
    "administration administrator admins affiliate affiliates aide ajuda alert alerts all anfrage anfragen ap api "
    "ar assistance atencion atencionalcliente atendimento ayuda bestellung bestellungen bewerbung bewerbungen "
    "billing board booking bookings bounce bounces buchhaltung buero bureau büro care career careers ceo-office "
    "clientes clients comercial commande commandes commercial communications community compliance compras compta "
    "comptabilite confidentialite contabilidad contabilidade contact contact-us contacto contacts contactus contato "
    "copyright customercare customerservice customersuccess customersupport datenschutz demo dev developer "
    "developers devops devs direccion direction dmca do-not-reply donotreply dpo einkauf email empfang empleo "
    "emploi emplois engineering enquiries enquiry event events everyone facturacion facturation faturamento "
    "feedback finance financeiro financial frontdesk gdpr geschaeftsfuehrung geschaeftsleitung guest hello help "
    "helpcenter helpdesk hey hi hilfe hiring hola hostmaster hr humanresources imprensa impressum inbox info "
    "informacion information informations informatique infos inquiries inquiry investor investors invoice invoices "
    "invoicing ir it it-support itsupport job jobs juridique karriere kontakt kundenbetreuung kundendienst "
    "kundenservice legal list logistics mail mailbox mailer-daemon mailerdaemon management marketing media "
    "monitoring news newsletter newsletters no-reply no_reply nobody noc noreply notification notifications null "
    "office offices oficina operations ops order orders partner partners partnerships payment payments payroll "
    "pedidos people personal post postmaster pr prensa presales press presse presse-media privacidad privacy "
    "procurement purchasing qa questions reception rechnung rechnungen recruiting recruitment recrutement "
    "recursoshumanos request requests reservas reservations returns rh root rrhh sales salesteam secretariat "
    "security sekretariat service service-client serviceclient servicedesk services services-team shipping shop "
    "social soporte spam staff store subscribe suporte support supports survey sysadmin system talent tax team "
    "teams technik test tester testing treasury unsubscribe user users vendas ventas vente ventes verkauf versand "
    "vertrieb verwaltung warehouse webmaster webshop welcome werkstatt zentrale"
)
"""What stands before the `@`, up to a `+`, is one of them, or is one without `.`, `_` and `-`, or up to `_` or `-`."""


def shared(address: str) -> str:
    """Write the SQL that says whether an address, itself an SQL expression, is a role mailbox."""
    local = f"regexp_extract({address}, '^(.*)@', 1)"
    before = f"regexp_extract({local}, '^[^+]*')"
    forms = f"[{before}, regexp_replace({before}, '[._-]', '', 'g'), regexp_extract({before}, '^[^_-]*')]"
    return f"list_has_any({forms}, {NAMES.split()})"


def is_shared(address: str) -> bool:
    """Say whether an address is a role mailbox."""
    before = address.rpartition("@")[0].partition("+")[0]
    forms = {before, re.sub("[._-]", "", before), re.split("[_-]", before)[0]}
    return not forms.isdisjoint(NAMES.split())
