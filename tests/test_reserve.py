"""What is offered to the TSO is delivered, and neither it nor its rebound overloads."""

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import scenario
from mosaik_bottomup.grid.headroom import Headroom
from mosaik_bottomup.reserve.offers import GRID_KW, SIGN, OfferRules, offers
from mosaik_bottomup.reserve.products import BAND, DURATIONS_MIN, MFRR, share_of_bid
from mosaik_bottomup.reserve.trial import call
from mosaik_bottomup.reserve.walk import Walk

SMALL = (
    "run.start=2016-01-04T10:00:00+01:00",
    "run.warm_up_h=1",
    "run.duration_h=3",
    "sites.heat_pumps=50",
    "sites.pv_batteries=40",
    "grid.transformer_kva=[110.0, 120.0]",
)
RULES = OfferRules(firm_share=0.8, rebound_steps=8)
AFTER = 8


def walk_at(step, overrides=SMALL):
    """Return a walk at a step, at transformers without losses."""
    case = cases.build(scenario.load("two_areas", list(overrides)))
    flat = np.zeros((len(case.network.areas), 5))
    rating = np.array(case.scenario.grid.transformer_kva)
    return Walk.begin(case, Headroom(rating, 1.0, flat, flat)).to(step)


@pytest.fixture(scope="module")
def walk():
    return walk_at(4)


@pytest.fixture(scope="module")
def offered(walk):
    return [it for way in SIGN for it in offers(walk, way, (1, 2, 4), RULES)]


@pytest.mark.parametrize("wanted_kw", [40.0, 80.0, 120.0])
def test_what_is_offered_is_delivered_and_overloads_nothing(walk, offered, wanted_kw):
    called = [it for it in offered if it.total_kw > 0]
    assert {it.direction for it in called} == set(SIGN)

    for offer in called:
        trial = call(walk, offer.part(wanted_kw), offer.steps, AFTER)

        ordered = SIGN[offer.direction] * min(wanted_kw, offer.total_kw)
        block = trial.delivered_kw[:, : offer.steps].sum(axis=0)
        np.testing.assert_allclose(block, ordered, rtol=0.02)
        assert (trial.room_kw >= -1e-3).all()
        assert (trial.overload_kw <= 1e-3).all()


def test_longer_blocks_offer_no_more_of_any_aggregator(offered):
    for way in SIGN:
        short, middle, long = (it.alone_kw for it in offered if it.direction == way)
        for name in short:
            assert short[name] >= middle[name] >= long[name]


def test_an_offer_keeps_a_part_back_and_is_what_its_aggregators_offer(offered):
    for offer in offered:
        assert offer.total_kw <= RULES.firm_share * offer.most_kw + 1e-9
        assert offer.most_kw <= sum(offer.alone_kw.values()) + 1e-9
        for power in offer.firm_kw.values():
            assert power % GRID_KW == pytest.approx(0.0)


def test_a_call_beyond_the_offer_ends_at_the_offer(offered):
    offer = max(offered, key=lambda it: it.total_kw)

    part = offer.part(10 * offer.total_kw)

    assert sum(part.values()) == pytest.approx(SIGN[offer.direction] * offer.total_kw)
    assert sum(offer.part(offer.total_kw / 4).values()) == pytest.approx(
        SIGN[offer.direction] * offer.total_kw / 4
    )


def test_what_reaches_beyond_the_merit_order_does_not_count_as_delivered(walk):
    plain = call(walk, {}, 1)
    names = sorted(walk.parties.aggregators)

    beyond = {name: 2 * float(plain.high_kw[g, 0]) for g, name in enumerate(names)}

    assert plain.is_delivered
    assert not call(walk, beyond, 1).is_delivered


def test_a_trial_leaves_no_trace(walk):
    before = {n: dict(it.schedule_kw) for n, it in walk.parties.aggregators.items()}
    names = sorted(walk.parties.aggregators)

    first = call(walk, {}, 4, AFTER)
    call(walk, dict.fromkeys(names, -10.0), 4, AFTER)
    again = call(walk, {}, 4, AFTER)

    np.testing.assert_array_equal(first.homes_kw, again.homes_kw)
    assert before == {n: it.schedule_kw for n, it in walk.parties.aggregators.items()}


def test_a_trial_without_activation_is_the_run_itself():
    one, other = walk_at(0), walk_at(0)

    trial = call(one, {}, 2, 4)
    loads = []
    for _ in range(6):
        other.advance()
        loads.append(call_load(other))

    np.testing.assert_allclose(trial.load_kw, np.stack(loads, axis=1), atol=1e-6)


def call_load(walk):
    """Return each area's load in the step just gone."""
    case, at = walk.case, walk.case.scenario.run.warm_up_steps + walk.step - 1
    load = case.uncontrolled_kw[:, at].copy()
    for fleet in case.fleets:
        power = walk.parties.fleets[fleet.name].record["power_kw"]
        load[fleet.sites.fleet.home] += power
    return np.bincount(case.network.home_area, load)


def test_at_the_start_of_a_day_the_schedule_is_sold_before_it_is_left():
    walk = walk_at(0)
    names = sorted(walk.parties.aggregators)

    trial = call(walk, dict.fromkeys(names, -5.0), 2)

    assert trial.is_delivered
    plain = call(walk, {}, 2)
    np.testing.assert_allclose(
        trial.load_kw.sum(axis=0), plain.load_kw.sum(axis=0) - 10.0, atol=0.3
    )


def test_strategies_without_envelopes_have_nothing_to_offer():
    case = cases.build(
        scenario.load("two_areas", [*SMALL, "run.warm_up_h=0"], strategy="static-cap")
    )

    with pytest.raises(ValueError, match="static-cap has no envelopes"):
        Walk.begin(case, Headroom(np.ones(2), 1.0, np.zeros((2, 5)), np.zeros((2, 5))))


def test_these_sites_are_a_share_of_a_pool():
    assert DURATIONS_MIN == (15, 30, 60)
    assert share_of_bid(MFRR, 400.0) == pytest.approx(0.4)
    assert share_of_bid(BAND, 60.0) == pytest.approx(0.6)
    assert MFRR.full_activation_min == 12.5
