"""The summary of a run, or of several side by side, as a table a person can read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

type Summary = Mapping[str, Any]

MISSING = "-"
LABEL_COLUMNS = 36
VALUE_COLUMNS = 30
"""Width of the table where there is no terminal to ask for it."""

MOST_AREAS = 12
"""That are shown one by one."""

_AREA_ROWS = (
    ("limit_kva", "limit [kVA]", ".0f", "lowest"),
    ("peak_loading_percent", "peak loading [%]", ".1f", "highest"),
    ("reverse_peak_loading_percent", "reverse peak loading [%]", ".1f", "highest"),
    ("overload_minutes", "overload [min]", ".0f", "total"),
    ("overload_kwh", "overload [kWh]", ".2f", "total"),
    ("peak_kw", "peak power [kW]", ".1f", "highest"),
    ("pv_curtailed_kwh", "PV curtailed [kWh]", ".1f", "total"),
)
"""And what is shown of them where areas are many."""
_OF_MANY: dict[str, Callable[[list[Any]], Any]] = {
    "lowest": min,
    "highest": max,
    "total": sum,
}
_CUSTOMER_ROWS = (
    ("customer_cost_dkk", "cost, end state settled [DKK]", ".2f"),
    ("customer_cost_raw_dkk", "cost, as billed [DKK]", ".2f"),
    ("comfort_violation_kh", "comfort violation [K h]", ".3f"),
    ("heat_pump_starts", "heat pump starts", ".0f"),
)
_NETWORK_ROWS = (
    ("voltage_min_pu", "lowest voltage [pu]", ".4f"),
    ("voltage_max_pu", "highest voltage [pu]", ".4f"),
    ("line_loading_max_percent", "highest line loading [%]", ".1f"),
)
_AGGREGATOR_ROWS = (
    ("scheduled_kwh", "scheduled [kWh]", ".1f"),
    ("delivered_kwh", "delivered [kWh]", ".1f"),
    ("traded_intraday_kwh", "traded intraday [kWh]", ".1f"),
    ("imbalance_kwh", "imbalance [kWh]", ".1f"),
    ("imbalance_cost_dkk", "imbalance cost [DKK]", ".2f"),
)

_ACTIVATION_ROWS = (
    ("minutes", "length [min]", ".0f"),
    ("ordered_kwh", "ordered, + more consumption [kWh]", "+.2f"),
    ("vetoed_kwh", "of that vetoed by the DSO [kWh]", "+.2f"),
    ("delivered_kwh", "delivered, off schedule [kWh]", "+.2f"),
    ("error_percent", "neither vetoed nor delivered [%]", ".2f"),
    ("rebound_percent", "highest load in 6 h after [% of limit]", ".1f"),
)


def titles(summaries: Sequence[Summary], stems: Sequence[str]) -> list[str]:
    """Name each run as briefly as tells them apart: strategy, or else file.

    Parameters
    ----------
    summaries
        As `mosaik_bottomup.metrics.summarise` makes them.
    stems
        File names without folder and ending.
    """
    strategies = [str(summary.get("strategy", MISSING)) for summary in summaries]
    return strategies if len(set(strategies)) == len(strategies) else list(stems)


def table(summaries: Sequence[Summary], names: Sequence[str]) -> Table:
    """Lay summaries side by side, with differences from the first in percent.

    Parameters
    ----------
    summaries
        As `mosaik_bottomup.metrics.summarise` makes them; at least one.
    names
        Heading of each.
    """
    first = summaries[0]
    heading = (
        f"{first.get('scenario', MISSING)}, seed {first.get('seed', MISSING)}, "
        f"{first.get('steps', MISSING)} steps of {first.get('step_s', MISSING)} s"
    )
    grid = Table(title=Text(heading), title_justify="left", header_style="bold")
    grid.add_column("", overflow="fold")
    for name in names:
        grid.add_column(Text(name), justify="right", overflow="fold")

    _areas(grid, summaries)
    _section(grid, "customers with controllable devices", _CUSTOMER_ROWS, summaries)
    _section(grid, "network", _NETWORK_ROWS, summaries)
    for name in _names(summaries, "aggregators"):
        inside = [_get(summary, "aggregators", name) for summary in summaries]
        _section(grid, f"aggregator {name}", _AGGREGATOR_ROWS, inside)
    _schedule_checks(grid, summaries)
    for name in _names(summaries, "activations"):
        inside = [_get(summary, "activations", name) for summary in summaries]
        _section(grid, f"activation {name}", _ACTIVATION_ROWS, inside)
    _certificate(grid, summaries)
    _run(grid, summaries)
    return grid


def _areas(grid: Table, summaries: Sequence[Summary]) -> None:
    """Show each area, or of many what is worst or all of them come to."""
    areas = _names(summaries, "areas")
    if len(areas) <= MOST_AREAS:
        rows = [row[:3] for row in _AREA_ROWS]
        for area in areas:
            inside = [_get(summary, "areas", area) for summary in summaries]
            _section(grid, f"area {area}", rows, inside)
        return
    together = [
        {
            key: _OF_MANY[which](found)
            for key, *_, which in _AREA_ROWS
            if (found := _of(summary, key))
        }
        for summary in summaries
    ]
    rows = [(key, f"{which} {label}", form) for key, label, form, which in _AREA_ROWS]
    _section(grid, f"{len(areas):,} areas (each: show --json)", rows, together)


def _of(summary: Summary, key: str) -> list[Any]:
    """Return what is known of the areas."""
    values = (area.get(key) for area in _get(summary, "areas").values())
    return [value for value in values if value is not None]


def _section(
    grid: Table,
    heading: str,
    rows: Sequence[tuple[str, str, str]],
    summaries: Sequence[Summary],
) -> None:
    grid.add_section()
    grid.add_row(Text(heading, style="bold"))
    for key, label, form in rows:
        values = [summary.get(key) for summary in summaries]
        cells = [
            _number(value, form)
            + (_difference(value, values[0], form) if column else "")
            for column, value in enumerate(values)
        ]
        grid.add_row(Text(f"  {label}"), *cells)


def _schedule_checks(grid: Table, summaries: Sequence[Summary]) -> None:
    """Say of each sale what the DSO's check found: rounds, margin, overload by area."""
    sales = _names(summaries, "schedule_checks")
    if not sales:
        return
    grid.add_section()
    grid.add_row(Text("schedules checked before they were sold (UTC)", style="bold"))
    for sale in sales:
        found = [_get(at, "schedule_checks", sale) for at in summaries]
        grid.add_row(Text(f"  {sale.removesuffix('+00:00')}"), *map(_finding, found))


def _finding(check: Summary) -> Text:
    if not check:
        return Text(MISSING)

    def areas(key: str, form: str) -> str:
        values = [value for name, value in check.items() if name.startswith(f"{key}.")]
        if len(values) > MOST_AREAS:
            ends = (format(end, form) for end in (min(values), max(values)))
            return " to ".join(dict.fromkeys(ends))
        return " / ".join(format(value, form) for value in values)

    rounds = check["rounds"]
    return Text(
        f"{rounds} round{'s' * (rounds != 1)}, "
        f"margin {areas('margin_percent', '.0f')} %, "
        f"overload {areas('overload_kw', '.1f')} kW"
    )


def _certificate(grid: Table, summaries: Sequence[Summary]) -> None:
    checks = _names(summaries, "certificate")
    if not checks:
        return
    grid.add_section()
    grid.add_row(Text("certificate", style="bold"))
    for check in checks:
        lines = [_get(at, "certificate", check) for at in summaries]
        cells = [_verdict(line, brief=len(lines) > 1) for line in lines]
        grid.add_row(Text(f"  {check.replace('_', ' ')}"), *cells)


def _verdict(check: Summary, brief: bool) -> Text:
    if "pass" not in check:
        return Text(MISSING)
    word, style = ("PASS", "green") if check["pass"] else ("FAIL", "bold red")
    figure = _number(check.get("figure"), ".4g")
    text = figure if brief else str(check.get("text", figure))
    return Text.assemble(f"{text}  ", (word, style))


def _run(grid: Table, summaries: Sequence[Summary]) -> None:
    grid.add_section()
    grid.add_row(Text("run", style="bold"))
    grid.add_row("  complete", *map(_completeness, summaries))
    wall = [_number(at.get("wall_time_s"), ".1f") for at in summaries]
    grid.add_row(Text("  wall time [s]"), *wall)
    median = [
        _number(_get(at, "step_time_ms").get("median"), ".1f") for at in summaries
    ]
    grid.add_row(Text("  time of a step, median [ms]"), *median)


def _completeness(summary: Summary) -> Text:
    if summary.get("complete"):
        return Text("yes")
    written, steps = summary.get("steps_written", MISSING), summary.get("steps")
    return Text(f"no, {written} of {steps} steps", style="bold red")


def _number(value: object, form: str) -> str:
    match value:
        case None:
            return MISSING
        case bool() | str():
            return str(value)
        case int() | float():
            return format(value, form)
        case _:
            return str(value)


def _difference(value: object, reference: object, form: str) -> str:
    if not (isinstance(value, int | float) and isinstance(reference, int | float)):
        return ""
    # what is shown as nothing, such as rounding, is no measure for a difference
    if not float(_number(reference, form)) or value == reference:
        return ""
    return f"  ({(value - reference) / abs(reference):+.1%})"


def _get(summary: Summary, *path: str) -> Summary:
    for part in path:
        summary = summary.get(part) or {}
    return summary


def _names(summaries: Iterable[Summary], group: str) -> list[str]:
    return list(dict.fromkeys(name for at in summaries for name in _get(at, group)))
