"""Which kind of device made room, when, and what a moved kilowatt-hour cost."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    Key,
    axis,
    line_over_time,
    local_times,
    numbers,
    panels,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Run, zone
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics.cost import stored_charge_kwh, stored_heat_kwh
from mosaik_bottomup.results import Results

PANEL_PX = 210
LEAST_MOVED_KWH = 0.05
"""Less than this has no price worth telling."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of flexibility: how it differs from price-only, and what that costs."""

    name: str
    colour: str
    change_kw: FloatArray
    """More load than under price-only, shape (area, time)."""
    cost_dkk: float

    def moved_kwh(self, step_h: float) -> float:
        """Return the load taken away somewhere, to come back at another time or not."""
        return float(np.maximum(-self.change_kw, 0).sum() * step_h)

    def price_dkk_per_kwh(self, step_h: float) -> float:
        """Return what a kilowatt-hour taken away cost; NaN where hardly any was."""
        moved_kwh = self.moved_kwh(step_h)
        return self.cost_dkk / moved_kwh if moved_kwh > LEAST_MOVED_KWH else np.nan


def kinds(run: Results, reference: Results) -> list[Kind]:
    """Return the kinds of flexibility a run used, the cheapest kilowatt-hour first.

    Parameters
    ----------
    run, reference
        The same scenario and seed; of the reference, the steps the run has.

    Returns
    -------
    kinds
        A heat pump's change is that of its power, a battery's that of its charging
        power; curtailed PV counts as more load. A kind's cost is what its homes pay
        more than in the reference (bill, wear, end state settled); lost feed-in is PV
        curtailment's, the rest of those homes' change the batteries'.
    """
    curtailed_kw = _difference(run, reference, "pv_batteries", "curtailed_kw")
    export_price = run.series("market", "export_price")
    lost_dkk = float((curtailed_kw.sum(0) * export_price).sum() * run.step_h)
    found = [
        Kind(
            "heat pumps",
            "--kind-heat-pump",
            _difference(run, reference, "heat_pumps", "power_kw"),
            _cost_dkk(run, "heat_pumps") - _cost_dkk(reference, "heat_pumps"),
        ),
        Kind(
            "batteries",
            "--kind-battery",
            _difference(run, reference, "pv_batteries", "battery_kw"),
            _cost_dkk(run, "pv_batteries")
            - _cost_dkk(reference, "pv_batteries")
            - lost_dkk,
        ),
        Kind("PV curtailment", "--kind-curtailment", curtailed_kw, lost_dkk),
    ]

    def price(kind: Kind) -> float:
        known = kind.price_dkk_per_kwh(run.step_h)
        return known if np.isfinite(known) else np.inf

    return sorted(found, key=price)


def flexibility(run: Run, reference: Run, found: list[Kind]) -> Figure:
    """Draw the deviation from price-only by kind, stacked, a panel per area."""
    results = run.results
    clock = zone(results)
    areas = results.entities["areas"]
    times = local_times(results, clock)
    titles = [f"area {area}: load against price-only [kW]" for area in areas]
    titles.append("all areas: energy ahead (+) or owed so far [kWh]")
    x_title, x_axis = time_axis(results, clock)
    layout, height = panels(titles, PANEL_PX, x_title, **x_axis)
    layout |= {"barmode": "relative", "bargap": 0, "hovermode": "x unified"}
    traces: list[Json] = []
    for kind in found:
        for row in range(len(areas)):
            traces.append(
                {
                    "type": "bar",
                    "name": kind.name,
                    "legendgroup": kind.name,
                    "x": times,
                    "y": numbers(kind.change_kw[row], 3),
                    "yaxis": axis("y", row),
                    "offset": 0,
                    "width": results.step_s * 1e3,
                    "marker": {"color": kind.colour, "line": {"width": 0}},
                    "hovertemplate": "%{y:+.1f} kW",
                }
            )
        so_far_kwh = np.cumsum(kind.change_kw.sum(0)) * results.step_h
        key = Key(kind.name, kind.name, kind.colour)
        traces.append(
            line_over_time(key, results, clock, so_far_kwh, len(areas), "+.1f kWh")
        )
    for row in range(len(titles)):
        layout[f"yaxis{row + 1 if row else ''}"]["zeroline"] = True
    said = ", ".join(
        f"{kind.name} {kind.moved_kwh(results.step_h):.0f} kWh" for kind in found
    )
    return Figure(
        "flexibility",
        f"What {run.label} does differently from {reference.strategy}",
        f"Load taken away from its time under price-only: {said}.",
        "Stacked outward in merit order, the cheapest kind next to the axis. Below the "
        "axis load is less than under price-only, above it more. The last panel adds "
        "up: above its axis a kind has taken energy earlier than under price-only, "
        "below it still owes some.",
        traces,
        layout,
        height,
        tuple(Key(kind.name, kind.name, kind.colour, filled=True) for kind in found),
    )


def _difference(
    run: Results, reference: Results, group: str, variable: str
) -> FloatArray:
    """Return run less reference, summed over the sites of each area, (area, time)."""
    steps = run.steps_written
    change_kw = np.zeros((len(run.entities["areas"]), steps))
    if group in run.entities:
        of_site_kw = (
            run.series(group, variable) - reference.series(group, variable)[:, :steps]
        )
        np.add.at(change_kw, run.static[group]["area"].astype(np.int64), of_site_kw)
    return change_kw


def _cost_dkk(results: Results, group: str) -> float:
    """Return what the homes of a kind paid, end state settled."""
    if group not in results.entities:
        return 0.0
    paid_dkk = float(results.series(group, "bill_dkk").sum())
    if group == "pv_batteries":
        paid_dkk += float(results.series(group, "wear_dkk").sum())
        stored_kwh = float(stored_charge_kwh(results).sum())
    else:
        stored_kwh = float(stored_heat_kwh(results).sum())
    mean_dkk_per_kwh = float(results.series("market", "import_price").mean())
    return paid_dkk - mean_dkk_per_kwh * stored_kwh
