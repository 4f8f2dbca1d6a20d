"""Checks that every customer got the service promised."""

from mosaik_bottomup.certificate.check import (
    Check,
    beyond,
    nothing_beyond,
    where,
    worst,
)
from mosaik_bottomup.metrics import comfort_violation_kh
from mosaik_bottomup.results import Results

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
    the worst home's mean day counts; a run shorter than a day is one day.
    """
    if "heat_pumps" not in results.entities:
        return Check(True, 0.0, "no heat pumps")
    outside_kh = comfort_violation_kh(results)
    total_kh = float(outside_kh.sum())
    text = f"{total_kh:.4f} K h outside the comfort band"
    if total_kh > 0.0:
        row, step = worst(outside_kh)
        text += (
            f", at worst {outside_kh[row, step] / results.step_h:.4f} K "
            f"in {where(results, 'heat_pumps', row, step)}"
        )
    # The violation itself forgives COMFORT_TOLERANCE_K in each home and step.
    error_percent = float(results.attrs.get("parameter_error_percent", 0.0))
    if error_percent > 0.0:
        days = max(outside_kh.shape[1] * results.step_h / HOURS_PER_DAY, 1.0)
        worst_kh = float(outside_kh.sum(axis=1).max()) / days
        text += (
            f"; homes know themselves wrong by {error_percent:g} %, the worst is "
            f"{worst_kh:.4f} K h a day outside, {MIS_ESTIMATED_KH_PER_DAY:g} allowed"
        )
        return Check(worst_kh <= MIS_ESTIMATED_KH_PER_DAY, total_kh, text)
    return Check(total_kh == 0.0, total_kh, text)


def qos_lock_outs(results: Results) -> Check:
    """Compressors against their lock-outs; figure: how often one was not respected."""
    breaches = results.series("heat_pumps", "locked_breach") > 0
    count = int(breaches.sum())
    text = f"{count} breaches of a compressor's lock-out"
    if count:
        row, step = worst(breaches)
        text += f", first of the worst in {where(results, 'heat_pumps', row, step)}"
    return Check(count == 0, float(count), text)


def qos_state_of_charge(results: Results) -> Check:
    """Batteries against their reserve and their full; figure: kWh outside, at worst."""
    if "pv_batteries" not in results.entities:
        return Check(True, 0.0, "no batteries")
    energy_kwh = results.series("pv_batteries", "energy_kwh")
    site = results.static["pv_batteries"]
    outside_kwh = beyond(
        energy_kwh,
        site["energy_low_kwh"][:, None],
        site["energy_high_kwh"][:, None],
    )
    return nothing_beyond(
        results,
        "pv_batteries",
        outside_kwh,
        ENERGY_TOLERANCE_KWH,
        "kWh outside the state of charge the customer allows",
    )
