"""What homes get for services to the TSO: for activations, and for a band kept free."""

import numpy as np

from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import TSO, Book
from mosaik_bottomup.settlement.congestion import forgone_dkk
from mosaik_bottomup.settlement.retail import aggregator_of_sites, home_of_sites


def enter_activations(book: Book, run: Results) -> None:
    """Enter what aggregators hand on to the homes that activations moved.

    Each home of an aggregator that has an order gets what it gave up for it, by its own
    bid, against what it would have been told without. What the TSO has paid beyond
    that the aggregator keeps, and it bears what is missing: the risk is its own, as the
    order is.
    """
    if "aggregators" not in run.entities:
        return
    aggregator = aggregator_of_sites(run)
    is_ordered = run.series("aggregators", "activation_ordered_kw") != 0
    given_up_dkk = forgone_dkk(run, "activation") * is_ordered[aggregator]
    home = book.customers[home_of_sites(run)]
    book.pay("moved", book.aggregators[aggregator], home, given_up_dkk)


def enter_band(book: Book, run: Results, band_kw: float, dkk_per_kw_h: float) -> None:
    """Enter what the TSO pays for the batteries' band, all of it handed on to homes.

    A battery gets its part by its power, as it keeps its part of the band.

    Parameters
    ----------
    book
        Where to.
    run
        The run.
    band_kw
        What all batteries together keep free, up and down.
    dkk_per_kw_h
        What a kW of it earns in an hour.
    """
    if "pv_batteries" not in run.entities or band_kw == 0:
        return
    static = run.static["pv_batteries"]
    share = static["power_max_kw"] / static["power_max_kw"].sum()
    amount_dkk = run.step_h * dkk_per_kw_h * band_kw * share
    steps_dkk = np.repeat(amount_dkk[:, None], run.steps_written, axis=1)
    aggregator = book.aggregators[static["aggregator"].astype(np.int64)]
    home = book.customers[static["home"].astype(np.int64)]
    book.pay("reserve", TSO, aggregator, steps_dkk)
    book.pay("reserve", aggregator, home, steps_dkk)
