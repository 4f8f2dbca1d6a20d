"""One zone of a user's pandapower network: its rows that are in service, joined.

Buses joined by closed switches are one; a line or a transformer with an open switch is
out of service.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower.auxiliary import pandapowerNet
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.grid.low_voltage import (
    KVA_PER_MVA,
    Lines,
    LowVoltageGrid,
    Transformers,
)

DEGREES_PER_HOUR_OF_CLOCK = 30.0
NO_TAP = 0.0
"""Position and step of a transformer without tap."""

type Table = pd.DataFrame
type Row = Any
"""One row of a table, as `itertuples` gives it."""


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """What of a network belongs to one zone, as tables of pandapower."""

    name: str
    bus: Table
    line: Table
    """Lines with both ends in the zone."""
    load: Table
    trafo: Table
    """Transformers with their low-voltage side in the zone."""
    leaving: dict[str, list[int]]
    """Rows, by table, that join the zone to other buses beside its transformers."""
    row: pd.Series
    """Row of the joined bus that each bus belongs to."""
    mv_kv: FloatArray
    """Nominal voltage above each transformer."""

    @property
    def joined(self) -> IntArray:
        """The first of the buses that each joined bus consists of."""
        first: IntArray = self.bus.index.to_numpy()[
            np.unique(self.row.to_numpy(), return_index=True)[1]
        ]
        return first

    def unreached(self) -> list[int]:
        """Return the joined buses that no line leads to from the transformer."""
        joined = self.joined
        ends = self.row[self.line.from_bus], self.row[self.line.to_bus]
        _, part = _parts(len(joined), *ends)
        home = part[self.row[self.trafo.lv_bus.iloc[0]]]
        unreached: list[int] = joined[part != home].tolist()
        return unreached


def zones(net: pandapowerNet) -> pd.Series:
    """Return the zone of each bus in service; numbers as text, "" for none."""
    return net.bus.zone[net.bus.in_service.astype(bool)].map(_zone_name)


def cut(net: pandapowerNet, name: str) -> Zone:
    """Return what belongs to a zone."""
    zone = zones(net)
    of_zone = zone.index[zone == name]
    bus, switch = net.bus.loc[of_zone], net.switch
    closed = switch[(switch.et == "b") & switch.closed.astype(bool)]
    closed = closed[closed.bus.isin(zone.index) & closed.element.isin(zone.index)]
    one, other = closed.bus.isin(of_zone), closed.element.isin(of_zone)
    joining = closed[one & other]
    place = pd.Series(np.arange(len(bus)), of_zone)
    _, part = _parts(len(bus), place[joining.bus], place[joining.element])
    line = _in_service(net, "line", "l", ["from_bus", "to_bus"])
    starts, ends = line.from_bus.isin(of_zone), line.to_bus.isin(of_zone)
    trafo = _in_service(net, "trafo", "t", ["hv_bus", "lv_bus"])
    below = trafo.hv_bus.isin(of_zone)
    above = trafo[trafo.lv_bus.isin(of_zone)]
    load = net.load[net.load.in_service.astype(bool)]
    return Zone(
        name,
        bus,
        line[starts & ends],
        load[load.bus.isin(of_zone)],
        above,
        {
            "line": line.index[starts ^ ends].tolist(),
            "switch": closed.index[one ^ other].tolist(),
            "trafo": trafo.index[below].tolist(),
        },
        pd.Series(pd.factorize(part)[0], of_zone),
        net.bus.vn_kv[above.hv_bus].to_numpy(np.float64),
    )


def grid_of(zone: Zone) -> LowVoltageGrid:
    """Return the grid of a zone that nothing is wrong with."""

    def names(kind: str, index: pd.Index) -> np.ndarray[Any, Any]:
        return np.array([f"{kind}-{each}" for each in index], dtype=np.str_)

    line, row = zone.line, zone.row

    def column(name: str) -> FloatArray:
        return np.asarray(line[name], dtype=np.float64)

    parallel = column("parallel")
    return LowVoltageGrid(
        name=zone.name,
        bus_names=names("Bus", pd.Index(zone.joined)),
        line_names=names("Line", line.index),
        lines=Lines(
            from_bus=row[line.from_bus].to_numpy(np.int64),
            to_bus=row[line.to_bus].to_numpy(np.int64),
            length_km=column("length_km"),
            r_ohm_per_km=column("r_ohm_per_km") / parallel,
            x_ohm_per_km=column("x_ohm_per_km") / parallel,
            c_nf_per_km=column("c_nf_per_km") * parallel,
            max_i_ka=column("max_i_ka") * parallel * column("df"),
        ),
        home_names=names("Home", zone.load.index),
        home_bus=row[zone.load.bus].to_numpy(np.int64),
        transformer=_transformer(zone),
        mv_kv=float(zone.mv_kv[0]),
        lv_kv=float(zone.bus.vn_kv.iloc[0]),
    )


def taps(trafo: Row) -> tuple[float, float, float, float, float]:
    """Return position, neutral, lowest, highest and step of a transformer's tap.

    What is missing is taken as neutral, and without a range the tap stays.
    """
    neutral = _given(trafo, "tap_neutral", NO_TAP)
    position = _given(trafo, "tap_pos", neutral)
    lowest = _given(trafo, "tap_min", min(position, neutral))
    highest = _given(trafo, "tap_max", max(position, neutral))
    return position, neutral, lowest, highest, _given(trafo, "tap_step_percent", NO_TAP)


def _transformer(zone: Zone) -> Transformers:
    (trafo,) = zone.trafo.itertuples()
    position, neutral, lowest, highest, step_percent = taps(trafo)

    def number(value: float) -> FloatArray:
        return np.array([value], dtype=np.float64)

    def whole(value: float) -> IntArray:
        return np.array([round(value)], dtype=np.int64)

    return Transformers(
        hv_bus=whole(0),
        lv_bus=whole(zone.row[trafo.lv_bus]),
        rating_kva=number(trafo.sn_mva * KVA_PER_MVA),
        hv_kv=number(trafo.vn_hv_kv),
        lv_kv=number(trafo.vn_lv_kv),
        vk_percent=number(trafo.vk_percent),
        vkr_percent=number(trafo.vkr_percent),
        pfe_kw=number(trafo.pfe_kw),
        i0_percent=number(trafo.i0_percent),
        clock=whole(trafo.shift_degree / DEGREES_PER_HOUR_OF_CLOCK),
        tap_pos=whole(position),
        tap_neutral=whole(neutral),
        tap_min=whole(lowest),
        tap_max=whole(highest),
        tap_step_percent=number(step_percent),
    )


def _in_service(net: pandapowerNet, kind: str, et: str, ends: list[str]) -> Table:
    """Return a table less what is out of service, itself, by switch or by bus."""
    table, switch = net[kind], net.switch
    opened = switch.element[(switch.et == et) & ~switch.closed.astype(bool)]
    alive = net.bus.index[net.bus.in_service.astype(bool)]
    on = table.in_service.astype(bool) & ~table.index.isin(opened)
    for end in ends:
        on &= table[end].isin(alive)
    return table[on]


def _parts(buses: int, one: pd.Series, other: pd.Series) -> tuple[int, IntArray]:
    """Return how many parts connections make of buses, and each bus's part."""
    pair = one.to_numpy(), other.to_numpy()
    graph = coo_array((np.ones(len(one)), pair), shape=(buses, buses))
    count, part = connected_components(graph, directed=False)
    return int(count), np.asarray(part, dtype=np.int64)


def _zone_name(zone: object) -> str:
    if pd.isna(zone):
        return ""
    if isinstance(zone, float) and zone.is_integer():
        return str(int(zone))
    return str(zone)


def _given(row: Row, column: str, missing: float) -> float:
    value = getattr(row, column, None)
    return missing if pd.isna(value) else float(value)  # type: ignore[arg-type]
