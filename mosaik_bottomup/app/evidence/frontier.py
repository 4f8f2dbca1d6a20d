"""What each step down with the limit costs, by strategy: a table and its words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from mosaik_bottomup.app.evidence.bootstrap import Interval
from mosaik_bottomup.app.evidence.campaign import Harvest
from mosaik_bottomup.app.evidence.comparison import (
    CELL_WIDTH,
    CHANGE,
    cell,
    intervals,
    words,
)
from mosaik_bottomup.app.evidence.variants import REFERENCE

type Frontier = dict[float, dict[str, dict[str, Interval]]]
"""By limit in percent of the reference's peak, variant and metric."""

COLUMNS = (
    ("peak_reduction_percent", "peak reduction [%]", "z.1f"),
    ("peak_below_spread_percent", "below ties spread [%]", "z.1f"),
    ("cost_change_percent", "cost change [%]", "+z.2f"),
    ("cost_gap_to_optimum_percent", "cost above optimum [%]", "z.2f"),
    ("capture_percent", "reduction captured [%]", "z.0f"),
    ("overload_minutes", "overload [min]", "z.0f"),
    ("comfort_violation_kh", "discomfort [K h]", "z.3f"),
)
WIDTH = 156
"""Of the table where there is no terminal to ask for it."""
INFEASIBLE = "infeasible"
NO_OVERLOAD_MINUTES = 1e-9


def frontier(
    harvest: Harvest, variants: Sequence[str], limits: Sequence[float]
) -> Frontier:
    """Return mean and interval of every metric at each limit."""
    return {limit: intervals(harvest.records, variants, limit) for limit in limits}


def infeasible_seeds(harvest: Harvest) -> dict[tuple[float | None, str], list[int]]:
    """Return the seeds at which nobody can keep a limit, by limit and variant."""
    seeds: dict[tuple[float | None, str], list[int]] = {}
    for it in harvest.missing:
        if it.infeasible:
            place = it.point.limit_percent, it.point.variant
            seeds.setdefault(place, []).append(it.point.seed)
    return seeds


def as_json(
    found: Frontier, infeasible: Mapping[tuple[float | None, str], Sequence[int]]
) -> dict[str, Any]:
    """Return what ``--json`` prints.

    Returns
    -------
    table
        ``points``, each with limit, strategy and, by metric, mean and interval;
        ``infeasible`` names the seeds at which there is no such run.
    """
    points = [
        {
            "limit_percent": limit,
            "strategy": variant,
            "metrics": {
                name: asdict(each)
                for name, each in metrics.items()
                if not name.startswith(CHANGE)
            },
        }
        for limit, by_variant in found.items()
        for variant, metrics in by_variant.items()
    ]
    gaps = [
        {"limit_percent": limit, "strategy": variant, "seeds": list(seeds)}
        for (limit, variant), seeds in infeasible.items()
    ]
    return {"reference": REFERENCE, "points": points, "infeasible": gaps}


def table(
    found: Frontier,
    infeasible: Mapping[tuple[float | None, str], Sequence[int]],
    variants: Sequence[str],
    heading: str,
) -> Table:
    """Lay limits below each other, and in each the variants."""
    grid = Table(title=Text(heading), title_justify="left", header_style="bold")
    grid.add_column(Text("limit [% of price-only peak]"), justify="right")
    grid.add_column("", no_wrap=True)
    for _, label, _ in COLUMNS:
        grid.add_column(Text(label), justify="right", min_width=CELL_WIDTH)
    for limit, by_variant in found.items():
        grid.add_section()
        shown = [it for it in variants if it in by_variant or (limit, it) in infeasible]
        for row, variant in enumerate(shown):
            metrics = by_variant.get(variant, {})
            cells = [cell(metrics.get(name), form) for name, _, form in COLUMNS]
            seeds = infeasible.get((limit, variant), ())
            name = Text(variant)
            if seeds:
                name += Text(f"\n{INFEASIBLE}, {_seeds(seeds)}", style="yellow")
            grid.add_row(Text("" if row else f"{limit:g}"), name, *cells)
    return grid


def summary(
    found: Frontier,
    infeasible: Mapping[tuple[float | None, str], Sequence[int]],
    seeds: int,
) -> str:
    """Say in a paragraph how far each variant goes without overload, and at what cost.

    Overload counts in every seed: a mean of none is none in all. Who fails at a limit
    and keeps a tighter one by chance has kept limits down to the one before.
    """
    over = "1 seed" if seeds == 1 else f"{seeds} seeds"
    said = [f"Over {over}, limits as shares of the {REFERENCE} peaks."]
    reached: dict[str, float] = {}
    going = list(dict.fromkeys(name for each in found.values() for name in each))
    for limit, by_variant in sorted(found.items(), reverse=True):
        for variant in tuple(going):
            minutes = by_variant.get(variant, {}).get("overload_minutes")
            kept = minutes is not None and minutes.mean <= NO_OVERLOAD_MINUTES
            if kept and (limit, variant) not in infeasible:
                reached[variant] = limit
            else:
                going.remove(variant)
    for variant, limit in reached.items():
        metrics = found[limit][variant]
        text = f"{variant} keeps limits down to {limit:g} %"
        if {"cost_change_percent", "peak_reduction_percent"} <= metrics.keys():
            text += (
                f" (cost {words(metrics['cost_change_percent'], '+z.2f')} %, peak at "
                f"least {words(metrics['peak_reduction_percent'], '.1f')} % lower)"
            )
        said.append(f"{text}.")
    if infeasible:
        limits = sorted({limit for limit, _ in infeasible if limit is not None})
        text = ", ".join(f"{limit:g} %" for limit in reversed(limits))
        said.append(
            f"At {text} not even the optimum can keep limit, comfort and the end state "
            "of two-stage in all seeds."
        )
    return " ".join(said)


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
