"""How areas hang on the medium voltage: feeders, and the limits that areas share.

A feeder is a chain of cable sections, from the busbar to its first area and from each
area to the next. Its limit is a power through its first section. Above all feeders
stands the HV/MV transformer, whose on-load tap changer keeps the busbar's voltage; its
limit is the power that the busbar takes, and its own losses lie above the busbar.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.grid.low_voltage import Lines

HV_MV = "HV-MV"
"""Name of the transformer above the feeders."""
BUSBAR = 0
"""Row of the medium-voltage busbar among the buses."""

CABLES = {
    # ohm/km, ohm/km, nF/km, kA
    "NA2XS2Y 1x70": (0.443, 0.132, 190.0, 0.220),
    "NA2XS2Y 1x95": (0.313, 0.132, 216.0, 0.252),
    "NA2XS2Y 1x120": (0.253, 0.119, 230.0, 0.283),
    "NA2XS2Y 1x150": (0.206, 0.116, 250.0, 0.319),
    "NA2XS2Y 1x185": (0.161, 0.117, 273.0, 0.362),
    "NA2XS2Y 1x240": (0.122, 0.112, 304.0, 0.421),
}
"""Resistance, reactance, capacitance and rated current of 12/20 kV cables with RM/25
conductors: the standard types of pandapower 3.5, after cable makers' data sheets."""

_FREQUENCY_HZ = 50.0
_WATT_PER_KW = 1e3
_PERCENT = 100.0
_KVAR_PER_NF_KV2 = 2.0 * np.pi * _FREQUENCY_HZ * 1e-6  # 1e-9 F · 1e6 V² / 1e3 var


@dataclass(frozen=True, slots=True)
class Feeder:
    """A medium-voltage line through some areas."""

    name: str
    areas: tuple[str, ...]
    """Names along it, from the busbar outward."""
    limit_kva: float
    """What may flow through its first section, in either direction."""
    length_km: float
    """Of each section."""
    cable: str
    """One of `CABLES`."""


@dataclass(frozen=True, slots=True, eq=False)
class CongestionPoints:
    """Limits that several of ``a`` areas share, ``m`` in all.

    The feeders come first, then the HV/MV transformer if it has a limit.
    """

    names: tuple[str, ...]
    member: BoolArray
    """Which areas lie behind each, shape ``(m, a)``."""
    limit_kva: FloatArray
    """Shape ``(m,)``."""
    feeders: tuple[Feeder, ...]
    along: tuple[IntArray, ...]
    """Of each feeder the rows of its areas, from the busbar outward."""
    heads: IntArray
    """Of each feeder the row of its first section among the network's lines."""

    @property
    def sections(self) -> int:
        """Sections of all feeders."""
        return sum(rows.size for rows in self.along)


def congestion_points(
    areas: Sequence[str], feeders: Sequence[Feeder], hv_mv_kva: float, first_line: int
) -> CongestionPoints:
    """Return the shared limits of a network.

    Parameters
    ----------
    areas
        Names of all areas.
    feeders
        What there is between busbar and areas.
    hv_mv_kva
        Limit of the HV/MV transformer; 0 for none.
    first_line
        Row of the first section among the lines; the others follow, feeder by feeder.

    Raises
    ------
    ValueError
        If a feeder names an area that there is not, or one that hangs already.
    """
    row_of = {area: row for row, area in enumerate(areas)}
    named = [area for feeder in feeders for area in feeder.areas]
    if len(set(named)) < len(named) or not set(named) <= row_of.keys():
        raise ValueError("feeders must name areas there are, and each but once")
    along = tuple(
        np.array([row_of[area] for area in feeder.areas]) for feeder in feeders
    )
    above = 1 if hv_mv_kva else 0
    member = np.zeros((len(feeders) + above, len(areas)), dtype=bool)
    for feeder, rows in enumerate(along):
        member[feeder, rows] = True
    member[len(feeders) :] = True
    names = [each.name for each in feeders]
    limits_kva = [each.limit_kva for each in feeders]
    sections = [rows.size for rows in along]
    return CongestionPoints(
        names=(*names, *[HV_MV] * above),
        member=member,
        limit_kva=np.array([*limits_kva, *[hv_mv_kva] * above], dtype=np.float64),
        feeders=tuple(feeders),
        along=along,
        heads=first_line + np.cumsum([0, *sections], dtype=np.int64)[:-1],
    )


def section_lines(points: CongestionPoints, first_bus: int) -> Lines:
    """Return all sections as lines; each ends at a bus of its own, from `first_bus`."""
    to_bus = first_bus + np.arange(points.sections)
    from_bus = to_bus - 1
    from_bus[points.heads - points.heads[:1].sum()] = BUSBAR
    sizes = [rows.size for rows in points.along]
    r, x, c, i = (
        np.repeat([CABLES[each.cable] for each in points.feeders], sizes, axis=0)
        .reshape(-1, 4)
        .T
    )
    return Lines(
        from_bus=from_bus,
        to_bus=to_bus,
        length_km=np.repeat([each.length_km for each in points.feeders], sizes),
        r_ohm_per_km=r,
        x_ohm_per_km=x,
        c_nf_per_km=c,
        max_i_ka=i,
    )


def power_of_points(
    points: CongestionPoints,
    into_lines: FloatArray,
    into_transformers: FloatArray,
    hv_bus: IntArray,
) -> FloatArray:
    """Return what flows from the busbar into each point, shape ``(m, ...)``.

    Parameters
    ----------
    points
        The shared limits.
    into_lines : (lines, ...) array
        Active or reactive power at the lines' first ends.
    into_transformers : (areas, ...) array
        The same at the areas' transformers.
    hv_bus : (areas,) array
        Their buses: some may hang on the busbar itself.
    """
    heads = into_lines[points.heads]
    direct = into_transformers[hv_bus == BUSBAR]
    total = heads.sum(axis=0) + direct.sum(axis=0)
    return np.concatenate([heads, total[None]])[: len(points.names)]


def loading_of_points(
    points: CongestionPoints, p_kw: FloatArray, q_kvar: FloatArray
) -> FloatArray:
    """Return apparent power in percent of each limit, ``(m, ...)`` as the powers."""
    limit_kva = points.limit_kva.reshape(-1, *(1,) * (p_kw.ndim - 1))
    percent: FloatArray = _PERCENT * np.hypot(p_kw, q_kvar) / limit_kva
    return percent


def feeder_losses(
    feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray, voltage_kv: float
) -> tuple[FloatArray, FloatArray]:
    r"""Return active and reactive losses of a feeder's sections, shape of one area.

    .. math:: \Delta S = \sum_s (R + \mathrm jX)\,|S_s|^2 / V^2 - \mathrm j\omega C V^2

    with :math:`S_s` what all areas beyond section `s` take and :math:`V` the busbar's
    voltage all along.

    Parameters
    ----------
    feeder
        The feeder.
    p_kw, q_kvar : (areas along it, ...) array
        Power into the areas' transformers, from the busbar outward.
    voltage_kv
        Of the busbar.
    """
    r, x, c, _ = (feeder.length_km * each for each in CABLES[feeder.cable])
    through = _beyond(p_kw) ** 2 + _beyond(q_kvar) ** 2
    ampere2 = through.sum(axis=0) / voltage_kv**2
    charging_kvar = len(feeder.areas) * c * voltage_kv**2 * _KVAR_PER_NF_KV2
    return r * ampere2 / _WATT_PER_KW, x * ampere2 / _WATT_PER_KW - charging_kvar


def lowest_voltage_pu(
    points: CongestionPoints, busbar_pu: float, busbar_kv: float
) -> FloatArray:
    """Return the voltage at each area while its feeder carries its limit, ``(a,)``.

    The areas share the limit evenly. Each section drops at most its impedance times
    its current.
    """
    lowest = np.full(points.member.shape[1], busbar_pu)
    for feeder, rows in zip(points.feeders, points.along, strict=True):
        r, x, _, _ = (feeder.length_km * each for each in CABLES[feeder.cable])
        beyond_kva = feeder.limit_kva * np.arange(rows.size, 0, -1) / rows.size
        drop_kv = np.hypot(r, x) * beyond_kva / (busbar_pu * busbar_kv) / _WATT_PER_KW
        lowest[rows] -= np.cumsum(drop_kv) / busbar_kv
    return lowest


def _beyond(values: FloatArray) -> FloatArray:
    """Sum over all areas at or beyond each section."""
    sums: FloatArray = np.cumsum(values[::-1], axis=0)[::-1]
    return sums
