"""Checks that the grid stayed within its limits, by power flow."""

import numpy as np

from mosaik_bottomup.certificate.check import Check, where, worst
from mosaik_bottomup.metrics import LOADING_TOLERANCE_PERCENT, loading_limit_percent
from mosaik_bottomup.results import BY_AREA, Results

VOLTAGE_TOLERANCE_PU = 1e-6
"""Forgives what a power flow's iteration leaves, and storing in single precision."""
LIMIT_PERCENT = 100.0
LINE_TOLERANCE_PERCENT = 1e-4
"""Forgives storing in single precision."""
OVERLOAD_TOLERANCE_KW = 1e-6
"""Forgives the feasibility tolerance of the solver (HiGHS: 1e-7) and rounding."""


def security_transformers(results: Results) -> Check:
    """Check loading by power flow against each area's limit; figure: the worst in %.

    The worst is that furthest above, or least below, its own limit.
    """
    loading_percent = results.series("transformers", "loading")
    limit_percent = loading_limit_percent(results)
    row, step = worst(loading_percent - limit_percent[:, None])
    loading = float(loading_percent[row, step])
    limit = float(limit_percent[row])
    text = (
        f"at most {loading:.2f} % in {where(results, 'areas', row, step)} "
        f"(limit {limit:.2f} %)"
    )
    # G2: where the must-run alone does not fit, the overload is to be said.
    overload_kw = np.nan_to_num(results.series("areas", "forecast_overload_kw"))
    unavoidable = overload_kw > OVERLOAD_TOLERANCE_KW
    if unavoidable.any():
        row, step = worst(overload_kw)
        text += (
            f"; no choice fitted in {int(unavoidable.any(axis=0).sum())} steps: least "
            f"possible overload up to {overload_kw[row, step]:.2f} kW on forecast, "
            f"{where(results, 'areas', row, step)}"
        )
    return Check(loading <= limit + LOADING_TOLERANCE_PERCENT, loading, text)


def security_voltage(results: Results) -> Check:
    """Voltages against the scenario's band; figure: the one nearest its edge, in pu."""
    low_pu = float(results.attrs["voltage_min_pu"])
    high_pu = float(results.attrs["voltage_max_pu"])
    if results.keeps_sites:
        group = "buses"
        lowest_pu = highest_pu = results.series(group, "voltage")
    else:
        group = f"buses{BY_AREA}"
        lowest_pu = results.series(group, "voltage_min")
        highest_pu = results.series(group, "voltage_max")
    below_pu, above_pu = low_pu - lowest_pu, highest_pu - high_pu
    outside_pu = np.maximum(below_pu, above_pu)
    row, step = worst(outside_pu)
    is_low = below_pu[row, step] > above_pu[row, step]
    worst_pu = float((lowest_pu if is_low else highest_pu)[row, step])
    return Check(
        bool(outside_pu[row, step] <= VOLTAGE_TOLERANCE_PU),
        worst_pu,
        f"{worst_pu:.4f} pu is nearest to the edge, "
        f"{where(results, group, row, step)} (allowed {low_pu:g} to {high_pu:g} pu)",
    )


def security_lines(results: Results) -> Check:
    """Line currents against their rating; figure: the highest loading in percent."""
    if not results.number("lines"):
        return Check(True, 0.0, "no lines")
    group, name = ("lines", "loading")
    if not results.keeps_sites:
        group, name = (f"lines{BY_AREA}", "loading_max")
    loading_percent = results.series(group, name)
    row, step = worst(loading_percent)
    loading = float(loading_percent[row, step])
    return Check(
        loading <= LIMIT_PERCENT + LINE_TOLERANCE_PERCENT,
        loading,
        f"at most {loading:.2f} % in {where(results, group, row, step)} "
        f"(limit {LIMIT_PERCENT:g} %)",
    )


def security_congestion_points(results: Results) -> Check:
    """Power through limits that areas share; figure: the highest loading in percent."""
    if "congestion_points" not in results.entities:
        return Check(True, 0.0, "areas share no limit")
    loading_percent = results.series("congestion_points", "loading")
    row, step = worst(loading_percent)
    loading = float(loading_percent[row, step])
    return Check(
        loading <= LIMIT_PERCENT + LOADING_TOLERANCE_PERCENT,
        loading,
        f"at most {loading:.2f} % in {where(results, 'congestion_points', row, step)} "
        f"(limit {LIMIT_PERCENT:g} %)",
    )
