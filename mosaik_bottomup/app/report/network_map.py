"""The network as a tree: how loaded its lines get, and how far its voltage goes."""

import numpy as np

from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    Key,
    axis,
    numbers,
    panels,
)
from mosaik_bottomup.app.report.radial import place
from mosaik_bottomup.app.report.runs import Run, settings
from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.case.network import build_network
from mosaik_bottomup.grid.network import Network
from mosaik_bottomup.results import Results
from mosaik_bottomup.scenario import Grid

PX_PER_BRANCH = 11
LEAST_PANEL_PX = 160
METRES_PER_KM = 1e3
LOADS = (
    (10.0, "up to 10 %", "--load-1", 1.2),
    (20.0, "10 to 20 %", "--load-2", 2.0),
    (40.0, "20 to 40 %", "--load-3", 3.0),
    (100.0, "40 to 100 %", "--load-4", 4.2),
    (np.inf, "over 100 %", "--alarm", 5.5),
)
"""Highest loading of a line, by upper edge in percent of its rated current."""


def network_of(results: Results) -> Network:
    """Return the network a run's file describes."""
    return build_network(Grid.model_validate(settings(results)["grid"]))


def worst_voltage_pu(results: Results) -> FloatArray:
    """Return each bus's voltage nearest to an edge of what is allowed, (bus,)."""
    voltage_pu = results.series("buses", "voltage")
    low, high = voltage_pu.min(1), voltage_pu.max(1)
    to_low = low - float(results.attrs["voltage_min_pu"])
    to_high = float(results.attrs["voltage_max_pu"]) - high
    worst: FloatArray = np.where(to_low < to_high, low, high)
    return worst


def network_map(runs: list[Run], row_of_area: int) -> Figure:
    """Draw an area's tree, a panel per run."""
    first = runs[-1].results
    area = first.entities["areas"][row_of_area]
    network = network_of(first)
    lines = network.lines
    mine = np.flatnonzero(network.line_area == row_of_area)
    distance_m, height = place(
        int(network.transformers.lv_bus[row_of_area]),
        lines.from_bus[mine],
        lines.to_bus[mine],
        lines.length_km[mine] * METRES_PER_KM,
    )
    rows = max(height.values()) + 1
    titles = [f"{run.label}: voltage [pu] and line loading [%]" for run in runs]
    layout, height_px = panels(
        titles,
        max(LEAST_PANEL_PX, int(PX_PER_BRANCH * rows)),
        f"distance from the transformer of area {area} [m]",
        rangemode="tozero",
    )
    buses = list(distance_m)
    traces: list[Json] = []
    says = []
    for row, run in enumerate(runs):
        layout[f"yaxis{row + 1 if row else ''}"] |= {
            "visible": False,
            "range": [-0.8, rows - 0.2],
        }
        peak_percent = run.results.series("lines", "loading").max(1)
        worst_pu = worst_voltage_pu(run.results)
        below = 0.0
        for upper, label, colour, width in LOADS:
            chosen = [int(n) for n in mine if below <= peak_percent[n] < upper]
            traces.append(
                _lines(network, chosen, distance_m, height, row)
                | {
                    "name": label,
                    "legendgroup": label,
                    "line": {"color": colour, "width": width},
                }
            )
            below = upper
        traces.append(_buses(network, buses, distance_m, height, worst_pu, row))
        at = int(mine[np.argmax(peak_percent[mine])])
        says.append(
            f"{run.label}: {network.line_names[at]} is loaded most, "
            f"{peak_percent[at]:.1f} %, worst voltages {worst_pu[buses].min():.4f} to "
            f"{worst_pu[buses].max():.4f} pu"
        )
    layout["coloraxis"] = {
        "autocolorscale": False,
        "colorscale": [[number / 4, f"--volt-{number}"] for number in range(5)],
        "colorbar": {
            "orientation": "h",
            "thickness": 10,
            "title": {
                "text": "voltage of the bus nearest to an allowed edge [pu]",
                "side": "top",
            },
            "outlinewidth": 0,
            "nticks": 4,
        },
    }
    layout["hovermode"] = "closest"
    layout["colorbar_px"] = 64
    used = {trace["legendgroup"] for trace in traces if trace.get("x")}
    low, high = first.attrs["voltage_min_pu"], first.attrs["voltage_max_pu"]
    return Figure(
        f"network-{area}",
        f"Area {area}: voltage and line loading at their worst",
        "; ".join(says) + f". Allowed are {low} to {high} pu and 100 %.",
        "Each dot is a bus, each line a cable; the transformer is at the left. Across "
        "is the length of cable from it, up and down has no meaning. Each line shows "
        "its highest loading, each bus its voltage nearest to an allowed edge, of the "
        "whole run.",
        traces,
        layout,
        height_px,
        tuple(
            Key(label, f"line {label}", colour, "solid", width)
            for _, label, colour, width in LOADS
            if label in used
        ),
    )


def _lines(
    network: Network,
    chosen: list[int],
    distance_m: dict[int, float],
    height: dict[int, float],
    row: int,
) -> Json:
    """Return lines as steps: up or down at its root, then along its own row."""
    x: list[float | None] = []
    y: list[float | None] = []
    for line in chosen:
        ends = int(network.lines.from_bus[line]), int(network.lines.to_bus[line])
        root, tip = sorted(ends, key=lambda bus: distance_m[bus])
        x += [distance_m[root], distance_m[root], distance_m[tip], None]
        y += [height[root], height[tip], height[tip], None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [None if each is None else round(each, 1) for each in x],
        "y": y,
        "yaxis": axis("y", row),
        "hoverinfo": "skip",
    }


def _buses(
    network: Network,
    buses: list[int],
    distance_m: dict[int, float],
    height: dict[int, float],
    worst_pu: FloatArray,
    row: int,
) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "bus",
        "legendgroup": "bus",
        "x": numbers([distance_m[bus] for bus in buses], 1),
        "y": numbers([height[bus] for bus in buses], 1),
        "yaxis": axis("y", row),
        "marker": {
            "size": 6,
            "color": numbers(worst_pu[buses]),
            "coloraxis": "coloraxis",
            "line": {"width": 0.5, "color": "--ink"},
        },
        "text": [network.bus_names[bus] for bus in buses],
        "hovertemplate": "%{text}, %{x:.0f} m: %{marker.color:.4f} pu<extra></extra>",
    }
