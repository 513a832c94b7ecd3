"""What instances cost, in a table that people keep: Sluice knows no prices and invents none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import sqlalchemy as sa

from services.errors import RuleBroken
from services.store import PRICES, Store

HOURS_OF_A_MONTH = 730
"""As the pricing calculator of Azure counts: 365 × 24 / 12."""
MOST_PRICES = 2000
LARGEST_CSV = 1_000_000
"""Bytes of a table that is read."""
COLUMNS = ("instance_type", "region", "price_per_hour", "currency")
_NOT_SAVED = "The price was not saved."
_TYPE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REGION = re.compile(r"[a-z0-9]{0,40}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = Decimal(100_000)


@dataclass(frozen=True)
class Price:
    """What one instance of ``instance_type`` costs in an hour. ``region`` "" is every region without its own price."""

    instance_type: str
    region: str
    per_hour: Decimal
    currency: str


@dataclass(frozen=True)
class Cost:
    """What instances cost in an hour, and in a month of 730 hours."""

    per_hour: Decimal
    currency: str

    @property
    def per_month(self) -> Decimal:
        """In a month of 730 hours."""
        return self.per_hour * HOURS_OF_A_MONTH


@dataclass(frozen=True)
class Table:
    """Prices that can be kept, and what is wrong with the others, one sentence each that names its line."""

    prices: tuple[Price, ...]
    problems: tuple[str, ...]


class Prices:
    """The price table of one cloud. Thread-safe. ``cloud`` is its ARM host."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def all(self) -> tuple[Price, ...]:
        """Every price, by instance type and region. Raises StoreFailed."""
        wanted = (
            sa.select(PRICES).where(PRICES.c.cloud == self._cloud).order_by(PRICES.c.instance_type, PRICES.c.region)
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return tuple(Price(row.instance_type, row.region, Decimal(row.per_hour), row.currency) for row in rows)

    def put(self, prices: Iterable[Price], without: Iterable[Price] = ()) -> None:
        """Keep these in place of those of the same instance type and region, and take ``without`` out.

        The others stay, also those that somebody else sets at the same time. Raises RuleBroken when one is not valid or
        named twice, and StoreFailed.
        """
        rows: dict[tuple[str, str], Price] = {}
        for each in prices:
            made = price(each.instance_type, each.region, str(each.per_hour), each.currency)
            if _key(made) in rows:
                where = made.region or "every region"
                raise RuleBroken(_NOT_SAVED, f"{made.instance_type} has two prices in {where}.", "Leave one of them.")
            rows[_key(made)] = made
        with self._store.writing() as connection:
            for name, region in {*rows, *map(_key, without)}:
                here = (PRICES.c.cloud == self._cloud, PRICES.c.region == region)
                connection.execute(sa.delete(PRICES).where(*here, sa.func.lower(PRICES.c.instance_type) == name))
            for each in rows.values():
                values = {**vars(each), "cloud": self._cloud, "per_hour": str(each.per_hour)}
                connection.execute(sa.insert(PRICES).values(**values))
            mine = sa.select(sa.func.count()).select_from(PRICES).where(PRICES.c.cloud == self._cloud)
            count = connection.execute(mine).scalar_one()
            if count > MOST_PRICES:
                raise RuleBroken(_NOT_SAVED, f"There would be {count} prices.", f"Keep {MOST_PRICES} at most.")


def _key(one: Price) -> tuple[str, str]:
    return one.instance_type.lower(), one.region


def price(instance_type: str, region: str, per_hour: str, currency: str) -> Price:
    """A price from what was typed. Raises RuleBroken when it is none.

    The decimal sign is a point: "0,5" could be five hundredths or a list.
    """
    instance_type, region = instance_type.strip(), region.replace(" ", "").lower()
    if not _TYPE.fullmatch(instance_type):
        raise RuleBroken(_NOT_SAVED, f"{instance_type[:80]!r} is no instance type.", "Write it as Standard_DS3_v2.")
    if not _REGION.fullmatch(region):
        raise RuleBroken(_NOT_SAVED, f"{region[:80]!r} is no region.", "Write it as westeurope, or leave it empty.")
    try:
        value = Decimal(per_hour.strip())
    except InvalidOperation:
        raise RuleBroken(_NOT_SAVED, f"{per_hour[:40]!r} is no number.", "Write it as 0.229.") from None
    if not value.is_finite() or not 0 < value <= _MOST:
        raise RuleBroken(_NOT_SAVED, f"{instance_type} cannot cost {per_hour[:40]} an hour.", "Write a price above 0.")
    if not _CURRENCY.fullmatch(currency.strip().upper()):
        raise RuleBroken(_NOT_SAVED, f"{currency[:40]!r} is no currency.", "Write its three letters, such as EUR.")
    return Price(instance_type, region, value, currency.strip().upper())


def sorted_out(prices: Iterable[Price]) -> Table:
    """Those of somebody else's prices that can be kept, and what is wrong with the others, by number and name.

    Of two for the same instance type and region the last one counts.
    """
    found: dict[tuple[str, str], Price] = {}
    problems: list[str] = []
    for number, each in enumerate(prices, 1):
        try:
            made = price(each.instance_type, each.region, str(each.per_hour), each.currency)
        except RuleBroken as error:
            problems.append(f"Line {number}, {each.instance_type[:80] or 'without a name'}: {error.why}")
            continue
        _take(made, number, found, problems)
    return Table(tuple(found.values()), tuple(problems))


def _take(made: Price, number: int, found: dict[tuple[str, str], Price], problems: list[str]) -> None:
    if _key(made) in found:
        problems.append(f"Line {number}: {made.instance_type} is there twice; the last one counts.")
    found[_key(made)] = made


def cost(prices: Sequence[Price], instance_type: str, region: str, instances: int) -> Cost | None:
    """What ``instances`` cost by the table: its own region's price, else that of every region; None without one.

    The instances that Azure reserves for upgrades count as cores of the quota and not as money.
    """
    here = region.replace(" ", "").lower()
    own = [each for each in prices if each.instance_type.lower() == instance_type.lower() and each.region in (here, "")]
    found = max(own, key=lambda each: each.region != "", default=None)
    return Cost(found.per_hour * instances, found.currency) if found else None


def total(costs: Iterable[Cost | None]) -> tuple[tuple[Cost, ...], int]:
    """The sum in each currency, by name, and how many have no price: a sum without them is not the whole."""
    sums: dict[str, Decimal] = {}
    unknown = 0
    for each in costs:
        if each is None:
            unknown += 1
        else:
            sums[each.currency] = sums.get(each.currency, Decimal()) + each.per_hour
    return tuple(Cost(sums[name], name) for name in sorted(sums)), unknown


def to_csv(prices: Iterable[Price]) -> str:
    """The table as a CSV file that :func:`from_csv` reads back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((each.instance_type, each.region, each.per_hour, each.currency) for each in prices)
    return out.getvalue()


def from_csv(content: bytes) -> Table:
    """The prices in a CSV file with a header; commas or semicolons; columns in any order. Raises RuleBroken."""
    what, step = "The price table was not read.", f"Give it the columns {', '.join(COLUMNS)}."
    if len(content) > LARGEST_CSV:
        raise RuleBroken(what, f"The file has {len(content):,} bytes.", f"Keep it below {LARGEST_CSV:,} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RuleBroken(what, "The file is not UTF-8.", "Save it as UTF-8, then try again.") from None
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    missing = [name for name in COLUMNS if name not in names and name != "region"]
    if missing:
        raise RuleBroken(what, f"The first line does not name {', '.join(missing)}.", step)
    found: dict[tuple[str, str], Price] = {}
    problems: list[str] = []
    try:
        for row in reader:
            fields = [row.get(names[name]) or "" if name in names else "" for name in COLUMNS]
            if not any(field.strip() for field in fields):
                continue
            try:
                made = price(*fields)
            except RuleBroken as error:
                problems.append(f"Line {reader.line_num}: {error.why} {error.next_step}")
                continue
            _take(made, reader.line_num, found, problems)
    except csv.Error as error:
        raise RuleBroken(what, f"Line {reader.line_num} is no CSV: {error}.", step) from None
    return Table(tuple(found.values()), tuple(problems))
