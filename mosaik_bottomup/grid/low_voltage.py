"""What one low-voltage grid consists of: buses, lines, homes and one transformer.

A meter stands at every home load of SimBench (profiles ``H0-*``). SimBench's other
loads in these grids (shops, farms, heat pumps of its own) are **left out**: the homes,
and what a scenario gives them, are the whole load.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.data import network_names, simbench_file

KVA_PER_MVA = 1e3

_DEGREES_PER_HOUR_OF_CLOCK = 30.0

type Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Parameters of ``n`` lines, each field of shape ``(n,)``."""

    from_bus: IntArray
    to_bus: IntArray
    length_km: FloatArray
    r_ohm_per_km: FloatArray
    x_ohm_per_km: FloatArray
    c_nf_per_km: FloatArray
    max_i_ka: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Transformers:
    """Parameters of the areas' transformers, each field of shape ``(areas,)``.

    The tap is on the high-voltage side and changes the ratio, not the angle.
    """

    hv_bus: IntArray
    lv_bus: IntArray
    rating_kva: FloatArray
    hv_kv: FloatArray
    lv_kv: FloatArray
    vk_percent: FloatArray
    vkr_percent: FloatArray
    pfe_kw: FloatArray
    i0_percent: FloatArray
    clock: IntArray
    """Vector group number: the low-voltage side lags by 30 degrees times this."""
    tap_pos: IntArray
    tap_neutral: IntArray
    tap_min: IntArray
    tap_max: IntArray
    tap_step_percent: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LowVoltageGrid:
    """One grid behind one transformer; buses are rows of its own `bus_names`.

    Names are unique in the grid and hold no slash. They end in the number that SimBench
    gave: ``Bus-17`` is ``LV2.101 Bus 17``, ``Home-9`` is ``LV2.101 Load 9``; or in the
    index that a row has in the user's own file.
    """

    name: str
    """Grids of the same name are the same."""
    bus_names: Names
    line_names: Names
    lines: Lines
    home_names: Names
    home_bus: IntArray
    transformer: Transformers
    """One row; its `hv_bus` is outside and 0."""
    mv_kv: float
    """Nominal voltage of the busbar above the transformer."""
    lv_kv: float
    """Nominal voltage of its own buses."""


def packaged(codes: Iterable[str]) -> dict[str, LowVoltageGrid]:
    """Read packaged SimBench grids, each once.

    Raises
    ------
    ValueError
        If a code is not packaged.
    """
    wanted, known = sorted(set(codes)), network_names()
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise ValueError(f"no grids {unknown} in the package, only {list(known)}")
    with h5py.File(simbench_file()) as file:
        return {code: read_group(code, file["grids"][code]) for code in wanted}


def read_group(name: str, grid: h5py.Group) -> LowVoltageGrid:
    """Read a grid from an HDF5 group laid out as in `mosaik_bottomup.data.derive`."""

    def floats(column: str) -> FloatArray:
        return np.asarray(grid[column][:], dtype=np.float64)

    def rows(column: str) -> IntArray:
        return np.asarray(grid[column][:], dtype=np.int64)

    def names(table: str, kind: str) -> Names:
        ids = grid[f"{table}/id"].asstr()[:]
        return np.array([f"{kind}-{each.rsplit(' ', 1)[1]}" for each in ids])

    is_home = np.flatnonzero(rows("loads/is_home"))
    transformer = _transformer(grid)
    return LowVoltageGrid(
        name=name,
        bus_names=names("buses", "Bus"),
        line_names=names("lines", "Line"),
        lines=Lines(
            from_bus=rows("lines/from_bus"),
            to_bus=rows("lines/to_bus"),
            length_km=floats("lines/length_km"),
            r_ohm_per_km=floats("lines/r_ohm_per_km"),
            x_ohm_per_km=floats("lines/x_ohm_per_km"),
            c_nf_per_km=floats("lines/c_nf_per_km"),
            max_i_ka=floats("lines/max_i_ka"),
        ),
        home_names=names("loads", "Home")[is_home],
        home_bus=rows("loads/bus")[is_home],
        transformer=transformer,
        mv_kv=float(transformer.hv_kv[0]),
        lv_kv=float(transformer.lv_kv[0]),
    )


def _transformer(grid: h5py.Group) -> Transformers:
    def number(name: str) -> FloatArray:
        return np.array([grid.attrs[name]], dtype=np.float64)

    def whole(values: FloatArray) -> IntArray:
        return np.rint(values).astype(np.int64)

    return Transformers(
        hv_bus=np.zeros(1, dtype=np.int64),
        lv_bus=whole(number("lv_bus")),
        rating_kva=number("sn_mva") * KVA_PER_MVA,
        hv_kv=number("vn_hv_kv"),
        lv_kv=number("vn_lv_kv"),
        vk_percent=number("vk_percent"),
        vkr_percent=number("vkr_percent"),
        pfe_kw=number("pfe_kw"),
        i0_percent=number("i0_percent"),
        clock=whole(number("shift_degree") / _DEGREES_PER_HOUR_OF_CLOCK),
        tap_pos=whole(number("tap_pos")),
        tap_neutral=whole(number("tap_neutral")),
        tap_min=whole(number("tap_min")),
        tap_max=whole(number("tap_max")),
        tap_step_percent=number("tap_step_percent"),
    )
