"""What the DSO pays for congestion, by three named rules."""

from typing import Literal, get_args

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import DSO, Book, grained
from mosaik_bottomup.settlement.retail import KINDS, home_of_sites

type Rule = Literal["none", "opportunity-cost", "congestion-price"]
RULES: tuple[Rule, ...] = get_args(Rule.__value__)
"""``none``: nothing. ``opportunity-cost``: to each site what the DSO's limits cost it,
by its own bid, against its part in its aggregator's plan. ``congestion-price``: the
volume they move at the area's congestion price; the aggregator hands it to its sites
there in proportion to what it cost each, and keeps what cost nobody anything. Both go
by plans, limits and prices as they would be if nothing were activated."""


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


def forgone_dkk(run: Results, to: Literal["congestion", "activation"]) -> FloatArray:
    """Return what every site gave up to either, kind after kind, (site, time).

    0 where it gained.
    """
    name = f"{to}_forgone_dkk"
    tables = [run.series(kind, name) for kind in KINDS]
    given_up: FloatArray = np.maximum(np.concatenate(tables), 0.0)
    return given_up


def enter(book: Book, run: Results, rule: Rule) -> None:
    """Enter what the DSO pays to the aggregators, and they to the customers."""
    if rule == "none" or "portfolios" not in run.entities:
        return
    aggregator, _ = portfolios(run)
    portfolio = portfolio_of_sites(run)
    to_sites = grained(forgone_dkk(run, "congestion"))
    to_portfolios = summed(to_sites, portfolio, len(aggregator))
    if rule == "congestion-price":
        moved_dkk = price_times_volume_dkk(run)
        rate = np.zeros_like(moved_dkk)
        np.divide(moved_dkk, to_portfolios, out=rate, where=to_portfolios > 0)
        to_sites = grained(to_sites * rate[portfolio])
        handed_on = summed(to_sites, portfolio, len(aggregator))
        to_portfolios = np.where(to_portfolios > 0, handed_on, moved_dkk)
    book.pay("congestion", DSO, book.aggregators[aggregator], to_portfolios)
    payer = book.aggregators[aggregator[portfolio]]
    home = book.customers[home_of_sites(run)]
    book.pay("congestion", payer, home, to_sites)


def price_times_volume_dkk(run: Results) -> FloatArray:
    """Return ``h · |λ| · |moved|`` of every portfolio, (portfolio, time).

    0 where the area has no congestion price.
    """
    price = np.abs(np.nan_to_num(run.series("areas", "congestion_price")))
    moved_kw = run.series("portfolios", "congestion_moved_kw")
    _, area = portfolios(run)
    return run.step_h * price[area] * np.abs(moved_kw)


def summed(values: FloatArray, row: IntArray, rows: int) -> FloatArray:
    """Return the sums of values by row, (rows, time)."""
    sums = np.zeros((rows, values.shape[1]))
    np.add.at(sums, row, values)
    return sums
