"""Which buses, lines, transformers and homes there are, and how they hang together.

Every area is one SimBench low-voltage grid behind its own transformer; all
transformers hang on one medium-voltage bus of constant voltage. A meter stands at
every home load of SimBench (profiles ``H0-*``). SimBench's other loads in these grids
(shops, farms, heat pumps of its own) are **left out**: the homes, and what a scenario
gives them, are the whole load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.data import simbench_file

KVA_PER_MVA = 1e3
MV_BUS = "MV"
NO_AREA = -1
"""Area of the medium-voltage bus, which belongs to none."""

_DEGREES_PER_HOUR_OF_CLOCK = 30.0


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
class Network:
    """Areas on one medium-voltage bus, as tables.

    Names end in the number that SimBench gave: ``A-Bus-17`` is ``LV2.101 Bus 17``,
    ``A-Home-9`` is ``LV2.101 Load 9``. Homes are numbered area by area, in the order
    of SimBench's table of loads. The medium-voltage bus is row 0.
    """

    areas: tuple[str, ...]
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


def build(
    networks: Mapping[str, str],
    transformer_kva: Sequence[float],
    mv_voltage_pu: float = 1.025,
) -> Network:
    """Join packaged SimBench grids into one network.

    A transformer of another rating than SimBench's keeps its impedances and idle
    current in percent; its iron losses grow with the rating.

    Parameters
    ----------
    networks
        Area name -> SimBench code, e.g. ``{"A": "LV2.101"}``. Several areas may be
        of the same code.
    transformer_kva
        Rating of each area's transformer, in the order of `networks`.
    mv_voltage_pu
        Voltage of the medium-voltage bus.

    Raises
    ------
    ValueError
        If there is no area, a code is not packaged, or the ratings are not one
        positive number per area.
    """
    if not networks:
        raise ValueError("a network needs at least one area")
    rating_kva = np.asarray(transformer_kva, dtype=np.float64)
    if rating_kva.shape != (len(networks),):
        raise ValueError(f"{rating_kva.size} ratings for {len(networks)} areas")
    if not (np.isfinite(rating_kva) & (rating_kva > 0)).all():
        raise ValueError(f"transformer_kva must be above 0, not {rating_kva.tolist()}")
    if not 0 < mv_voltage_pu < np.inf:
        raise ValueError(f"mv_voltage_pu must be above 0, not {mv_voltage_pu}")
    with h5py.File(simbench_file()) as file:
        grids = file["grids"]
        unknown = sorted(set(networks.values()) - set(grids))
        if unknown:
            raise ValueError(f"no grids {unknown} in the package, only {sorted(grids)}")
        return _join(networks, rating_kva, mv_voltage_pu, grids)


def _join(
    networks: Mapping[str, str],
    rating_kva: FloatArray,
    mv_voltage_pu: float,
    grids: h5py.Group,
) -> Network:
    areas = tuple(networks)
    parts = [grids[code] for code in networks.values()]
    first_bus = np.cumsum([1, *(part["buses/id"].size for part in parts)])[:-1]

    def column(name: str) -> FloatArray:
        values = [part[name][:] for part in parts]
        return np.concatenate(values).astype(np.float64)

    def bus_column(name: str) -> IntArray:
        values = [part[name][:] + at for part, at in zip(parts, first_bus, strict=True)]
        return np.concatenate(values).astype(np.int64)

    def area_of_each(table: str) -> IntArray:
        counts = [part[f"{table}/id"].size for part in parts]
        return np.repeat(np.arange(len(parts)), counts)

    def names(table: str, kind: str) -> tuple[str, ...]:
        return tuple(
            f"{area}-{kind}-{simbench_id.rsplit(' ', 1)[1]}"
            for area, part in zip(areas, parts, strict=True)
            for simbench_id in part[f"{table}/id"].asstr()[:]
        )

    is_home = np.flatnonzero(column("loads/is_home"))
    load_names = names("loads", "Home")
    transformers = _transformers(parts, first_bus, rating_kva)
    low_voltage_area = area_of_each("buses")
    return Network(
        areas=areas,
        mv_voltage_pu=float(mv_voltage_pu),
        bus_names=(MV_BUS, *names("buses", "Bus")),
        bus_area=np.concatenate([[NO_AREA], low_voltage_area]),
        bus_kv=np.concatenate(
            [transformers.hv_kv[:1], transformers.lv_kv[low_voltage_area]]
        ),
        line_names=names("lines", "Line"),
        line_area=area_of_each("lines"),
        lines=Lines(
            from_bus=bus_column("lines/from_bus"),
            to_bus=bus_column("lines/to_bus"),
            length_km=column("lines/length_km"),
            r_ohm_per_km=column("lines/r_ohm_per_km"),
            x_ohm_per_km=column("lines/x_ohm_per_km"),
            c_nf_per_km=column("lines/c_nf_per_km"),
            max_i_ka=column("lines/max_i_ka"),
        ),
        transformer_names=tuple(f"{area}-Transformer" for area in areas),
        transformers=transformers,
        home_names=tuple(load_names[load] for load in is_home),
        home_area=area_of_each("loads")[is_home],
        home_bus=bus_column("loads/bus")[is_home],
    )


def _transformers(
    parts: list[h5py.Group], first_bus: IntArray, rating_kva: FloatArray
) -> Transformers:
    def each(name: str) -> FloatArray:
        return np.array([part.attrs[name] for part in parts], dtype=np.float64)

    def each_int(name: str) -> IntArray:
        return np.rint(each(name)).astype(np.int64)

    own_rating_kva = each("sn_mva") * KVA_PER_MVA
    return Transformers(
        hv_bus=np.zeros(len(parts), dtype=np.int64),
        lv_bus=each_int("lv_bus") + first_bus,
        rating_kva=rating_kva,
        hv_kv=each("vn_hv_kv"),
        lv_kv=each("vn_lv_kv"),
        vk_percent=each("vk_percent"),
        vkr_percent=each("vkr_percent"),
        pfe_kw=each("pfe_kw") * rating_kva / own_rating_kva,
        i0_percent=each("i0_percent"),
        clock=np.rint(each("shift_degree") / _DEGREES_PER_HOUR_OF_CLOCK).astype(
            np.int64
        ),
        tap_pos=each_int("tap_pos"),
        tap_neutral=each_int("tap_neutral"),
        tap_min=each_int("tap_min"),
        tap_max=each_int("tap_max"),
        tap_step_percent=each("tap_step_percent"),
    )
