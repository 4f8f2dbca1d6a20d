"""A run's ledger, and rules for congestion side by side, as tables for a person."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from mosaik_bottomup.settlement import Ledger, Outcome

CUSTOMERS = "customers"
TOTAL = "sum"
COLUMNS = 15
"""Width of a column where there is no terminal to ask for it."""
NO_LEDGER = "no ledger: the run did not end well, or an older version made the file"


def sums_dkk(ledger: Ledger) -> dict[str, dict[str, float]]:
    """Return what each party received by heading, the homes as one; its sum as well."""
    totals = ledger.totals_dkk()
    homes = ledger.customers
    rows = {name: totals[row] for row, name in enumerate(ledger.parties[: homes.start])}
    rows[CUSTOMERS] = totals[homes].sum(axis=0)
    rows[TOTAL] = np.sum(list(rows.values()), axis=0)
    return {
        party: dict(zip((*ledger.received_dkk, TOTAL), [*row, row.sum()], strict=True))
        for party, row in rows.items()
    }


def customers_dkk(ledger: Ledger) -> dict[str, float]:
    """Return what a home paid in all: quartiles, the least and the most."""
    paid = -ledger.totals_dkk()[ledger.customers].sum(axis=1)
    names = ("least", "lower quartile", "median", "upper quartile", "most")
    return dict(zip(names, np.quantile(paid, (0, 0.25, 0.5, 0.75, 1)), strict=True))


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """Return sums and quartiles as plain JSON."""
    spread = {name: float(at) for name, at in customers_dkk(ledger).items()}
    sums = {
        party: {heading: float(at) for heading, at in row.items()}
        for party, row in sums_dkk(ledger).items()
    }
    return {"received_dkk": sums, "customer_paid_dkk": spread}


def ledger_table(ledger: Ledger, title: str) -> Table:
    """Lay out headings by parties, what was received positive; sums at the edges."""
    sums = sums_dkk(ledger)
    grid = Table(title=Text(title), title_justify="left", header_style="bold")
    grid.add_column("received [DKK]")
    for party in sums:
        grid.add_column(Text(party), justify="right", overflow="fold")
    for heading in (*ledger.received_dkk, TOTAL):
        if heading == TOTAL:
            grid.add_section()
        cells = [
            _dkk(at[heading], edge=heading == TOTAL) for at in list(sums.values())[:-1]
        ]
        cells.append(_dkk(sums[TOTAL][heading], edge=True))
        grid.add_row(Text(heading.replace("_", " ")), *cells)
    return grid


def spread_line(ledger: Ledger) -> str:
    """Return in one line what the homes paid."""
    spread = customers_dkk(ledger).items()
    told = ", ".join(f"{name} {_dkk(at, edge=True)}" for name, at in spread)
    return f"a home paid in all [DKK]: {told}"


def rules_table(outcomes: Sequence[Outcome], title: str) -> Table:
    """Lay out what each rule comes to, a column each."""
    grid = Table(title=Text(title), title_justify="left", header_style="bold")
    grid.add_column("")
    for each in outcomes:
        grid.add_column(Text(each.rule), justify="right")
    for key, label in _PAYMENTS:
        grid.add_row(label, *(_dkk(getattr(each, key), edge=True) for each in outcomes))
    grid.add_row("homes that get something", *(f"{at.homes_paid}" for at in outcomes))
    burdens = [each.burden for each in outcomes if each.burden is not None]
    if burdens:
        grid.add_section()
        for key, label in _BURDEN:
            grid.add_row(label, *(_dkk(getattr(at, key), edge=True) for at in burdens))
    return grid


def outcome_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what each rule comes to as plain JSON, by rule."""
    return {each.rule: asdict(each) for each in outcomes}


_PAYMENTS = (
    ("dso_pays_dkk", "DSO pays [DKK]"),
    ("aggregators_keep_dkk", "aggregators keep [DKK]"),
    ("customers_get_dkk", "customers get [DKK]"),
)
_BURDEN = (
    ("worse_off_percent", "homes worse off than in reference [%]"),
    ("worst_dkk", "worst home, more than in reference [DKK]"),
    ("mean_dkk", "mean home, more than in reference [DKK]"),
    ("missing_dkk", "would leave nobody worse off [DKK]"),
)


def _dkk(amount: float, *, edge: bool = False) -> str:
    """Return an amount to the øre; nothing where there is none, but at the edge."""
    text = f"{round(amount, 2) + 0.0:.2f}"
    return text if edge or text != "0.00" else ""
