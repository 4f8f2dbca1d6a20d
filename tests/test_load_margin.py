"""The DSO's margin holds with the probability it is asked for, on real load."""

import numpy as np
import pytest

from mosaik_bottomup import case, parties, scenario

WEEK = 672
SEEDS = (1, 2, 3)


def exceeded(probability, seeds=SEEDS):
    """Return in which part of a winter week's steps load was above and below it all.

    Each step as foreseen when it begins, all areas and seeds together.
    """
    above, below = [], []
    for seed in seeds:
        asked = f"dso.security_probability={probability}"
        made = case.build(scenario.load("winter_week", [asked], seed=seed))
        headroom = parties.fit_headroom(made.network)
        dso = parties.system_operator(made, headroom, lambda: np.ones(2))
        areas = np.arange(2)[:, None] == made.network.home_area
        first = made.scenario.run.warm_up_steps
        load = areas @ made.uncontrolled_kw[:, first : first + WEEK]
        for step in range(WEEK):
            now = dso.forecast(step, step, 1)
            more, less = now.margin_kw[..., 0]
            above.append(load[:, step] > now.uncontrolled_kw[:, 0] + more)
            below.append(load[:, step] < now.uncontrolled_kw[:, 0] - less)
    return np.mean(above), np.mean(below)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("probability", "least", "most"),
    [(0.9, 0.07, 0.13), (0.99, 0.005, 0.02), (0.999, 0.0, 0.004)],
)
def test_load_leaves_the_margin_as_often_as_the_probability_says(
    probability, least, most
):
    above, below = exceeded(probability)

    assert least <= above <= most
    assert least <= below <= most
