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


def qos_comfort(results: Results) -> Check:
    """Homes against their comfort band; figure: kelvin hours outside it."""
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
