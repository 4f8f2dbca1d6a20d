"""The page's tables: strategies compared, and the certificate of every run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.app.evidence.bootstrap import interval
from mosaik_bottomup.app.report.flexibility import Kind
from mosaik_bottomup.app.report.runs import (
    Evidence,
    Run,
    limit_name,
    values,
)
from mosaik_bottomup.app.report.style import HIGHLIGHT, look
from mosaik_bottomup.app.report.wording import number

NONE = "\N{EN DASH}"
NETWORK_COLUMNS = (
    ("peak_reduction_percent", "peak reduction, worst area [%]", "+.1f"),
    ("cost_change_percent", "change of cost [%]", "+.2f"),
    ("cost_gap_to_optimum_percent", "cost above the optimum [%]", ".2f"),
    ("optimum_gap_percent", "cost above the optimum [%]", ".2f"),
    ("overload_minutes", "overload [min]", ".0f"),
    ("overload_kwh", "overload [kWh]", ".1f"),
    ("peak_loading_percent", "peak loading, worst area [%]", ".1f"),
    ("capture_percent", "of the optimum's reduction at equal cost [%]", ".0f"),
)
PEOPLE_COLUMNS = (
    ("ageing_ratio", "transformer ageing [times price-only's]", ".3g"),
    ("hot_spot_c", "hottest winding [\N{DEGREE SIGN}C]", ".0f"),
    ("comfort_violation_kh", "outside comfort [K h]", ".3f"),
    ("customers_worse_off_percent", "customers worse off [%]", ".0f"),
    ("compensation_dkk", "to leave nobody worse off [DKK]", ".1f"),
    ("imbalance_percent", "imbalance [% of schedule]", ".1f"),
    ("imbalance_cost_dkk", "cost of imbalance [DKK]", ".1f"),
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


def comparisons(evidence: Evidence) -> list[Table]:
    """Return mean and interval of each metric, by limit and strategy: two tables."""
    caption = (
        "Mean over the seeds, in brackets the 95 % bootstrap interval. Changes are "
        "against the price-only run of the same seed."
    )
    return [
        _comparison(
            evidence, "network", f"Cost and network. {caption}", NETWORK_COLUMNS
        ),
        _comparison(
            evidence,
            "people",
            f"Ageing, customers, aggregators. {caption}",
            PEOPLE_COLUMNS,
        ),
    ]


def everything(evidence: Evidence) -> Table:
    """Return the mean of every metric of each strategy at the shown limit."""
    found = {
        strategy: evidence.at(strategy, evidence.shown_limit)
        for strategy in evidence.strategies
    }
    found = {strategy: runs for strategy, runs in found.items() if runs}
    metrics = dict.fromkeys(
        name for runs in found.values() for run in runs for name in run.metrics
    )
    rows = tuple(
        Row(name, tuple(_mean(values(runs, name), ".4g") for runs in found.values()))
        for name in sorted(metrics)
    )
    return Table(
        "everything",
        f"Every metric, {limit_name(evidence.shown_limit)}; mean over the seeds and "
        "95 % bootstrap interval. Names are those of the JSON output, the unit last, "
        "then the area or party where it is one's own.",
        "metric",
        tuple(found),
        (("", rows),),
    )


def _comparison(
    evidence: Evidence,
    name: str,
    caption: str,
    wanted: Sequence[tuple[str, str, str]],
) -> Table:
    groups = _by_limit(evidence)
    present = {
        metric
        for _, of_limit in groups
        for _, runs in of_limit
        for run in runs
        for metric in run.metrics
    }
    columns = [
        (metric, heading, form)
        for metric, heading, form in wanted
        if metric in present and SAME.get(metric) not in present
    ]

    def row(strategy: str, runs: list[Run]) -> Row:
        means = (_mean(values(runs, metric), form) for metric, _, form in columns)
        return Row(
            strategy,
            (*means, Cell(str(len(runs)))),
            strategy == HIGHLIGHT,
            look(strategy).colour,
        )

    return Table(
        f"comparison-{name}",
        caption,
        "strategy",
        (*(heading for _, heading, _ in columns), "seeds [number]"),
        tuple(
            (heading, tuple(row(*each) for each in of_limit))
            for heading, of_limit in groups
        ),
    )


def _by_limit(evidence: Evidence) -> list[tuple[str, list[tuple[str, list[Run]]]]]:
    """Return a heading per limit, and the strategies with runs at just this one."""
    groups = []
    limits = sorted(
        {run.limit_percent for run in evidence.runs},
        key=lambda limit: -(limit or np.inf),
    )
    for limit in limits:
        of_limit = [
            (strategy, runs)
            for strategy in evidence.strategies
            if (
                runs := [
                    run
                    for run in evidence.at(strategy, limit)
                    if run.limit_percent == limit
                ]
            )
        ]
        heading = limit_name(limit) if len(limits) > 1 or limit is not None else ""
        if limit not in evidence.limits:
            heading = "without a limit (overload: the scenario's)"
        if of_limit:
            groups.append((heading, of_limit))
    return groups


def _mean(figures: list[float], form: str) -> Cell:
    finite = [figure for figure in figures if np.isfinite(figure)]
    if not finite:
        return Cell(NONE)
    found = interval(finite)
    mean, low, high = (number(x, form) for x in (found.mean, found.low, found.high))
    return Cell(mean, "" if low == high else f"({low} to {high})")


def merit(kinds: Sequence[Kind]) -> Table:
    """Return how much each kind moved and what it cost, the cheapest first."""
    rows = tuple(
        Row(
            kind.name,
            (
                Cell(number(kind.moved_kwh, ".1f")),
                Cell(kind.homes),
                Cell(number(kind.cost_dkk, "+.2f")),
                Cell(
                    number(kind.price_dkk_per_kwh, "+.3f")
                    if np.isfinite(kind.price_dkk_per_kwh)
                    else NONE
                ),
            ),
            colour=kind.colour,
        )
        for kind in kinds
    )
    return Table(
        "merit",
        "In merit order. Cost is what all homes of a kind pay more than under "
        "price-only, the state at the end settled; batteries and curtailment share "
        "their homes' bill.",
        "kind",
        (
            "energy moved [kWh]",
            "in",
            "change of these homes' cost [DKK]",
            "by energy moved [DKK/kWh]",
        ),
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
