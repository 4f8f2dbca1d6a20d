"""What each strategy's reduction of the peak costs: the headline picture."""

from collections.abc import Sequence

from mosaik_bottomup.app.evidence.bootstrap import Interval, interval
from mosaik_bottomup.app.report.figure import (
    Figure,
    Json,
    axis,
    numbers,
    panels,
    strategy_key,
)
from mosaik_bottomup.app.report.runs import UNLIMITED, Evidence, Run, values
from mosaik_bottomup.app.report.style import HIGHLIGHT, OPTIMUM, REFERENCE, look
from mosaik_bottomup.app.report.wording import number

PAPER_REDUCTION_PERCENT = 27.0
PAPER_COST_PERCENT = 4.6
COST = "cost_change_percent"
REDUCTION = "peak_reduction_percent"
GAP = "cost_gap_to_optimum_percent"
PANEL_PX = 330
LEAST_GAP_PERCENT = 1.0
"""How much above the optimum the second panel shows at least."""
ROOM = 1.3
"""How much taller the picture is than what it must show."""

type Point = tuple[float | None, Interval, Interval, list[Run]]
"""Limit, reduction, cost, and the runs behind them."""


def points(evidence: Evidence, strategy: str) -> list[Point]:
    """Return a strategy's reductions and costs, one point per limit."""
    limits = evidence.limits[:1] if strategy in UNLIMITED else evidence.limits
    found: list[Point] = []
    for limit in limits:
        runs = evidence.at(strategy, limit)
        reduction, cost = values(runs, REDUCTION), values(runs, COST)
        if reduction and cost:
            found.append((limit, interval(reduction), interval(cost), runs))
    return found


def overloaded(runs: Sequence[Run]) -> int:
    """Return in how many runs a transformer was over its limit."""
    return sum(run.metrics.get("overload_minutes", 0.0) > 0 for run in runs)


def frontier(evidence: Evidence) -> Figure | None:
    """Draw cost against peak reduction; None where nothing was compared."""
    found = {name: points(evidence, name) for name in evidence.strategies}
    found = {
        name: of_it for name, of_it in found.items() if of_it and name != REFERENCE
    }
    if not found:
        return None
    titles = ["change of the customers' cost [%]"]
    gaps = {name: _gaps(of_it) for name, of_it in found.items()}
    if any(any(of_it) for of_it in gaps.values()):
        titles.append("cost above the optimum [%]")
    layout, height = panels(
        titles, PANEL_PX, "reduction of the peak loading, worst area [%]"
    )
    low, top = _view(found)
    layout["yaxis"] |= {"range": [low, top], "zeroline": True}
    layout["xaxis"] |= {"zeroline": True}
    layout["hovermode"] = "closest"
    # what stands in the foreground is drawn last
    ordered = sorted(found, key=lambda name: name == HIGHLIGHT)
    traces = [_trace(name, found[name]) for name in ordered]
    if len(titles) > 1:
        layout["yaxis2"] |= {"range": _gap_view(gaps), "zeroline": True}
        traces += [_trace(name, found[name], gaps[name], 1) for name in ordered]
    beyond = [
        f"{name} ({max(cost.mean for _, _, cost, _ in of_it):+.1f} %)"
        for name, of_it in found.items()
        if max(cost.mean for _, _, cost, _ in of_it) > top
    ]
    caption = (
        "To the right is less load, down is cheaper. Each point is one limit, the mean "
        "over the seeds; bars are 95 % bootstrap intervals. Open symbols: at least one "
        "seed had a transformer over its limit. The cross is what the paper reports "
        "for its own, different input. The second panel compares each point with the "
        "optimum at its own end state, and at its own limit, as far as it kept it, "
        "where the operator sets one; else with the optimum without any limit."
    )
    if beyond:
        caption += f" Above the picture's edge (highest cost): {', '.join(beyond)}."
    return Figure(
        "frontier",
        "Cost against peak reduction",
        _says(found),
        caption,
        [*traces, _paper()],
        layout,
        height,
        tuple(map(strategy_key, found)),
    )


def _gaps(of_it: Sequence[Point]) -> list[Interval | None]:
    """Return each point's cost above the optimum, where that is known."""
    found = (values(runs, GAP) for *_, runs in of_it)
    return [interval(gap) if gap else None for gap in found]


def _gap_view(gaps: dict[str, list[Interval | None]]) -> list[float]:
    core = [gap.high for gap in gaps.get(HIGHLIGHT, ()) if gap]
    top = ROOM * max([LEAST_GAP_PERCENT, *core])
    return [-0.05 * top, top]


def _trace(
    strategy: str,
    of_it: Sequence[Point],
    gaps: Sequence[Interval | None] = (),
    panel: int = 0,
) -> Json:
    """Return a strategy's points: their costs, or their gaps if there are any."""
    drawn = look(strategy)
    heights = gaps or [cost for _, _, cost, _ in of_it]
    known = [(point, high) for point, high in zip(of_it, heights, strict=True) if high]
    known.sort(key=lambda each: each[0][1].mean)
    of_it = [point for point, _ in known]
    symbols = [
        drawn.symbol + ("-open" if overloaded(runs) else "") for *_, runs in of_it
    ]
    reductions = [reduction for _, reduction, _, _ in of_it]
    costs = [high for _, high in known]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": strategy,
        "legendgroup": strategy,
        "x": numbers([each.mean for each in reductions]),
        "y": numbers([each.mean for each in costs]),
        "yaxis": axis("y", panel),
        "error_x": _bars(reductions, drawn.colour),
        "error_y": _bars(costs, drawn.colour),
        "line": {"color": drawn.colour, "dash": drawn.dash, "width": drawn.width},
        "marker": {
            "symbol": symbols,
            "size": 10 if strategy == HIGHLIGHT else 8,
            "color": drawn.colour,
            "line": {"color": drawn.colour, "width": 1.5},
        },
        "text": [_hover(strategy, point) for point in of_it],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _bars(intervals: Sequence[Interval], colour: str) -> Json:
    return {
        "type": "data",
        "symmetric": False,
        "array": numbers([each.high - each.mean for each in intervals]),
        "arrayminus": numbers([each.mean - each.low for each in intervals]),
        "color": colour,
        "thickness": 1,
        "width": 3,
    }


def _hover(strategy: str, point: Point) -> str:
    limit, reduction, cost, runs = point
    at = "own limit" if limit is None else f"limit {limit:g} %"
    over = overloaded(runs)
    return (
        f"<b>{strategy}</b>, {at}<br>peak lower by {reduction.mean:.1f} %, "
        f"cost {cost.mean:+.2f} %<br>{len(runs)} seeds, "
        f"{over or 'none'} overloaded"
    )


def _paper() -> Json:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "paper",
        "legendgroup": "paper",
        "x": [PAPER_REDUCTION_PERCENT],
        "y": [PAPER_COST_PERCENT],
        "marker": {"symbol": "x", "size": 10, "color": "--ink"},
        "text": ["paper"],
        "textposition": "middle left",
        "hovertemplate": "paper: peak lower by 27 %, cost +4.6 %<extra></extra>",
    }


def _view(found: dict[str, list[Point]]) -> tuple[float, float]:
    """Return what the vertical axis must show: two-stage, the optimum, the paper."""
    costs = [cost for of_it in found.values() for _, _, cost, _ in of_it]
    core = [
        cost.high
        for name, of_it in found.items()
        if name in (HIGHLIGHT, OPTIMUM)
        for _, _, cost, _ in of_it
    ]
    top = ROOM * max([PAPER_COST_PERCENT, *core])
    low = min(0.0, *(cost.low for cost in costs))
    return low - 0.05 * (top - low), top


def _says(found: dict[str, list[Point]]) -> str:
    parts = []
    told = [name for name in (HIGHLIGHT, OPTIMUM) if name in found] or list(found)
    for name in told:
        of_points = ", ".join(
            f"peak lower by {number(reduction.mean, '.1f')} % "
            f"at {number(cost.mean, '+.2f')} % cost"
            + (" (overloaded)" if overloaded(runs) else "")
            for _, reduction, cost, runs in found[name]
        )
        parts.append(f"{name}: {of_points}")
    return "; ".join(parts) + ". The tables below have every point."
