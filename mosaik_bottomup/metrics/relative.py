"""What coordination changed: a run against the price-only run of the same seed."""

import numpy as np

from mosaik_bottomup.metrics import cost, loading
from mosaik_bottomup.metrics.ageing import ageing
from mosaik_bottomup.metrics.evaluate import PERCENT, least, worst
from mosaik_bottomup.metrics.fairness import burden_fairness
from mosaik_bottomup.results import Results


def relative(run: Results, reference: Results) -> dict[str, float]:
    """Return the metrics that need a reference, by :data:`~.table.AGAINST_REFERENCE`.

    ``peak_reduction_percent`` is ``100 · (1 − peak / peak_reference)``, and
    ``cost_change_percent`` is ``100 · (cost − cost_reference) / |cost_reference|``, end
    states settled; on a summer's day, when customers earn more than they pay, the cost
    is near nothing and its change in percent says little.

    Parameters
    ----------
    run
        The run in question.
    reference
        The run it is held against; the same homes, weather and steps.

    Raises
    ------
    ValueError
        If the two are not of the same scenario input, or hold no step.
    """
    check_comparable(run, reference)
    return {
        **_of_transformers(run, reference),
        **_of_customers(run, reference),
    }


def _of_transformers(run: Results, reference: Results) -> dict[str, float]:
    areas = run.entities["areas"]
    peak, peak_reference = (
        loading.quarter_hour_means(
            each.series("transformers", "loading"), each.time_s
        ).max(axis=1)
        for each in (run, reference)
    )
    reduction = PERCENT * (1.0 - peak / peak_reference)
    (_, used_h), (_, used_reference_h) = ageing(run), ageing(reference)
    return {
        **least(
            "peak_reduction_percent", dict(zip(areas, reduction.tolist(), strict=True))
        ),
        **worst("ageing_ratio", areas, used_h / used_reference_h),
    }


def _of_customers(run: Results, reference: Results) -> dict[str, float]:
    reference_dkk = cost.customer_cost_dkk(reference)
    more_dkk = cost.customer_cost_dkk(run) - reference_dkk
    home, cost_dkk = cost.home_costs_dkk(run)
    change_dkk = cost_dkk - cost.home_costs_dkk(reference)[1]
    worse = cost.worse_off(change_dkk).astype(np.float64)
    found = {
        "cost_change_dkk": more_dkk,
        "home_cost_change_mean_dkk": cost.mean_or_zero(change_dkk),
        "home_cost_change_worst_decile_dkk": cost.worst_decile(change_dkk),
        "customers_worse_off_percent": PERCENT * cost.mean_or_zero(worse),
        "compensation_dkk": cost.compensation_dkk(change_dkk),
        "fairness_customers": burden_fairness(change_dkk),
    }
    paid = cost.congestion_payments_dkk(run)
    if paid is not None:
        still_worse = cost.worse_off(change_dkk - paid[1][home]).astype(np.float64)
        found["customers_worse_off_paid_percent"] = PERCENT * cost.mean_or_zero(
            still_worse
        )
    if reference_dkk != 0.0:
        found["cost_change_percent"] = PERCENT * more_dkk / abs(reference_dkk)
    return found


def check_comparable(run: Results, reference: Results) -> None:
    """Raise the ValueError that says in what two runs' input differs."""
    for each in (run, reference):
        if each.steps_written == 0:
            raise ValueError(f"{each.path} holds no step")
    same = {
        "seed": run.attrs["seed"] == reference.attrs["seed"],
        "steps": np.array_equal(run.time_s, reference.time_s)
        and run.step_s == reference.step_s,
        "weather": _same(run, reference, "ambient"),
        "prices": _same(run, reference, "import_price"),
        "areas": run.entities["areas"] == reference.entities["areas"],
        "homes": np.array_equal(
            cost.home_costs_dkk(run)[0], cost.home_costs_dkk(reference)[0]
        ),
    }
    differ = [name for name, is_same in same.items() if not is_same]
    if differ:
        raise ValueError(
            f"{run.path} cannot be held against {reference.path}: not the same "
            + ", ".join(differ)
        )


def _same(run: Results, reference: Results, name: str) -> bool:
    one, other = (each.series("market", name) for each in (run, reference))
    return np.array_equal(one, other)
