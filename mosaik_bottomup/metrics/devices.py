"""What was asked of the devices: starts, lock-outs, cycles, and use of the sun."""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results

HOURS_PER_DAY = 24.0


def heat_pump_starts(results: Results) -> int:
    """Return how often a heat pump went from off to on between two recorded steps."""
    on = results.series("heat_pumps", "on") > 0
    return int((on[:, 1:] & ~on[:, :-1]).sum())


def pv_curtailed_kwh(results: Results) -> FloatArray:
    """Return the PV energy not used, ``Σ_ik h · curtailed_ik``, shape (area,)."""
    areas = len(results.entities["areas"])
    if not results.number("pv_batteries"):
        return np.zeros(areas)
    by_site_kwh: FloatArray = results.sums("pv_batteries", "curtailed_kw").sum(axis=1)
    by_site_kwh = by_site_kwh * results.step_h
    if not results.keeps_sites:
        return by_site_kwh
    rows = results.static["pv_batteries"]["area"].astype(np.int64)
    by_area_kwh = np.zeros(areas)
    np.add.at(by_area_kwh, rows, by_site_kwh)
    return by_area_kwh


def starts_per_day(results: Results) -> float:
    """Return the starts of a mean compressor in a day; 0 where there is none."""
    pumps = len(results.entities.get("heat_pumps", ()))
    days = results.steps_written * results.step_h / HOURS_PER_DAY
    return heat_pump_starts(results) / (pumps * days) if pumps else 0.0


def lock_out_violations(results: Results) -> int:
    """Return in how many steps a compressor's minimum run or rest was cut short."""
    return int(results.sums("heat_pumps", "locked_breach").sum())


def full_cycles(energy_kwh: FloatArray, capacity_kwh: FloatArray) -> FloatArray:
    """Return equivalent full cycles, ``Σ_k |E_k − E_k−1| / (2·E_max)``, shape (site,).

    Half a cycle charges from empty to full, the other half discharges; charge that is
    only half put through counts half.

    Parameters
    ----------
    energy_kwh
        Stored energy, that at the start first, shape (site, time + 1).
    capacity_kwh
        Usable capacity, shape (site,).
    """
    moved_kwh = np.abs(np.diff(energy_kwh, axis=1)).sum(axis=1)
    cycles: FloatArray = moved_kwh / (2.0 * capacity_kwh)
    return cycles


def battery_full_cycles(results: Results) -> FloatArray:
    """Return the equivalent full cycles of each battery in a run, shape (site,)."""
    if "pv_batteries" not in results.entities:
        return np.empty(0)
    site = results.static["pv_batteries"]
    energy_kwh = results.series("pv_batteries", "energy_kwh")
    return full_cycles(
        np.column_stack([site["start_energy_kwh"], energy_kwh]), site["capacity_kwh"]
    )


def self_consumed_kw(
    used_pv_kw: FloatArray, load_kw: FloatArray, battery_kw: FloatArray
) -> FloatArray:
    """Return the PV power that stays in its home, shape (site, time).

    ``min(PV, load + charging)``: what the home takes or stores when the sun gives it
    (Luthander, Widén, Nilsson and Palm, Photovoltaic self-consumption in buildings: a
    review, 2015, doi:10.1016/j.apenergy.2014.12.028, equation 2 with the battery as
    a load). A battery that discharges at the same time does not take from it.
    """
    return np.minimum(used_pv_kw, load_kw + np.maximum(battery_kw, 0.0))


def pv_energies_kwh(results: Results) -> tuple[float, float, float]:
    """Return the PV energy available, used, and self-consumed in a run."""
    available_kw = results.series("pv_batteries", "pv_kw")
    used_kw = available_kw - results.series("pv_batteries", "curtailed_kw")
    stays_kw = self_consumed_kw(
        used_kw,
        results.series("pv_batteries", "load_kw"),
        results.series("pv_batteries", "battery_kw"),
    )
    available, used, stays = (
        float(each.sum()) * results.step_h for each in (available_kw, used_kw, stays_kw)
    )
    return available, used, stays
