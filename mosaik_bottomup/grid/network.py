"""Which buses, lines, transformers and homes there are, and how they hang together.

Every area is one low-voltage grid behind its own transformer. The transformers hang on
one medium-voltage busbar of constant voltage, or on feeders from there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.grid.low_voltage import (
    Lines,
    LowVoltageGrid,
    Names,
    Transformers,
    packaged,
)
from mosaik_bottomup.grid.medium_voltage import (
    CongestionPoints,
    Feeder,
    congestion_points,
    section_lines,
)

MV_BUS = "MV"
NO_AREA = -1
"""Area of what belongs to none: medium-voltage buses and lines."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Areas on one medium-voltage busbar, as tables.

    Names are those of the grids after the area's: ``A-Bus-17``. Homes are numbered area
    by area, in the order of their grid. The busbar is row 0 of the buses; buses and
    lines of feeders come last.
    """

    areas: tuple[str, ...]
    grids: tuple[LowVoltageGrid, ...]
    """What each area is a copy of, ``(areas,)``."""
    mv_voltage_pu: float
    bus_names: tuple[str, ...]
    bus_area: IntArray
    bus_kv: FloatArray
    line_names: tuple[str, ...]
    line_area: IntArray
    lines: Lines
    transformer_names: tuple[str, ...]
    transformers: Transformers
    home_names: tuple[str, ...]
    home_area: IntArray
    home_bus: IntArray
    points: CongestionPoints
    """Limits that areas share."""


def build(
    networks: Mapping[str, str],
    transformer_kva: Sequence[float] | FloatArray,
    mv_voltage_pu: float = 1.025,
    feeders: Sequence[Feeder] = (),
    hv_mv_kva: float = 0.0,
) -> Network:
    """Join packaged SimBench grids into one network.

    Parameters
    ----------
    networks
        Area name -> SimBench code, e.g. ``{"A": "LV2.101"}``. Several areas may be
        of the same code.
    transformer_kva
        Rating of each area's transformer, in the order of `networks`.
    mv_voltage_pu
        Voltage of the medium-voltage busbar.
    feeders
        Between busbar and areas; an area on none hangs on the busbar itself.
    hv_mv_kva
        Limit of the HV/MV transformer above the busbar; 0 for none.

    Raises
    ------
    ValueError
        If there is no area, a code is not packaged, the ratings are not one positive
        number per area, or feeders are no tree.
    """
    grids = packaged(networks.values())
    areas = {area: grids[code] for area, code in networks.items()}
    return join(areas, transformer_kva, mv_voltage_pu, feeders, hv_mv_kva)


def join(
    grids: Mapping[str, LowVoltageGrid],
    transformer_kva: Sequence[float] | FloatArray,
    mv_voltage_pu: float = 1.025,
    feeders: Sequence[Feeder] = (),
    hv_mv_kva: float = 0.0,
) -> Network:
    """Join grids, by area name, into one network; otherwise like `build`.

    A transformer of another rating than the grid's own keeps its impedances and idle
    current in percent; its iron losses grow with the rating.

    Raises
    ------
    ValueError
        As `build` does, and if the areas are made for busbars of different voltages.
    """
    if not grids:
        raise ValueError("a network needs at least one area")
    rating_kva = np.asarray(transformer_kva, dtype=np.float64)
    if rating_kva.shape != (len(grids),):
        raise ValueError(f"{rating_kva.size} ratings for {len(grids)} areas")
    if not (np.isfinite(rating_kva) & (rating_kva > 0)).all():
        raise ValueError(f"transformer_kva must be above 0, not {rating_kva.tolist()}")
    if not 0 < mv_voltage_pu < np.inf:
        raise ValueError(f"mv_voltage_pu must be above 0, not {mv_voltage_pu}")
    areas, parts = tuple(grids), list(grids.values())
    mv_kv = np.array([part.mv_kv for part in parts])
    if not (mv_kv == mv_kv[0]).all():
        raise ValueError(
            f"one busbar cannot have the voltages {set(mv_kv.tolist())} kV"
        )
    lines = _stacked([part.lines for part in parts])
    transformers = _stacked([part.transformer for part in parts])
    bus_area, line_area, home_area = (
        np.repeat(np.arange(len(parts)), [len(each) for each in tables])
        for tables in (
            [part.bus_names for part in parts],
            [part.line_names for part in parts],
            [part.home_names for part in parts],
        )
    )
    # the busbar comes first, and feeders last
    first_bus = 1 + np.searchsorted(bus_area, np.arange(len(parts)))
    points = congestion_points(areas, feeders, hv_mv_kva, line_area.size)
    of_feeders = section_lines(points, 1 + bus_area.size)
    no_area = np.full(points.sections, NO_AREA)
    hv_bus = transformers.hv_bus.copy()
    for rows, head in zip(points.along, points.heads, strict=True):
        hv_bus[rows] = of_feeders.to_bus[head - line_area.size :][: rows.size]
    lv_kv = np.array([part.lv_kv for part in parts])
    lines = replace(
        lines,
        from_bus=lines.from_bus + first_bus[line_area],
        to_bus=lines.to_bus + first_bus[line_area],
    )

    def names(of_each: list[Names], area: IntArray) -> tuple[str, ...]:
        prefixes = np.array([f"{name}-" for name in areas])[area]
        return tuple(np.strings.add(prefixes, np.concatenate(of_each)).tolist())

    return Network(
        areas=areas,
        grids=tuple(parts),
        mv_voltage_pu=float(mv_voltage_pu),
        bus_names=(
            MV_BUS,
            *names([part.bus_names for part in parts], bus_area),
            *(f"{area}-{MV_BUS}" for feeder in feeders for area in feeder.areas),
        ),
        bus_area=np.concatenate([[NO_AREA], bus_area, no_area]),
        bus_kv=np.concatenate(
            [mv_kv[:1], lv_kv[bus_area], np.repeat(mv_kv[0], no_area.size)]
        ),
        line_names=(
            *names([part.line_names for part in parts], line_area),
            *(f"{area}-Feeder" for feeder in feeders for area in feeder.areas),
        ),
        line_area=np.concatenate([line_area, no_area]),
        lines=_stacked([lines, of_feeders]),
        transformer_names=tuple(f"{area}-Transformer" for area in areas),
        transformers=replace(
            transformers,
            hv_bus=hv_bus,
            lv_bus=transformers.lv_bus + first_bus,
            rating_kva=rating_kva,
            pfe_kw=transformers.pfe_kw * rating_kva / transformers.rating_kva,
        ),
        home_names=names([part.home_names for part in parts], home_area),
        home_area=home_area,
        home_bus=np.concatenate([part.home_bus for part in parts])
        + first_bus[home_area],
        points=points,
    )


def alike(network: Network) -> tuple[IntArray, IntArray]:
    """Group the areas of the same grid behind a transformer of the same rating.

    Returns
    -------
    representatives : (kinds,) array
        The first area of each kind, in the order of the areas.
    kind : (areas,) array
        To which of them each area is alike.
    """
    ratings = network.transformers.rating_kva.tolist()
    names = (grid.name for grid in network.grids)
    described = list(zip(names, ratings, strict=True))
    first = {each: row for row, each in reversed(list(enumerate(described)))}
    rows = np.array([first[each] for each in described])
    representatives, kind = np.unique(rows, return_inverse=True)
    return representatives, kind


def take(network: Network, areas: IntArray) -> Network:
    """Return some areas as a network of their own, all of them on its busbar."""
    return join(
        {network.areas[row]: network.grids[row] for row in areas.tolist()},
        network.transformers.rating_kva[areas],
        network.mv_voltage_pu,
    )


def _stacked[Table: (Lines, Transformers)](parts: Sequence[Table]) -> Table:
    kind = type(parts[0])
    return kind(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(kind)
        }
    )
