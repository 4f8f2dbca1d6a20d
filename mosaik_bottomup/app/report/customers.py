"""Who pays more and who less than under price-only."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    line,
    numbers,
    panels,
    strategy_key,
)
from mosaik_bottomup.app.report.runs import Evidence
from mosaik_bottomup.app.report.style import HIGHLIGHT, REFERENCE
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics.cost import home_costs_dkk, worse_off

PANEL_PX = 300
PERCENT = 100.0
CORE_PERCENT = (0.5, 99.5)
"""Homes the picture must show of the strategy in the foreground."""
ROOM = 1.6


def customers(evidence: Evidence) -> Figure | None:
    """Draw how the change of a home's cost is spread over homes and seeds."""
    changes = {
        run.strategy: change_dkk
        for run in evidence.shown()
        if run.strategy != REFERENCE
        and (change_dkk := _changes_dkk(evidence, run.strategy)).size
    }
    if not changes:
        return None
    title = "homes that pay at most this much more [%]"
    layout, height = panels([title], PANEL_PX, "change of a home's cost [DKK per run]")
    core = changes.get(evidence.main.strategy, next(iter(changes.values())))
    reach = ROOM * float(np.abs(np.percentile(core, CORE_PERCENT)).max())
    layout["xaxis"] |= {"zeroline": True}
    if reach > 0:
        layout["xaxis"]["range"] = [-reach, reach]
    layout["yaxis"]["range"] = [0, 101]
    layout["hovermode"] = "closest"
    traces: list[Json] = []
    says = []
    for name, change_dkk in sorted(
        changes.items(), key=lambda each: each[0] == HIGHLIGHT
    ):
        ordered = np.sort(change_dkk)
        share = PERCENT * np.arange(1, ordered.size + 1) / ordered.size
        hover = f"{name}: %{{y:.0f}} % of homes pay at most %{{x:+.2f}} DKK more"
        traces.append(
            line(
                strategy_key(name),
                numbers(ordered, 3),
                numbers(share, 2),
                0,
                f"{hover}<extra></extra>",
            )
        )
        worse = PERCENT * float(worse_off(change_dkk).mean())
        says.append(
            f"{name}: median {np.median(change_dkk):+.2f} DKK, {worse:.0f} % worse off"
        )
    seeds = len({run.seed for run in evidence.runs})
    return Figure(
        "customers",
        "Change of cost, home by home",
        "; ".join(says) + ".",
        "Each curve counts the homes with a controllable device "
        + (f"of all {seeds} seeds" if seeds > 1 else "of the run")
        + ": where it crosses 0 DKK, homes to the left pay less than under price-only, "
        "homes to the right more. Bills and battery wear, end state settled.",
        traces,
        layout,
        height,
        tuple(map(strategy_key, changes)),
    )


def _changes_dkk(evidence: Evidence, strategy: str) -> FloatArray:
    """Return each home's cost less that under price-only, over all seeds, (home,)."""
    found = [np.empty(0)]
    for run in evidence.at(strategy, evidence.shown_limit):
        reference = evidence.reference(run)
        if reference:
            _, cost_dkk = home_costs_dkk(run.results)
            _, reference_dkk = home_costs_dkk(reference.results)
            found.append(cost_dkk - reference_dkk)
    return np.concatenate(found)
