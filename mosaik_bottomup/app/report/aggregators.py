"""What each aggregator sold, what it planned, and what it delivered."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    Key,
    line_over_time,
    panels,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Run, zone
from mosaik_bottomup.app.report.wording import number

PANEL_PX = 170
DELIVERED = Key("delivered", "delivered", "--two-stage", "solid", 4.0)
PLAN = Key("plan", "plan before the operator spoke", "--plan", "solid", 2.2)
SCHEDULE = Key("schedule", "schedule sold", "--ink", "dot", 1.6)
CAPTION = (
    "The plan is what stage 1 cleared before the network operator answered; what it "
    "and the delivery differ by is what the envelopes changed. What is delivered "
    "beside the schedule is imbalance, drawn again on its own scale."
)


def aggregators(run: Run) -> Figure | None:
    """Draw two panels per aggregator; None where there is no aggregator."""
    results = run.results
    names = results.entities.get("aggregators", ())
    if not names:
        return None
    clock = zone(results)
    # the widest line first, so that all are seen where they agree
    power_kw = {
        key: results.series("aggregators", variable)
        for key, variable in (
            (DELIVERED, "delivered_kw"),
            (PLAN, "plan_kw"),
            (SCHEDULE, "schedule_kw"),
        )
    }
    known = {
        key: of_key for key, of_key in power_kw.items() if np.isfinite(of_key).any()
    }
    sold = SCHEDULE in known
    titles = [f"{name}: power of all its sites [kW]" for name in names]
    if sold:
        titles = [
            title
            for name, own in zip(names, titles, strict=True)
            for title in (own, f"{name}: difference from its schedule [kW]")
        ]
    x_title, x_axis = time_axis(results, clock)
    layout, height = panels(titles, PANEL_PX, x_title, **x_axis)
    layout["hovermode"] = "x unified"
    each = 2 if sold else 1
    traces: list[Json] = []
    for key, of_key_kw in known.items():
        for row in range(len(names)):
            panel = each * row
            traces.append(
                line_over_time(key, results, clock, of_key_kw[row], panel, ".1f kW")
            )
            if sold and key is not SCHEDULE:
                beside_kw = of_key_kw[row] - power_kw[SCHEDULE][row]
                unit = "+.2f kW"
                traces.append(
                    line_over_time(key, results, clock, beside_kw, panel + 1, unit)
                )
    for row in range(len(names)) if sold else ():
        layout[f"yaxis{each * row + 2}"] |= {"zeroline": True}
    return Figure(
        "aggregators",
        f"Schedule, plan and delivery under {run.label}",
        _says(run),
        CAPTION if sold else "Nobody sold a schedule in this run.",
        traces,
        layout,
        height,
        tuple(known),
    )


def _says(run: Run) -> str:
    results = run.results
    delivered_kw = results.series("aggregators", "delivered_kw")
    beside_kw = delivered_kw - results.series("aggregators", "schedule_kw")
    parts = []
    for row, name in enumerate(results.entities["aggregators"]):
        delivered_kwh = delivered_kw[row].sum() * results.step_h
        text = f"{name} delivered {number(delivered_kwh, '.0f')} kWh"
        if np.isfinite(beside_kw[row]).any():
            beside_kwh = np.nansum(np.abs(beside_kw[row])) * results.step_h
            text += f", {beside_kwh:.1f} kWh beside its schedule"
        parts.append(text)
    return "; ".join(parts) + "."
