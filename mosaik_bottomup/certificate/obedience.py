"""Checks that nobody got what was not offered, or took what was not granted."""

import numpy as np

from mosaik_bottomup.certificate.check import Check, beyond, nothing_beyond
from mosaik_bottomup.results import BY_AREA, Results

POWER_TOLERANCE_KW = 1e-6
"""Forgives the feasibility tolerance of the solver (HiGHS: 1e-7) and rounding."""
SITE_KINDS = ("heat_pumps", "pv_batteries")


def obedience_sites(results: Results) -> Check:
    """Set-points against offers; figure: kW beyond what the site offered, at worst.

    Both what the fleet says (distance to the nearest option) and the range of offers in
    the file are checked; where it keeps areas only, what the fleet says.
    """
    checks = [_obedience(results, kind) for kind in SITE_KINDS if results.number(kind)]
    if not checks:
        return Check(True, 0.0, "no sites")
    return max(checks, key=lambda check: check.figure)


def obedience_aggregators(results: Results) -> Check:
    """Dispatch against envelopes; figure: kW outside the envelope, at worst.

    Where no envelope was granted (NaN) there is none to leave.
    """
    if "portfolios" not in results.entities:
        return Check(True, 0.0, "no envelopes: nobody aggregates")
    low_kw = results.series("portfolios", "envelope_low_kw")
    high_kw = results.series("portfolios", "envelope_high_kw")
    if np.isnan(low_kw).all() and np.isnan(high_kw).all():
        return Check(True, 0.0, "no envelopes were granted")
    beyond_kw = beyond(
        results.series("portfolios", "dispatched_kw"),
        np.nan_to_num(low_kw, nan=-np.inf),
        np.nan_to_num(high_kw, nan=np.inf),
    )
    return nothing_beyond(
        results,
        "portfolios",
        beyond_kw,
        POWER_TOLERANCE_KW,
        "kW outside an aggregator's envelope",
    )


def _obedience(results: Results, kind: str) -> Check:
    what = "kW beyond what a site offered"
    if not results.keeps_sites:
        group = f"{kind}{BY_AREA}"
        # NaN where an area has none
        off_kw = np.nan_to_num(results.series(group, "off_offer_kw_max"))
        return nothing_beyond(results, group, off_kw, POWER_TOLERANCE_KW, what)
    beyond_kw = beyond(
        results.series(kind, "setpoint_kw"),
        results.series(kind, "offer_low_kw"),
        results.series(kind, "offer_high_kw"),
    )
    off_kw = np.maximum(beyond_kw, results.series(kind, "off_offer_kw"))
    return nothing_beyond(results, kind, off_kw, POWER_TOLERANCE_KW, what)
