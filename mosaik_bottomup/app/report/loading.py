"""How each transformer is loaded under each strategy: over the day, and how long."""

from typing import Any

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    Key,
    line,
    line_over_time,
    numbers,
    panels,
    strategy_key,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Evidence, zone
from mosaik_bottomup.app.report.style import HIGHLIGHT
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics import load_duration_percent, loading_limit_percent

PANEL_PX = 230
LIMIT = Key("limit", "limit", "--limit", "dash", 1.5)
PERCENT = 100.0


def loading(evidence: Evidence) -> Figure:
    """Draw a line per strategy and a panel per area, with the limit."""
    main = evidence.main.results
    clock = zone(main)
    areas = main.entities["areas"]
    # what stands in the foreground is drawn last
    shown = sorted(evidence.shown(), key=lambda run: run.strategy == HIGHLIGHT)
    x_title, x_axis = time_axis(main, clock)
    layout, height = panels(
        [f"area {area}: current over rated current [%]" for area in areas],
        PANEL_PX,
        x_title,
        **x_axis,
    )
    traces = []
    says = []
    for run in shown:
        loading_percent = run.results.series("transformers", "loading")
        key = strategy_key(run.strategy, run.label)
        traces += [
            line_over_time(key, run.results, clock, loading_percent[row], row, ".1f %")
            for row in range(len(areas))
        ]
        peaks = ", ".join(
            f"{peak:.1f} % in {area}"
            for area, peak in zip(areas, loading_percent.max(1), strict=True)
        )
        says.append(f"{run.label} at most {peaks}")
    limit_percent = loading_limit_percent(main)
    traces += _limits(layout, limit_percent, x_axis["range"])
    limits = ", ".join(
        f"{limit:.1f} % in {area}"
        for area, limit in zip(areas, limit_percent, strict=True)
    )
    layout["hovermode"] = "x unified"
    return Figure(
        "loading",
        "Loading under each strategy",
        f"{'; '.join(says)}. Limit: {limits}.",
        "Means over each step, by power flow, at the high-voltage side. Reverse flow "
        "counts as loading, too.",
        traces,
        layout,
        height,
        (
            *(strategy_key(run.strategy, run.label) for run in evidence.shown()),
            LIMIT,
        ),
    )


def duration(evidence: Evidence) -> Figure:
    """Draw for how much of the time each loading is reached, a line per strategy."""
    main = evidence.main.results
    areas = main.entities["areas"]
    shown = sorted(evidence.shown(), key=lambda run: run.strategy == HIGHLIGHT)
    layout, height = panels(
        [f"area {area}: current over rated current [%]" for area in areas],
        PANEL_PX,
        "share of the time in which it is reached or exceeded [%]",
        rangemode="tozero",
    )
    limit_percent = loading_limit_percent(main)
    traces, says = [], []
    for run in shown:
        curves = load_duration_percent(run.results.series("transformers", "loading"))
        share = numbers(PERCENT * np.arange(curves.shape[1] + 1) / curves.shape[1])
        key = strategy_key(run.strategy, run.label)
        traces += [
            line(key, share, numbers([*curve, curve[-1]]), row, "%{y:.1f} %")
            for row, curve in enumerate(curves)
        ]
        over = PERCENT * (curves > limit_percent[:, None]).mean(axis=1)
        parts = zip(areas, over, strict=True)
        told = ", ".join(f"{part:.1f} % of the time in {area}" for area, part in parts)
        says.append(f"{run.label} is above the limit for {told}")
    traces += _limits(layout, limit_percent, [0, PERCENT])
    return Figure(
        "duration",
        "Load duration",
        f"{'; '.join(says)}.",
        "The same loadings, sorted: the further left, the rarer.",
        traces,
        layout,
        height,
        (
            *(strategy_key(run.strategy, run.label) for run in evidence.shown()),
            LIMIT,
        ),
    )


def _limits(layout: Json, limit_percent: FloatArray, ends: list[Any]) -> list[Json]:
    """Return each panel's limit as a line, and let the panels begin at nothing."""
    traces = []
    for row, percent in enumerate(limit_percent.tolist()):
        layout[f"yaxis{row + 1 if row else ''}"]["rangemode"] = "tozero"
        traces.append(line(LIMIT, ends, [round(percent, 2)] * 2, row, "%{y:.1f} %"))
    return traces
