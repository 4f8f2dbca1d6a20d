"""Checks that every customer got the service promised."""

import numpy as np

from mosaik_bottomup.certificate.check import (
    Check,
    beyond,
    nothing_beyond,
    where,
    worst,
)
from mosaik_bottomup.metrics import comfort_violation_kh
from mosaik_bottomup.results import BY_AREA, Results

ENERGY_TOLERANCE_KWH = 1e-6
"""Forgives rounding in the battery's exact step."""
MIS_ESTIMATED_KH_PER_DAY = 0.1
"""What a home that knows itself wrong may be outside its band in the mean of the days;
nothing where homes know themselves exactly, and comfort is kept by construction."""
HOURS_PER_DAY = 24.0


def qos_comfort(results: Results) -> Check:
    """Homes against their comfort band; figure: kelvin hours outside it.

    Homes that know themselves exactly are never outside it. Of those that do not
    (attribute ``parameter_error_percent``, missing in older files, whose homes all do),
    the worst home's mean day counts; a run shorter than a day is one day. A file that
    keeps areas only does not have the worst home: then the worst area's sum must be as
    small, which is more than was promised.
    """
    if not results.number("heat_pumps"):
        return Check(True, 0.0, "no heat pumps")
    is_each = results.keeps_sites
    group = "heat_pumps" if is_each else f"heat_pumps{BY_AREA}"
    outside_kh = comfort_violation_kh(results)
    total_kh = float(outside_kh.sum())
    text = f"{total_kh:.4f} K h outside the comfort band"
    if total_kh > 0.0:
        row, step = worst(outside_kh)
        text += (
            f", at worst {outside_kh[row, step] / results.step_h:.4f} K "
            f"{'in' if is_each else 'in all homes of'} "
            f"{where(results, group, row, step)}"
        )
    # The violation itself forgives COMFORT_TOLERANCE_K in each home and step.
    error_percent = float(results.attrs.get("parameter_error_percent", 0.0))
    if error_percent > 0.0:
        days = max(outside_kh.shape[1] * results.step_h / HOURS_PER_DAY, 1.0)
        worst_kh = float(outside_kh.sum(axis=1).max()) / days
        text += (
            f"; homes know themselves wrong by {error_percent:g} %, the worst "
            f"{'is' if is_each else 'area (its homes are not in the file) is'} "
            f"{worst_kh:.4f} K h a day outside, {MIS_ESTIMATED_KH_PER_DAY:g} allowed"
        )
        return Check(worst_kh <= MIS_ESTIMATED_KH_PER_DAY, total_kh, text)
    return Check(total_kh == 0.0, total_kh, text)


def qos_lock_outs(results: Results) -> Check:
    """Compressors against their lock-outs; figure: how often one was not respected."""
    if not results.number("heat_pumps"):
        return Check(True, 0.0, "0 breaches of a compressor's lock-out")
    group, name = "heat_pumps", "locked_breach"
    if not results.keeps_sites:
        group, name = f"heat_pumps{BY_AREA}", "locked_breach_sum"
    breaches = results.series(group, name)
    count = int(breaches.sum())
    text = f"{count} breaches of a compressor's lock-out"
    if count:
        row, step = worst(breaches)
        text += f", first of the worst in {where(results, group, row, step)}"
    return Check(count == 0, float(count), text)


def qos_state_of_charge(results: Results) -> Check:
    """Batteries against their reserve and their full; figure: kWh outside, at worst."""
    if not results.number("pv_batteries"):
        return Check(True, 0.0, "no batteries")
    if results.keeps_sites:
        group, site = "pv_batteries", results.static["pv_batteries"]
        outside_kwh = beyond(
            results.series(group, "energy_kwh"),
            site["energy_low_kwh"][:, None],
            site["energy_high_kwh"][:, None],
        )
    else:
        group = f"pv_batteries{BY_AREA}"
        # NaN where an area has none
        outside_kwh = np.nan_to_num(results.series(group, "outside_kwh"))
    return nothing_beyond(
        results,
        group,
        outside_kwh,
        ENERGY_TOLERANCE_KWH,
        "kWh outside the state of charge the customer allows",
    )
