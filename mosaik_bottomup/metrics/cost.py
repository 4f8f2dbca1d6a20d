"""What customers with a device pay, in all and home by home.

A home's cost is the bill of the meter its device is behind, and its battery's wear.
"""

import math
from collections.abc import Mapping

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import BY_AREA, Results

WORSE_OFF_TOLERANCE_DKK = 0.01
"""One øre in the whole run: the least a bill can show."""
DECILE = 10


def customer_cost_raw_dkk(results: Results) -> float:
    """Return what all customers with a device paid: bills and battery wear."""
    return float(
        results.sums("heat_pumps", "bill_dkk").sum()
        + results.sums("pv_batteries", "bill_dkk").sum()
        + results.sums("pv_batteries", "wear_dkk").sum()
    )


def customer_cost_dkk(results: Results) -> float:
    """Return the raw cost less the worth of what is stored at the end beyond the start.

    A kWh of electricity that need not be bought later is worth the run's mean import
    price, so that no run looks cheap by leaving houses cold and batteries empty:
    ``raw − mean(π) · (stored heat + stored charge)``.
    """
    price_dkk_per_kwh = float(results.series("market", "import_price").mean())
    stored_kwh = float(
        stored_heat_kwh(results).sum() + stored_charge_kwh(results).sum()
    )
    return customer_cost_raw_dkk(results) - price_dkk_per_kwh * stored_kwh


def stored_heat_kwh(results: Results) -> FloatArray:
    """Return heat kept beyond the start, as electricity; by home, else by area."""
    if f"heat_pumps{BY_AREA}" in results.entities:
        return results.series(f"heat_pumps{BY_AREA}", "stored_kwh")[:, -1]
    if "heat_pumps" not in results.entities:
        return np.empty(0)
    air_c, floor_c = (
        results.series("heat_pumps", name)[:, -1] for name in ("air_c", "floor_c")
    )
    return heat_beyond_kwh(results.static["heat_pumps"], air_c, floor_c)


def heat_beyond_kwh(
    home: Mapping[str, FloatArray], air_c: FloatArray, floor_c: FloatArray
) -> FloatArray:
    """Return heat kept beyond the start of the run, as electricity, shape (home,).

    ``(Ci·ΔTi + Cf·ΔTf) / COP``, with the home's mean coefficient of performance.
    """
    air_k, floor_k = air_c - home["start_air_c"], floor_c - home["start_floor_c"]
    heat_kwh = home["air_kwh_per_k"] * air_k + home["floor_kwh_per_k"] * floor_k
    electric_kwh: FloatArray = heat_kwh / home["cop_mean"]
    return electric_kwh


def stored_charge_kwh(results: Results) -> FloatArray:
    """Return charge kept beyond the start, at the meter; by site, else by area."""
    if f"pv_batteries{BY_AREA}" in results.entities:
        return results.series(f"pv_batteries{BY_AREA}", "stored_kwh")[:, -1]
    if "pv_batteries" not in results.entities:
        return np.empty(0)
    end_kwh = results.series("pv_batteries", "energy_kwh")[:, -1]
    return charge_beyond_kwh(results.static["pv_batteries"], end_kwh)


def charge_beyond_kwh(
    site: Mapping[str, FloatArray], energy_kwh: FloatArray
) -> FloatArray:
    """Return charge kept beyond the start of the run, at the meter, shape (site,).

    ``η·ΔE``: what discharging it gives with the one-way efficiency η.
    """
    kept_kwh: FloatArray = site["efficiency"] * (energy_kwh - site["start_energy_kwh"])
    return kept_kwh


def home_costs_dkk(results: Results) -> tuple[IntArray, FloatArray]:
    """Return each home's cost, end state settled as in :func:`customer_cost_dkk`.

    ``c_i = Σ_k (bill_ik + wear_ik) − mean(π) · stored_i``; the sum over all homes is
    the customers' cost.

    Returns
    -------
    home, cost_dkk
        Rows of the homes with a device in group ``households``, ascending, and what
        each of them pays; both of shape (home,).
    """
    price_dkk_per_kwh = float(results.series("market", "import_price").mean())
    rows, costs = [np.empty(0, np.int64)], [np.empty(0)]
    for kind, spent, stored_kwh in (
        ("heat_pumps", ("bill_dkk",), stored_heat_kwh(results)),
        ("pv_batteries", ("bill_dkk", "wear_dkk"), stored_charge_kwh(results)),
    ):
        if kind in results.entities:
            paid_dkk = sum(results.series(kind, name).sum(axis=1) for name in spent)
            rows.append(results.static[kind]["home"].astype(np.int64))
            costs.append(paid_dkk - price_dkk_per_kwh * stored_kwh)
    home, place = np.unique(np.concatenate(rows), return_inverse=True)
    cost_dkk: FloatArray = np.bincount(
        place, np.concatenate(costs), minlength=len(home)
    ).astype(np.float64)
    return home, cost_dkk


def congestion_payments_dkk(results: Results) -> tuple[float, FloatArray] | None:
    """Return what the DSO paid for congestion, and what each home got of it, (home,).

    As the file's ledger has it, homes as in group ``households``; None of a run without
    ledger: it was stopped, or is of an older version.
    """
    if "ledger" not in results.entities:
        return None
    received_dkk = results.series("ledger", "congestion_dkk").sum(axis=1)
    homes = len(results.entities["households"])
    operator = results.entities["ledger"].index("DSO")
    return 0.0 - float(received_dkk[operator]), received_dkk[-homes:]


def worst_decile(values: FloatArray) -> float:
    """Return the mean of the highest tenth, rounded up to whole homes; 0 of none."""
    if not len(values):
        return 0.0
    homes = math.ceil(len(values) / DECILE)
    return float(np.sort(values)[-homes:].mean())


def worse_off(change_dkk: FloatArray) -> BoolArray:
    """Return whose cost has risen by more than what is too little to pay, (home,)."""
    return change_dkk > WORSE_OFF_TOLERANCE_DKK


def compensation_dkk(change_dkk: FloatArray) -> float:
    """Return what would leave nobody worse off, ``Σ_i max(Δc_i, 0)``.

    Whoever gains keeps it: the DSO or the aggregators pay, not the neighbours.
    """
    return float(np.maximum(change_dkk, 0.0).sum())


def mean_or_zero(values: FloatArray) -> float:
    """Return the mean over homes; 0 of none."""
    return float(values.mean()) if len(values) else 0.0
