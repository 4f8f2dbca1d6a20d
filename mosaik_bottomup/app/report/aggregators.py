"""What each aggregator sold, what it planned, and what it delivered."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    Key,
    axis,
    local_times,
    numbers,
    panels,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Run, zone

PANEL_PX = 190
LINES = (
    ("delivered_kw", Key("delivered", "delivered", "--two-stage", "solid", 2.6)),
    ("plan_kw", Key("plan", "plan before the operator spoke", "--plan", "dot", 1.6)),
    ("schedule_kw", Key("schedule", "schedule sold", "--schedule", "solid", 1.4)),
)


def aggregators(run: Run) -> Figure | None:
    """Draw a panel per aggregator; None where there is none."""
    results = run.results
    names = results.entities.get("aggregators", ())
    if not names:
        return None
    clock = zone(results)
    x_title, x_axis = time_axis(results, clock)
    layout, height = panels(
        [f"{name}: power of all its sites [kW]" for name in names],
        PANEL_PX,
        x_title,
        **x_axis,
    )
    times = local_times(results, clock)
    traces: list[Json] = []
    keys = []
    for variable, key in LINES[::-1]:
        power_kw = results.series("aggregators", variable)
        if not np.isfinite(power_kw).any():
            continue
        keys.append(key)
        for row in range(len(names)):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": key.label,
                    "legendgroup": key.group,
                    "x": times,
                    "y": numbers(power_kw[row], 3),
                    "yaxis": axis("y", row),
                    "line": {
                        "color": key.colour,
                        "dash": key.dash,
                        "width": key.width,
                        "shape": "hv",
                    },
                    "hovertemplate": "%{y:.1f} kW",
                }
            )
    layout["hovermode"] = "x unified"
    delivered_kw = results.series("aggregators", "delivered_kw")
    schedule_kw = results.series("aggregators", "schedule_kw")
    beside_kwh = np.nansum(np.abs(delivered_kw - schedule_kw), axis=1) * results.step_h
    says = ", ".join(
        f"{name} delivered {energy:.0f} kWh"
        + (f", {beside:.1f} kWh beside its schedule" if len(keys) > 1 else "")
        for name, energy, beside in zip(
            names, delivered_kw.sum(1) * results.step_h, beside_kwh, strict=True
        )
    )
    return Figure(
        "aggregators",
        f"Schedule, plan and delivery under {run.label}",
        f"{says}.",
        "The plan is what stage 1 cleared before the network operator answered; what "
        "it and the delivery differ by is what the envelopes changed."
        if len(keys) > 1
        else "Nobody sold a schedule in this run.",
        traces,
        layout,
        height,
        tuple(keys[::-1]),
    )
