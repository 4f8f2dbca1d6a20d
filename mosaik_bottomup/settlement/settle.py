"""From a results file to its ledger, and to the group of the file it is kept in."""

import tomllib

from mosaik_bottomup.case.series import retail_tariff
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.parties import deviation_fee
from mosaik_bottomup.results import Derived, Results
from mosaik_bottomup.scenario import Scenario
from mosaik_bottomup.settlement import congestion, positions, retail, services
from mosaik_bottomup.settlement.book import GROUP, HEADINGS, UNIT, Book, Ledger
from mosaik_bottomup.settlement.congestion import Rule

_NEEDED = (
    ("market", "imbalance_price"),
    ("heat_pumps", "congestion_forgone_dkk"),
    ("pv_batteries", "congestion_forgone_dkk"),
    ("portfolios", "congestion_moved_kw"),
)


def settle(run: Results, rule: Rule | None = None) -> Ledger:
    """Return the ledger of a run; of one that was stopped, of the steps written.

    Parameters
    ----------
    run
        A results file that holds a step.
    rule
        What the DSO pays by; else the one of the run's scenario. It shapes nothing but
        the heading ``congestion``.

    Raises
    ------
    InputError
        If the file is of an older version that did not record what is needed.
    ValueError
        If it holds no step.
    """
    if run.steps_written == 0:
        raise ValueError(f"{run.path} holds no step: there is nothing to settle")
    lacking = [
        f"{group}/{name}"
        for group, name in _NEEDED
        if group in run.entities and not run.holds(group, name)
    ]
    if lacking:
        remedy = "was not recorded by the version that made the file; run it again"
        raise InputError(
            [Problem(str(run.path), at, "missing", remedy) for at in lacking]
        )
    raw = tomllib.loads(str(run.attrs["scenario"]))
    trading = float(raw.get("intraday", {}).get("cost_dkk_per_kwh", 0.0))
    # not parsed: files it names may be gone, and are not needed any more
    scenario = Scenario.model_validate(raw)
    book = Book(
        run.entities.get("aggregators", ()),
        run.entities["households"],
        run.steps_written,
    )
    retail.enter(book, run, retail.rates(run, retail_tariff(scenario)))
    positions.enter(book, run, trading, deviation_fee(scenario))
    services.enter_activations(book, run)
    price = scenario.settlement.reserve_dkk_per_kw_h
    services.enter_band(book, run, scenario.reserve.band_kw, price)
    congestion.enter(book, run, rule or scenario.settlement.congestion_rule)
    return book.close()


def recorded(run: Results) -> Ledger | None:
    """Return the ledger a file holds; None if its run did not end well, or is old."""
    if not all(run.holds(GROUP, f"{name}{UNIT}") for name in HEADINGS):
        return None
    received = {name: run.series(GROUP, f"{name}{UNIT}") for name in HEADINGS}
    return Ledger(run.entities[GROUP], len(run.entities["households"]), received)


def derived_group(ledger: Ledger) -> dict[str, Derived]:
    """Return a ledger as the group of a results file that keeps it."""
    series = {f"{name}{UNIT}": at for name, at in ledger.received_dkk.items()}
    return {GROUP: Derived(ledger.parties, series)}
