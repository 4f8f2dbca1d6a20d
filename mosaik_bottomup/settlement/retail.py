"""The customers' bills, and what the retailer passes on of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.inputs.tariff import RetailTariff, grid_dkk_per_kwh
from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import (
    DSO,
    MARKET,
    RETAILER,
    STATE,
    TSO,
    WEAR,
    Book,
)

KINDS = ("heat_pumps", "pv_batteries")


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """What is in the retail price of a kWh beside the energy and the margin, (time,).

    ``price = vat · (day-ahead + grid + transmission + margin + tax)``, so the state's
    part is ``tax + (1 − 1/vat) · price``.
    """

    grid_dkk_per_kwh: FloatArray
    transmission_dkk_per_kwh: float
    state_dkk_per_kwh: FloatArray


def rates(run: Results, tariff: RetailTariff) -> Rates:
    """Return the rates of a run's steps."""
    start = pd.Timestamp(run.time_s[0], unit="s", tz="UTC")
    clock = Clock(start, run.step_s, run.steps_written)
    price = run.series("market", "import_price").ravel()
    return Rates(
        grid_dkk_per_kwh(clock, tariff),
        tariff.transmission_dkk_per_kwh,
        tariff.tax_dkk_per_kwh + (1 - 1 / tariff.vat_factor) * price,
    )


def site_energy_kwh(run: Results, kind: str) -> FloatArray:
    """Return the net energy at the meters of one kind of site, (site, time)."""
    return run.series(kind, "power_kw") * run.step_h


def enter(book: Book, run: Results, at: Rates) -> None:
    """Enter bills, feed-in, wear and what the retailer passes on."""
    spot = run.series("market", "day_ahead_price").ravel()
    taken_kwh = np.zeros(run.steps_written)
    for kind in KINDS:
        if kind not in run.entities:
            continue
        static = run.static[kind]
        home = book.customers[static["home"].astype(np.int64)]
        energy_kwh = site_energy_kwh(run, kind)
        bill_dkk = run.series(kind, "bill_dkk")
        taken_kwh += np.maximum(energy_kwh, 0.0).sum(axis=0)
        takes = energy_kwh > 0
        book.pay("retail", home, RETAILER, np.where(takes, bill_dkk, 0.0))
        book.pay("feed_in", RETAILER, home, np.where(takes, 0.0, -bill_dkk))
        aggregator = book.aggregators[static["aggregator"].astype(np.int64)]
        book.pay("energy", RETAILER, aggregator, energy_kwh * spot)
        if kind == "pv_batteries":
            book.pay("wear", home, WEAR, run.series(kind, "wear_dkk"))
    load_kwh = run.series("households", "power_kw") * run.step_h
    prices = {name: run.series("market", name).ravel() for name in _PRICES}
    book.pay("household", book.customers, RETAILER, billed_dkk(load_kwh, prices))
    taken_kwh += np.maximum(load_kwh, 0.0).sum(axis=0)
    book.pay("day_ahead", RETAILER, MARKET, load_kwh.sum(axis=0) * spot)
    book.pay("grid_tariff", RETAILER, DSO, taken_kwh * at.grid_dkk_per_kwh)
    book.pay("transmission", RETAILER, TSO, taken_kwh * at.transmission_dkk_per_kwh)
    book.pay("taxes", RETAILER, STATE, taken_kwh * at.state_dkk_per_kwh)
    losses_kwh = run.series("transformers", "losses_kw").sum(axis=0) * run.step_h
    book.pay("losses", DSO, MARKET, losses_kwh * spot)


_PRICES = ("import_price", "export_price")


def billed_dkk(energy_kwh: FloatArray, prices: Mapping[str, FloatArray]) -> FloatArray:
    """Return what a net exchange costs, import and export priced apart."""
    price = np.where(energy_kwh > 0, prices["import_price"], prices["export_price"])
    return energy_kwh * price


def home_of_sites(run: Results) -> IntArray:
    """Return the home of every site, kind after kind, (site,)."""
    rows = [run.static[kind]["home"] for kind in KINDS if kind in run.entities]
    return np.concatenate([np.zeros(0), *rows]).astype(np.int64)


def aggregator_of_sites(run: Results) -> IntArray:
    """Return the aggregator of every site, kind after kind, (site,)."""
    rows = [run.static[kind]["aggregator"] for kind in KINDS if kind in run.entities]
    return np.concatenate([np.zeros(0), *rows]).astype(np.int64)
