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
HEAT_PUMP_HOMES = "heat-pump homes"
PV_HOMES = "PV/battery homes"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of flexibility: how it differs from price-only, and what that costs.

    What a battery does and what is curtailed in the same home have one bill, so that
    both carry the cost of their homes together.
    """

    name: str
    colour: str
    change_kw: FloatArray
    """More load than under price-only, shape (area, time)."""
    moved_kwh: float
    """Load taken away or added, whichever is more: what is moved does both."""
    homes: str
    cost_dkk: float
    """What these homes pay more; NaN if the run has not ended well."""
    price_dkk_per_kwh: float
    """That, by what the kinds in these homes moved; NaN where hardly anything was."""


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
        power; curtailed PV counts as more load. In the same homes curtailment comes
        after the batteries: it gives nothing back.
    """
    found: list[Kind] = []
    for homes, group, described in (
        (
            HEAT_PUMP_HOMES,
            "heat_pumps",
            [("heat pumps", "--kind-heat-pump", "power_kw")],
        ),
        (
            PV_HOMES,
            "pv_batteries",
            [
                ("batteries", "--kind-battery", "battery_kw"),
                ("PV curtailment", "--kind-curtailment", "curtailed_kw"),
            ],
        ),
    ):
        changes_kw = [
            _difference(run, reference, group, variable) for _, _, variable in described
        ]
        moved_kwh = [_moved_kwh(change_kw, run.step_h) for change_kw in changes_kw]
        cost_dkk = np.nan
        if run.complete and reference.complete:
            cost_dkk = _cost_dkk(run, group) - _cost_dkk(reference, group)
        enough = sum(moved_kwh) > LEAST_MOVED_KWH
        price = cost_dkk / sum(moved_kwh) if enough else np.nan
        found += [
            Kind(name, colour, change_kw, moved, homes, cost_dkk, price)
            for (name, colour, _), change_kw, moved in zip(
                described, changes_kw, moved_kwh, strict=True
            )
        ]
    # a price that is not known comes last; equal ones stay in order
    return sorted(
        found, key=lambda kind: np.nan_to_num(kind.price_dkk_per_kwh, nan=1e9)
    )


def _moved_kwh(change_kw: FloatArray, step_h: float) -> float:
    down_kwh = float(np.maximum(-change_kw, 0.0).sum()) * step_h
    up_kwh = float(np.maximum(change_kw, 0.0).sum()) * step_h
    return max(down_kwh, up_kwh)


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
    said = ", ".join(f"{kind.name} {kind.moved_kwh:.0f} kWh" for kind in found)
    return Figure(
        "flexibility",
        f"What {run.label} does differently from {reference.strategy}",
        f"Energy moved against price-only: {said}.",
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
