"""How each transformer is loaded over the day under each strategy."""

from mosaik_bottomup.app.report.figure import (
    Figure,
    Key,
    line,
    line_over_time,
    panels,
    strategy_key,
    time_axis,
)
from mosaik_bottomup.app.report.runs import Evidence, zone
from mosaik_bottomup.app.report.style import HIGHLIGHT
from mosaik_bottomup.metrics import loading_limit_percent

PANEL_PX = 230
LIMIT = Key("limit", "limit", "--limit", "dash", 1.5)


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
    for row in range(len(areas)):
        layout[f"yaxis{row + 1 if row else ''}"]["rangemode"] = "tozero"
        limit = [round(float(limit_percent[row]), 2)] * 2
        traces.append(line(LIMIT, x_axis["range"], limit, row, "%{y:.1f} %"))
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
