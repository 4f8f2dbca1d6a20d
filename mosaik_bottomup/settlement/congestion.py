"""What the DSO pays for congestion, by three named rules."""

from typing import Literal, get_args

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import DSO, Book, grained
from mosaik_bottomup.settlement.retail import KINDS, home_of_sites

type Rule = Literal["none", "opportunity-cost", "congestion-price"]
RULES: tuple[Rule, ...] = get_args(Rule.__value__)
"""``none``: nothing. ``opportunity-cost``: to each site what it gave up against its own
cheapest option. ``congestion-price``: the volume moved at the area's congestion price;
the aggregator hands it to its sites there in proportion to what each gave up, and keeps
what nobody gave anything up for."""
EDGE_KW = 1e-6
"""Forgives the rounding of plans and envelopes."""


def binds(run: Results) -> BoolArray:
    """Return where an envelope binds its aggregator in its area, (portfolio, time).

    The plan reaches to the envelope's edge or beyond it, and the sites had offered to
    go further. Not where nobody granted envelopes.
    """
    plan, low, high, offer_low, offer_high = (
        run.series("portfolios", f"{name}_kw")
        for name in (
            "plan",
            "envelope_low",
            "envelope_high",
            "offer_low",
            "offer_high",
        )
    )
    # NaN, where nobody planned or granted, compares as False
    up: BoolArray = (plan >= high - EDGE_KW) & (high < offer_high - EDGE_KW)
    down: BoolArray = (plan <= low + EDGE_KW) & (low > offer_low + EDGE_KW)
    return up | down


def portfolios(run: Results) -> tuple[IntArray, IntArray]:
    """Return aggregator and area of every portfolio, as rows, (portfolio,) each."""
    names = [name.rpartition(" ") for name in run.entities["portfolios"]]
    aggregators, areas = run.entities["aggregators"], run.entities["areas"]
    return (
        np.array([aggregators.index(aggregator) for aggregator, _, _ in names]),
        np.array([areas.index(area) for _, _, area in names]),
    )


def portfolio_of_sites(run: Results) -> IntArray:
    """Return the row in group ``portfolios`` of every site, kind after kind."""
    aggregator, area = portfolios(run)
    table = np.zeros((aggregator.max() + 1, area.max() + 1), np.int64)
    table[aggregator, area] = np.arange(len(area))
    rows = [np.zeros(0, np.int64)]
    for kind in KINDS:
        if kind in run.entities:
            site = {key: it.astype(np.int64) for key, it in run.static[kind].items()}
            rows.append(table[site["aggregator"], site["area"]])
    return np.concatenate(rows)


def forgone_dkk(run: Results) -> FloatArray:
    """Return what every site gave up, kind after kind, (site, time)."""
    tables = [run.series(kind, "forgone_dkk") for kind in KINDS]
    return np.concatenate(tables)


def enter(book: Book, run: Results, rule: Rule) -> None:
    """Enter what the DSO pays to the aggregators, and they to the customers."""
    if rule == "none" or "portfolios" not in run.entities:
        return
    bound = binds(run)
    portfolio = portfolio_of_sites(run)
    given_up = forgone_dkk(run) * bound[portfolio]
    to_sites = grained(given_up)
    to_portfolios = summed(to_sites, portfolio, len(bound))
    if rule == "congestion-price":
        moved_dkk = price_times_volume_dkk(run) * bound
        rate = np.zeros_like(moved_dkk)
        np.divide(moved_dkk, to_portfolios, out=rate, where=to_portfolios > 0)
        to_sites = grained(to_sites * rate[portfolio])
        handed_on = summed(to_sites, portfolio, len(bound))
        to_portfolios = np.where(to_portfolios > 0, handed_on, moved_dkk)
    aggregator, _ = portfolios(run)
    book.pay("congestion", DSO, book.aggregators[aggregator], to_portfolios)
    payer = book.aggregators[aggregator[portfolio]]
    home = book.customers[home_of_sites(run)]
    book.pay("congestion", payer, home, to_sites)


def price_times_volume_dkk(run: Results) -> FloatArray:
    """Return ``h · |λ| · |plan − dispatched|`` of every portfolio, (portfolio, time).

    0 where the area has no congestion price.
    """
    price = np.abs(np.nan_to_num(run.series("areas", "congestion_price")))
    plan, dispatched = (
        run.series("portfolios", f"{name}_kw") for name in ("plan", "dispatched")
    )
    _, area = portfolios(run)
    return run.step_h * price[area] * np.abs(np.nan_to_num(plan - dispatched))


def summed(values: FloatArray, row: IntArray, rows: int) -> FloatArray:
    """Return the sums of values by row, (rows, time)."""
    sums = np.zeros((rows, values.shape[1]))
    np.add.at(sums, row, values)
    return sums
