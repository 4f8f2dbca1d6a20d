"""The page's tables: strategies compared, and the certificate of every run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.app.bootstrap import interval
from mosaik_bottomup.app.report.flexibility import Kind
from mosaik_bottomup.app.report.runs import (
    UNLIMITED,
    Evidence,
    Run,
    limit_name,
    values,
)
from mosaik_bottomup.app.report.style import HIGHLIGHT, look

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
COLUMNS = (
    ("peak_loading_percent", "peak loading, worst area [%]", ".1f"),
    ("peak_reduction_percent", "peak reduction, worst area [%]", "+.1f"),
    ("cost_change_percent", "change of cost [%]", "+.2f"),
    ("cost_gap_to_optimum_percent", "cost above the optimum [%]", ".2f"),
    ("optimum_gap_percent", "cost above the optimum [%]", ".2f"),
    ("overload_minutes", "overload [min]", ".0f"),
    ("overload_kwh", "overload [kWh]", ".1f"),
    ("comfort_violation_kh", "outside comfort [K h]", ".3f"),
    ("imbalance_percent", "imbalance [% of schedule]", ".1f"),
    ("customers_worse_off_percent", "customers worse off [%]", ".0f"),
    ("compensation_dkk", "to leave nobody worse off [DKK]", ".1f"),
    ("ageing_ratio", "transformer ageing [times price-only's]", ".3g"),
)
SAME = {"optimum_gap_percent": "cost_gap_to_optimum_percent"}
"""Shown only if the other name of the same figure is absent."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure, and what it could as well have been."""

    text: str
    range: str = ""
    mark: str = ""
    """``good`` or ``bad``, where it is one."""


@dataclass(frozen=True, slots=True)
class Row:
    """Name of a row and its cells."""

    head: str
    cells: tuple[Cell, ...]
    strong: bool = False
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with one heading row; rows may stand under headings of their own."""

    name: str
    caption: str
    corner: str
    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


def comparison(evidence: Evidence) -> Table:
    """Return mean and interval of each metric, by limit and strategy."""
    rows: dict[str, list[tuple[str, list[Run]]]] = {}
    limits = evidence.limits
    for limit in limits:
        heading = limit_name(limit) if len(limits) > 1 or limit is not None else ""
        for strategy in evidence.strategies:
            if strategy in UNLIMITED and limit != limits[0]:
                continue
            if runs := evidence.at(strategy, limit):
                rows.setdefault(heading, []).append((strategy, runs))
    present = {
        metric
        for of_limit in rows.values()
        for _, runs in of_limit
        for run in runs
        for metric in run.metrics
    }
    columns = [
        (metric, heading, form)
        for metric, heading, form in COLUMNS
        if metric in present and SAME.get(metric) not in present
    ]
    groups = tuple(
        (
            heading,
            tuple(
                Row(
                    strategy,
                    (
                        Cell(str(len(runs))),
                        *(_mean(values(runs, name), form) for name, _, form in columns),
                    ),
                    strategy == HIGHLIGHT,
                    look(strategy).colour,
                )
                for strategy, runs in of_limit
            ),
        )
        for heading, of_limit in rows.items()
    )
    return Table(
        "comparison",
        "Mean over the seeds, in brackets the 95 % bootstrap interval. Changes are "
        "against the price-only run of the same seed.",
        "strategy",
        ("seeds [number]", *(heading for _, heading, _ in columns)),
        groups,
    )


def _mean(figures: list[float], form: str) -> Cell:
    finite = [figure for figure in figures if np.isfinite(figure)]
    if not finite:
        return Cell(NONE)
    found = interval(finite)
    mean, low, high = (number(x, form) for x in (found.mean, found.low, found.high))
    return Cell(mean, "" if low == high else f"({low} to {high})")


def number(figure: float, form: str) -> str:
    """Return a figure with a true minus sign, and none before nothing."""
    text = format(figure, form)
    if not float(text):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def merit(kinds: Sequence[Kind], step_h: float) -> Table:
    """Return how much each kind moved and what it cost, the cheapest first."""
    rows = tuple(
        Row(
            kind.name,
            (
                Cell(number(kind.moved_kwh(step_h), ".1f")),
                Cell(number(kind.cost_dkk, "+.2f")),
                Cell(
                    number(price, ".2f")
                    if np.isfinite(price := kind.price_dkk_per_kwh(step_h))
                    else NONE
                ),
            ),
            colour=kind.colour,
        )
        for kind in kinds
    )
    return Table(
        "merit",
        "In merit order. Cost is what these homes pay more than under price-only, the "
        "state at the end settled; lost feed-in counts as PV curtailment's.",
        "kind",
        ("taken away [kWh]", "cost [DKK]", "cost of a kWh taken away [DKK/kWh]"),
        (("", rows),),
    )


def certificates(evidence: Evidence) -> Table:
    """Return every run's checks: passed or not, with the figure behind it."""
    told = [(run, certificate_of(run)) for run in evidence.runs]
    checks = list(dict.fromkeys(name for _, lines in told for name in lines))
    rows = []
    for run, lines in sorted(
        told,
        key=lambda each: (
            evidence.strategies.index(each[0].strategy),
            -(each[0].limit_percent or np.inf),
            each[0].seed,
        ),
    ):
        limit = "" if run.limit_percent is None else f", {run.limit_percent:g} %"
        cells = tuple(
            _check(lines[name]) if name in lines else Cell(NONE) for name in checks
        )
        rows.append(Row(f"{run.label}{limit}, seed {run.seed}", cells))
    return Table(
        "certificates",
        "Computed from each results file at the end of its run, and stored in it.",
        "run",
        tuple(name.replace("_", " ") for name in checks),
        (("", tuple(rows)),),
    )


def certificate_of(run: Run) -> dict[str, dict[str, object]]:
    """Return a run's checks by name; none of a run that has not ended well."""
    text = run.results.attrs.get("certificate", "{}")
    lines: dict[str, dict[str, object]] = json.loads(str(text))
    return lines


def promises(run: Run) -> Table:
    """Return the checks of one run in full."""
    rows = tuple(
        Row(
            name.replace("_", " "),
            (_check(line, figure=False), Cell(str(line["text"]))),
        )
        for name, line in certificate_of(run).items()
    )
    return Table(
        "promises",
        f"Certificate of {run.label}, seed {run.seed}.",
        "check",
        ("result", "what was found"),
        (("", rows),),
    )


def _check(line: dict[str, object], figure: bool = True) -> Cell:
    passed = bool(line["pass"])
    text = "pass" if passed else "FAIL"
    shown = line.get("figure")
    found = f"{shown:.4g}" if figure and isinstance(shown, int | float) else ""
    return Cell(text, found, "good" if passed else "bad")
