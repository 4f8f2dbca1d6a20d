"""What keeps a zone of a user's pandapower network from being an area."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from mosaik_bottomup.grid.own_zone import (
    DEGREES_PER_HOUR_OF_CLOCK,
    NO_TAP,
    Row,
    Zone,
    taps,
)

MOST_SHOWN = 5
"""Rows with the same fault that are listed."""
_ENDS = ("bus", "from_bus", "to_bus", "hv_bus", "mv_bus", "lv_bus")
_KNOWN = {"bus", "line", "load", "switch", "trafo"}
_ABOVE_ZERO = "must be a number above 0"
_NOT_BELOW_ZERO = "must be a number, 0 or above"
_LINE_COLUMNS = {
    "length_km": _ABOVE_ZERO,
    "r_ohm_per_km": _ABOVE_ZERO,
    "x_ohm_per_km": _NOT_BELOW_ZERO,
    "c_nf_per_km": _NOT_BELOW_ZERO,
    "max_i_ka": _ABOVE_ZERO,
    "parallel": _ABOVE_ZERO,
    "df": _ABOVE_ZERO,
}
_TRAFO_COLUMNS = {
    "sn_mva": _ABOVE_ZERO,
    "vn_hv_kv": _ABOVE_ZERO,
    "vn_lv_kv": _ABOVE_ZERO,
    "vk_percent": _ABOVE_ZERO,
    "vkr_percent": _NOT_BELOW_ZERO,
    "pfe_kw": _NOT_BELOW_ZERO,
    "i0_percent": _NOT_BELOW_ZERO,
    "shift_degree": "must be a number",
}
_LEAVES = {
    "line": "leaves its zone: both its buses must be in",
    "switch": "between buses, closed, leaves its zone: open it, or put both buses in",
    "trafo": "with its high-voltage side in the zone: leave the bus there out of",
}


class Fault(NamedTuple):
    """One thing wrong with a zone."""

    key: str
    """Table and column."""
    value: str
    remedy: str


def faults(net: pandapowerNet, zone: Zone) -> Iterator[Fault]:
    """Find everything that is wrong with a zone."""
    of = f"zone {zone.name}"
    if zone.load.empty:
        yield Fault("load.bus", of, "has no load in service: each stands for a home")
    for kind, rows in zone.leaving.items():
        if rows:
            yield Fault(
                kind, f"{of}: {_listed(rows)}", f"a {kind} {_LEAVES[kind]} {of}"
            )
    yield from _foreign(net, zone)
    if zone.bus.vn_kv.nunique() != 1 or not (zone.bus.vn_kv > 0).all():
        shown = ", ".join(f"{kv:g}" for kv in sorted(zone.bus.vn_kv.unique()))
        yield Fault("bus.vn_kv", f"{of}: {shown}", "must be one voltage in all a zone")
    yield from _wrong_numbers(zone.line, "line", _LINE_COLUMNS, of)
    bridged = zone.line[
        zone.row[zone.line.from_bus].to_numpy() == zone.row[zone.line.to_bus].to_numpy()
    ]
    if len(bridged):
        yield Fault(
            "line.to_bus",
            f"{of}: {_listed(bridged.index)}",
            "a line from a bus to itself, or bridged by closed switches: take it out "
            "of service",
        )
    if "g_us_per_km" in zone.line:
        lossy = zone.line.index[zone.line.g_us_per_km.fillna(0.0) != 0.0]
        if len(lossy):
            yield Fault(
                "line.g_us_per_km", f"{of}: {_listed(lossy)}", "must be 0: not modelled"
            )
    if len(zone.trafo) != 1:
        yield Fault(
            "trafo.lv_bus",
            f"{of}: {_listed(zone.trafo.index) if len(zone.trafo) else 'none'}",
            "a zone needs exactly one transformer in service with its low-voltage side "
            f"in the zone, and there are {len(zone.trafo)}",
        )
        return
    yield from _wrong_numbers(zone.trafo, "trafo", _TRAFO_COLUMNS, of)
    yield from _transformer(zone)
    if unreached := zone.unreached():
        yield Fault(
            "bus",
            f"{of}: {_listed(unreached)}",
            "no line in service leads there from the transformer: join them, or set "
            "their in_service to false",
        )


def _foreign(net: pandapowerNet, zone: Zone) -> Iterator[Fault]:
    """Find elements in service that an area has no place for."""
    for kind in sorted(net):
        table = net[kind]
        if kind.startswith(("_", "res_")) or not isinstance(table, pd.DataFrame):
            continue
        ends = [end for end in _ENDS if end in table and kind not in _KNOWN]
        touching = table[ends].isin(zone.bus.index).any(axis=1)
        if "in_service" in table:
            touching &= table.in_service.astype(bool)
        if touching.any():
            yield Fault(
                kind,
                f"zone {zone.name}: {_listed(table.index[touching])}",
                "an area has buses, lines, loads and one two-winding transformer, and "
                "the scenario adds the devices: take it out, or out of service",
            )
    resistive = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    resistive = resistive[resistive.bus.isin(zone.bus.index)]
    resistive = resistive.index[resistive.z_ohm.fillna(0.0) != 0.0]
    if len(resistive):
        yield Fault(
            "switch.z_ohm", f"zone {zone.name}: {_listed(resistive)}", "must be 0"
        )


def _wrong_numbers(
    table: pd.DataFrame, kind: str, columns: dict[str, str], of: str
) -> Iterator[Fault]:
    for column, remedy in columns.items():
        if column not in table:
            yield Fault(f"{kind}.{column}", f"{of}: missing", remedy)
            continue
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        good = np.isfinite(values)
        if remedy == _ABOVE_ZERO:
            good &= values > 0
        elif remedy == _NOT_BELOW_ZERO:
            good &= values >= 0
        if not good.all():
            first = table[column].to_numpy()[~good][0]
            rows = _listed(table.index[~good])
            yield Fault(f"{kind}.{column}", f"{of}: {first} in {rows}", remedy)


def _transformer(zone: Zone) -> Iterator[Fault]:
    (trafo,) = zone.trafo.itertuples()
    where = f"zone {zone.name}: row {trafo.Index}: "
    for column, value, good, remedy in _conditions(trafo):
        if not good:
            yield Fault(f"trafo.{column}", f"{where}{value}", remedy)


def _conditions(trafo: Row) -> Iterator[tuple[str, object, bool, str]]:
    """Yield column, value, whether it is as it must be, and how it must be."""
    position, neutral, lowest, highest, step_percent = taps(trafo)
    moved = position != neutral and step_percent != NO_TAP

    def extra(column: str, missing: Any) -> Any:
        value = getattr(trafo, column, None)
        return missing if pd.isna(value) else value

    clock = extra("shift_degree", 0.0) / DEGREES_PER_HOUR_OF_CLOCK
    yield (
        "shift_degree",
        extra("shift_degree", 0.0),
        not np.isfinite(clock) or float(clock).is_integer(),
        "must be a multiple of 30",
    )
    yield (
        "vkr_percent",
        extra("vkr_percent", 0.0),
        not extra("vkr_percent", 0.0) > extra("vk_percent", np.inf),
        "must not be above vk_percent",
    )
    for column in ("parallel", "df"):
        value = extra(column, 1)
        yield column, value, value == 1, "must be 1: make it one larger transformer"
    whole = all(float(tap).is_integer() for tap in (position, neutral, lowest, highest))
    yield "tap_pos", position, whole, "must be whole, and so tap_neutral, _min and _max"
    yield (
        "tap_pos",
        position,
        lowest <= position <= highest,
        f"must be from tap_min = {lowest:g} to tap_max = {highest:g}",
    )
    side, kind = extra("tap_side", ""), extra("tap_changer_type", "none")
    at_neutral = f"or tap_pos = tap_neutral = {neutral:g}"
    yield "tap_side", side, not moved or side == "hv", f"must be hv, {at_neutral}"
    yield (
        "tap_changer_type",
        kind,
        not moved or kind == "Ratio",
        f'must be "Ratio" for the tap to count, {at_neutral}',
    )
    angle = extra("tap_step_degree", 0.0)
    yield (
        "tap_step_degree",
        angle,
        position == neutral or angle == 0,
        f"must be 0, {at_neutral}",
    )
    second, its_neutral = (extra(f"tap2_{it}", 0.0) for it in ("pos", "neutral"))
    yield "tap2_pos", second, second == its_neutral, "must be tap2_neutral"
    table = extra("tap_dependency_table", False)
    yield "tap_dependency_table", table, not table, "must be false"


def _listed(rows: Iterable[int]) -> str:
    """Name rows of a table, and not too many."""
    every = list(rows)
    shown = ", ".join(map(str, every[:MOST_SHOWN]))
    more = f" and {len(every) - MOST_SHOWN} more" if len(every) > MOST_SHOWN else ""
    return f"row{'s' if len(every) > 1 else ''} {shown}{more}"
