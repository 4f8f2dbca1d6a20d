"""What a rule for congestion comes to: who pays, who gains, who is still worse off."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics import home_costs_dkk
from mosaik_bottomup.metrics.cost import compensation_dkk, worse_off
from mosaik_bottomup.metrics.relative import check_comparable
from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import DSO
from mosaik_bottomup.settlement.congestion import Rule
from mosaik_bottomup.settlement.settle import settle

PERCENT = 100.0
HEADING = "congestion"


@dataclass(frozen=True, slots=True)
class Burden:
    """Homes with a device against the same homes in the reference run."""

    worse_off_percent: float
    """Homes that pay more than an øre more."""
    worst_dkk: float
    """Highest rise of a home's cost; negative if all gain."""
    mean_dkk: float
    """Mean rise."""
    missing_dkk: float
    """What would leave no home worse off."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One rule applied to one run."""

    rule: Rule
    dso_pays_dkk: float
    aggregators_keep_dkk: float
    """Received from the DSO and not handed on."""
    customers_get_dkk: float
    homes_paid: int
    """Homes that get an øre or more."""
    burden: Burden | None
    """After the payment; only against a reference."""


def outcome(run: Results, rule: Rule, reference: Results | None = None) -> Outcome:
    """Return what a rule comes to in a run; dispatch is the same under every rule.

    Parameters
    ----------
    run
        The run.
    rule
        What the DSO pays by.
    reference
        The price-only run of the same homes and steps.

    Raises
    ------
    InputError
        If a file lacks what is needed.
    ValueError
        If the two runs are not of the same scenario input, or hold no step.
    """
    ledger = settle(run, rule)
    got_dkk = ledger.received_dkk[HEADING].sum(axis=1)
    homes_dkk = got_dkk[ledger.customers]
    paid_dkk = 0.0 - float(got_dkk[ledger.row(DSO)])
    customers_dkk = float(homes_dkk.sum())
    return Outcome(
        rule,
        paid_dkk,
        paid_dkk - customers_dkk,
        customers_dkk,
        int(worse_off(homes_dkk).sum()),
        None if reference is None else burden(run, reference, homes_dkk),
    )


def burden(run: Results, reference: Results, got_dkk: FloatArray) -> Burden:
    """Return who pays more than in the reference, payments received counted.

    Costs are those of `mosaik_bottomup.metrics.home_costs_dkk`, end states settled.

    Parameters
    ----------
    run, reference
        The same homes in the same steps.
    got_dkk
        What each home has received for congestion, shape (home,).
    """
    check_comparable(run, reference)
    home, cost_dkk = home_costs_dkk(run)
    change_dkk = cost_dkk - home_costs_dkk(reference)[1] - got_dkk[home]
    if not len(change_dkk):
        return Burden(0.0, 0.0, 0.0, 0.0)
    return Burden(
        PERCENT * float(np.mean(worse_off(change_dkk))),
        float(change_dkk.max()),
        float(change_dkk.mean()),
        compensation_dkk(change_dkk),
    )
