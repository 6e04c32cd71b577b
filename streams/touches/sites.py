"""Own sites, and hosts that a visitor only passes through: a visit from there continues, it does not begin."""

from collections.abc import Container
from functools import cache, lru_cache

import msgspec
from publicsuffixlist import PublicSuffixList


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIGN_IN = _words("""
    accounts.google.com accounts.youtube.com login.microsoftonline.com login.microsoft.com login.live.com
    login.windows.net account.live.com appleid.apple.com idmsa.apple.com login.yahoo.com login.salesforce.com
    id.atlassian.com auth.atlassian.com auth.openai.com signin.aws.amazon.com sso.jumpcloud.com authkit.app
    api.workos.com accounts.dev okta.com oktapreview.com okta-emea.com auth0.com onelogin.com pingidentity.com
    pingone.com pingone.eu duosecurity.com amazoncognito.com b2clogin.com ciamlogin.com stytch.com fusionauth.io
""")
"""Where people sign in with another account: they come back to the page that they had left."""

PAYMENT = _words("""
    checkout.stripe.com buy.stripe.com billing.stripe.com invoice.stripe.com pay.stripe.com hooks.stripe.com
    js.stripe.com connect.stripe.com paypal.com paypalobjects.com braintreegateway.com adyen.com adyenpayments.com
    checkout.com worldpay.com klarna.com mollie.com buy.paddle.com checkout.paddle.com chargebee.com recurly.com
    squareup.com square.link checkout.square.site razorpay.com 2checkout.com authorize.net pay.gocardless.com
    sofort.com giropay.de alipay.com afterpay.com affirm.com pay.google.com payments.google.com pay.amazon.com
    payments.amazon.com cardinalcommerce.com arcot.com 3dsecure.io pay.payu.in secure.payu.com paytrail.com
    checkout.fastspring.com fastspring.com cleverbridge.com lemonsqueezy.com
""")
"""Where people pay: without this list each sale would be the gateway's."""


class WebSites(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """The sites that are ours besides that of the page itself."""

    own_domains: tuple[str, ...] = ()
    """Bare domains in lower case (`example.com`); their subdomains are ours too."""

    def __post_init__(self) -> None:
        for domain in self.own_domains:
            if domain != domain.lower().strip(" .") or not domain or any(sign in domain for sign in "/:@*"):
                msg = f"own domain {domain!r}: give a bare domain in lower case, like example.com"
                raise ValueError(msg)


@cache
def _public_suffixes() -> PublicSuffixList:
    # 70 ms of parsing: once, at the first host.
    return PublicSuffixList()


@lru_cache(maxsize=16_384)
def registrable(host: str) -> str:
    """Give the part of a host that its owner registered: `www.shop.example.co.uk` -> `example.co.uk`.

    Addresses, `localhost` and public suffixes themselves stay what they are.
    """
    if ":" in host or host.replace(".", "").isdigit():
        return host
    return registered(host) or host


def registered(host: str) -> str | None:
    """Give the part of a domain that its owner registered; None: it is a public suffix itself."""
    found: str | None = _public_suffixes().privatesuffix(host)
    return found


def lies_in(host: str, domains: Container[str]) -> bool:
    """Tell whether `host` is one of `domains` or below one."""
    return any(domain in domains for domain in parents(host))


def parents(host: str) -> list[str]:
    """List a host and the domains above it, nearest first: `a.b.com` -> `a.b.com`, `b.com`, `com`."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


@lru_cache(maxsize=8_192)
def continues(referrer: str, page: str, sites: WebSites) -> bool:
    """Tell whether a visit to host `page` from host `referrer` goes on with what had begun before."""
    own = bool(page) and registrable(referrer) == registrable(page)
    return own or lies_in(referrer, sites.own_domains) or lies_in(referrer, SIGN_IN) or lies_in(referrer, PAYMENT)
