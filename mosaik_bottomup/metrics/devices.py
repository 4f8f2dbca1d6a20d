"""What was asked of the devices: starts, lock-outs, cycles, and use of the sun."""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results


def heat_pump_starts(results: Results) -> int:
    """Return how often a heat pump went from off to on between two recorded steps."""
    on = results.series("heat_pumps", "on") > 0
    return int((on[:, 1:] & ~on[:, :-1]).sum())


def pv_curtailed_kwh(results: Results) -> FloatArray:
    """Return the PV energy not used, ``Σ_ik h · curtailed_ik``, shape (area,)."""
    areas = len(results.entities["areas"])
    if "pv_batteries" not in results.entities:
        return np.zeros(areas)
    by_site_kwh = results.series("pv_batteries", "curtailed_kw").sum(1) * results.step_h
    rows = results.static["pv_batteries"]["area"].astype(np.int64)
    by_area_kwh = np.zeros(areas)
    np.add.at(by_area_kwh, rows, by_site_kwh)
    return by_area_kwh
