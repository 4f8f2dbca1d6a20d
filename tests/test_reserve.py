"""What is offered to the TSO is delivered, and neither it nor its rebound overloads."""

from dataclasses import replace

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import scenario
from mosaik_bottomup.app import world
from mosaik_bottomup.app.flexibility.work import gate_step, offer_rules
from mosaik_bottomup.case.series import build_forecast
from mosaik_bottomup.grid.headroom import Headroom
from mosaik_bottomup.metrics import evaluate
from mosaik_bottomup.reserve.foresight import Foresight
from mosaik_bottomup.reserve.offers import GRID_KW, SIGN, OfferRules, courses, offers
from mosaik_bottomup.reserve.products import BAND, DURATIONS_MIN, MFRR, share_of_bid
from mosaik_bottomup.reserve.trial import call
from mosaik_bottomup.reserve.walk import Walk
from mosaik_bottomup.results import read

SMALL = (
    "run.start=2016-01-04T10:00:00+01:00",
    "run.warm_up_h=1",
    "run.duration_h=3",
    "sites.heat_pumps=50",
    "sites.pv_batteries=40",
    "grid.transformer_kva=[110.0, 120.0]",
)
ERRING = (*SMALL, "forecast.error_scale=1")
RULES = OfferRules(firm_share=0.8, rebound_steps=8, deviations=0.0)
CAREFUL = replace(RULES, deviations=2.0)
AFTER = 8
GATE, START = 1, 4
"""Steps in which offers are made, and in which their blocks begin."""


def built(overrides=SMALL):
    return cases.build(scenario.load("two_areas", list(overrides)))


def walk_of(case, step):
    """Return a walk at a step, at transformers without losses."""
    flat = np.zeros((len(case.network.areas), 5))
    rating = np.array(case.scenario.grid.transformer_kva)
    return Walk.begin(case, Headroom(rating, 1.0, flat, flat)).to(step)


def walk_at(step, overrides=SMALL):
    return walk_of(built(overrides), step)


@pytest.fixture(scope="module")
def walk():
    return walk_at(START)


@pytest.fixture(scope="module")
def offered():
    ahead = courses(walk_at(GATE), START, RULES)
    return [it for way in SIGN for it in offers(ahead, way, (1, 2, 4), RULES)]


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


class NewsAfter:
    """Foresees by one source up to a step, and by another after it."""

    def __init__(self, before, after, step):
        self.before, self.after, self.step = before, after, step

    def source(self, made_at):
        """Return whose word counts in a step."""
        return self.before if made_at <= self.step else self.after

    def at(self, made_at, step, steps):
        """Return what is known in step `made_at`."""
        return self.source(made_at).at(made_at, step, steps)

    def spread(self, made_at, step, steps):
        """Return how wrong that may be."""
        return self.source(made_at).spread(made_at, step, steps)


def test_nothing_that_happens_or_is_learned_after_the_gate_changes_an_offer():
    case = built(ERRING)
    gate = case.scenario.run.warm_up_steps + GATE
    later = np.arange(case.series.ambient_c.size) > gate
    other = replace(
        case.series,
        ambient_c=case.series.ambient_c - 9.0 * later,
        pv_kw_per_kwp=case.series.pv_kw_per_kwp * np.where(later, 0.2, 1.0),
        import_dkk_per_kwh=case.series.import_dkk_per_kwh + 3.0 * later,
        household_kw=case.series.household_kw * np.where(later, 3.0, 1.0),
    )
    news = build_forecast(case.scenario, other)
    told = replace(case, series=other, forecast=NewsAfter(case.forecast, news, gate))

    found, same = (
        [
            it
            for way in SIGN
            for it in offers(
                courses(walk_of(each, GATE), START, CAREFUL), way, (2,), CAREFUL
            )
        ]
        for each in (case, told)
    )

    assert any(it.total_kw for it in found)
    assert found == same
    # and what really comes is another matter
    real, changed = (walk_of(each, START) for each in (case, told))
    assert abs(call(real, {}, 1).load_kw - call(changed, {}, 1).load_kw).max() > 10


def test_what_must_hold_in_adverse_courses_too_is_no_more():
    gate = walk_at(GATE, ERRING)

    for way in SIGN:
        sure, hoped = (
            next(offers(courses(gate, START, rules), way, (2,), rules))
            for rules in (CAREFUL, RULES)
        )
        assert sure.alone_kw == hoped.alone_kw
        assert sure.most_kw <= hoped.most_kw
        assert sure.total_kw <= hoped.total_kw


def test_of_perfect_forecasts_there_is_one_course_and_it_comes_true():
    gate = walk_at(GATE)

    (ahead,) = courses(gate, START, RULES)

    real = gate.fork().to(START)
    np.testing.assert_allclose(
        call(ahead, {}, 2, AFTER).load_kw, call(real, {}, 2, AFTER).load_kw, atol=1e-6
    )


def test_an_adverse_course_is_colder_darker_and_fuller_from_the_gate_on():
    case = built(ERRING)
    lead, homes = case.scenario.run.warm_up_steps, case.fleets[0].sites.fleet.home

    def met(deviations, step):
        return Foresight(GATE, deviations).now(case.forecast, lead, step, homes)

    for step in (GATE - 1, GATE):  # what is going on is measured
        assert met(2.0, step).ambient_c == case.series.ambient_c[lead + step]
        assert met(-2.0, step).ambient_c == case.series.ambient_c[lead + step]
    less, foreseen, more = (met(each, START) for each in (-2.0, 0.0, 2.0))
    assert less.ambient_c > foreseen.ambient_c > more.ambient_c
    assert less.global_w_m2 > foreseen.global_w_m2 > more.global_w_m2
    assert less.pv_kw_per_kwp > foreseen.pv_kw_per_kwp > more.pv_kw_per_kwp
    assert (less.load_kw <= foreseen.load_kw).all()
    assert (more.load_kw > foreseen.load_kw).all()


@pytest.mark.parametrize(
    ("gate_min", "block", "gate"), [(45, 8, 5), (50, 8, 4), (0, 8, 8), (45, 2, 0)]
)
def test_the_gate_closes_so_long_before_the_block_but_not_before_the_run(
    gate_min, block, gate
):
    settled = scenario.load("two_areas", [f"reserve.gate_min={gate_min}"])

    assert gate_step(settled, block) == gate


@pytest.mark.slow
@pytest.mark.parametrize("way", list(SIGN))
def test_what_was_offered_on_wrong_forecasts_is_delivered_in_a_world(tmp_path, way):
    start = "2016-01-04T11:00:00+01:00"
    roomy = (*ERRING, "grid.transformer_kva=[160.0, 160.0]")
    settled = scenario.load("two_areas", list(roomy))
    rules, block = offer_rules(settled), 2
    walk = Walk.begin(cases.build(settled)).to(gate_step(settled, START))
    (offer,) = offers(courses(walk, START, rules), way, (block,), rules)
    orders = ", ".join(
        f'{{product = "mFRR", aggregator = "{name}", area = "", delta_kw = {power_kw}, '
        f"start = {start}, ramp_min = 12.5, duration_min = 30.0}}"
        for name, power_kw in offer.part(offer.total_kw).items()
    )

    called = scenario.load("two_areas", [*roomy, f"activations.orders=[{orders}]"])
    world.run(called, tmp_path / "run.h5")

    results = read(tmp_path / "run.h5")
    ordered, vetoed, delivered = (
        results.series("aggregators", f"activation_{part}_kw")
        for part in ("ordered", "vetoed", "delivered")
    )
    running = slice(START, START + block)
    assert offer.total_kw > 10
    assert not vetoed.any()
    np.testing.assert_allclose(delivered[:, running], ordered[:, running], rtol=0.02)
    assert evaluate(results)["overload_minutes"] == 0


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
