"""The DSO's fee is for those whose schedules it checks, and they bid by it."""

import pytest

from mosaik_bottomup import parties, scenario
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.parties import STRATEGIES, deviation_fee

FEE = ("dso.deviation_fee_dkk_per_kwh=0.25",)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_who_sells_what_the_dso_has_checked_pays_it(strategy):
    fee = deviation_fee(scenario.load("two_areas", FEE, strategy=strategy))

    assert fee == (0.25 if strategy in ("two-stage", "packet") else 0.0)


@pytest.mark.parametrize(("strategy", "fee"), [("two-stage", 0.25), ("stage-one", 0.0)])
def test_it_counts_on_top_of_the_imbalance_price(strategy, fee):
    read = scenario.load("two_areas", FEE, strategy=strategy)

    price = parties.imbalance(read)

    assert price.above_dkk_per_kwh == price.below_dkk_per_kwh == 0.15 + fee


def test_a_shortfall_is_dearer_than_imbalance_and_fee_together():
    asked = (*FEE, "activations.shortfall_dkk_per_kwh=0.3")

    with pytest.raises(InputError, match="and dso"):
        scenario.load("two_areas", asked)
