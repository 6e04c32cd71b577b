"""The company, room 1.  Its web: sites, pages, and the ways that lead people there.  Data only.

Beacon sells dashboards to other companies.  Names end in `.example`, so nobody real is meant.
"""

from typing import NamedTuple

SITE = "https://www.beacon.example"
APP = "https://app.beacon.example"
SIGN_IN = "https://accounts.google.com/"
CHECKOUT = "https://checkout.stripe.com/"

SITE_PAGES = (
    ("/", "Beacon - dashboards that people read"),
    ("/pricing", "Pricing"),
    ("/product", "Product tour"),
    ("/customers", "Customers"),
    ("/blog/metrics-that-matter", "Metrics that matter"),
    ("/blog/board-reporting", "Board reporting in an hour"),
    ("/docs/connect-a-warehouse", "Connect a warehouse"),
    ("/integrations", "Integrations"),
)
APP_PAGES = (
    ("/home", "Home"),
    ("/reports", "Reports"),
    ("/dashboards", "Dashboards"),
    ("/data", "Data sources"),
    ("/settings", "Settings"),
)
ACTIONS = ("Report Created", "Filter Applied", "Comment Added", "Alert Created", "Data Source Connected")
"""What people also do in the app; no rule counts it."""


class Arrival(NamedTuple):
    """One way to the site."""

    weight: int
    """How often, beside the others."""
    referrer: str = ""
    """Empty: the browser tells none."""
    campaign: tuple[str, str, str] | None = None
    """utm_source, utm_medium, utm_campaign."""
    click: str = ""
    """A click id as ad networks add it to the address."""
    path: str = "/"


FIRST_ARRIVALS = (
    Arrival(22, "https://www.google.com/"),
    Arrival(16, "https://www.google.com/", ("google", "cpc", "brand-search"), "gclid=", "/pricing"),
    Arrival(10, "https://www.google.com/", ("google", "cpc", "bi-tools-generic"), "gclid=", "/product"),
    Arrival(
        9, "https://www.linkedin.com/", ("linkedin", "paid-social", "heads-of-data-q3"), "li_fat_id=", "/customers"
    ),
    Arrival(6, "https://www.facebook.com/", ("facebook", "paid-social", "founders-lookalike"), "fbclid="),
    Arrival(7, "https://www.linkedin.com/", None, "", "/blog/metrics-that-matter"),
    Arrival(5, "https://news.ycombinator.com/", None, "", "/blog/board-reporting"),
    Arrival(5, "https://www.g2.com/", ("g2", "referral", "category-page"), "", "/pricing"),
    Arrival(4, "https://chatgpt.com/", ("chatgpt.com", "referral", ""), "", "/docs/connect-a-warehouse"),
    Arrival(3, "https://www.bing.com/", ("bing", "cpc", "competitor-terms"), "msclkid=", "/pricing"),
    Arrival(3, "https://partners.dataforge.example/", ("dataforge", "affiliate", "partner-list"), "", "/integrations"),
    Arrival(10),
)
"""How strangers come."""

RETURNS = (
    Arrival(70),
    Arrival(9, "", ("newsletter", "email", "product-news"), "", "/blog/metrics-that-matter"),
    Arrival(5, "", ("lifecycle", "email", "weekly-digest")),
    Arrival(8, "https://www.google.com/"),
    Arrival(4, "https://www.google.com/", ("google", "cpc", "brand-search"), "gclid="),
    Arrival(4, "https://www.linkedin.com/", ("linkedin", "paid-social", "retargeting"), "li_fat_id=", "/pricing"),
)
"""How people come who know us already; mostly by themselves."""

DESKTOPS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
    "Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
    "Mobile Safari/537.36",
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)

ZONES = (("America/New_York", -5), ("America/Los_Angeles", -8), ("Europe/Berlin", 1), ("Europe/London", 0))
"""Zone and hours from UTC, without summer time: the day's rhythm needs no more."""
FIRST_NAMES = ("Ada", "Bruno", "Chidi", "Dana", "Elif", "Farid", "Grace", "Hana", "Ivan", "Jun", "Kofi", "Lena", "Mara")
LAST_NAMES = ("Adler", "Brandt", "Costa", "Dube", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya")
