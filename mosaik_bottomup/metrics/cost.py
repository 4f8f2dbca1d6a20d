"""What customers with a device pay, in all and home by home.

A home's cost is the bill of the meter its device is behind, and its battery's wear.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results


def customer_cost_raw_dkk(results: Results) -> float:
    """Return what all customers with a device paid: bills and battery wear."""
    return float(
        results.series("heat_pumps", "bill_dkk").sum()
        + results.series("pv_batteries", "bill_dkk").sum()
        + results.series("pv_batteries", "wear_dkk").sum()
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
    """Return heat kept beyond the start, as electricity, shape (home,).

    ``(Ci·ΔTi + Cf·ΔTf) / COP``, from the start of the run to its end, with the home's
    mean coefficient of performance.
    """
    if "heat_pumps" not in results.entities:
        return np.empty(0)
    home = results.static["heat_pumps"]
    air_k = results.series("heat_pumps", "air_c")[:, -1] - home["start_air_c"]
    floor_k = results.series("heat_pumps", "floor_c")[:, -1] - home["start_floor_c"]
    heat_kwh = home["air_kwh_per_k"] * air_k + home["floor_kwh_per_k"] * floor_k
    return heat_kwh / home["cop_mean"]


def stored_charge_kwh(results: Results) -> FloatArray:
    """Return charge kept beyond the start, at the meter, shape (site,).

    ``η·ΔE``: what discharging it gives with the one-way efficiency η.
    """
    if "pv_batteries" not in results.entities:
        return np.empty(0)
    site = results.static["pv_batteries"]
    end_kwh = results.series("pv_batteries", "energy_kwh")[:, -1]
    return site["efficiency"] * (end_kwh - site["start_energy_kwh"])
