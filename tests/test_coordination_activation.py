"""Activations in the negotiation: followed, moved between areas, vetoed if need be."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from mosaik_bottomup.coordination.activation import activated_power, vetoed_kw
from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.coordination.clearing import AggregatorRules
from mosaik_bottomup.coordination.congestion_points import Room
from mosaik_bottomup.coordination.least_cost import least_cost
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.coordination.stage_two import _off_kw, secure
from mosaik_bottomup.coordination.veto import without_activations
from mosaik_bottomup.messages import (
    Activation,
    AreaOffer,
    BidBook,
    Envelope,
    Moment,
)

STEP_H = 0.25
SHORTFALL = 1e3
"""More than any bid here is worth."""
IMBALANCE = Imbalance(0.4, 0.9, SHORTFALL)
TOLERANCE_KW = 1e-5
ALLOCATIONS = ("least-cost", "proportional")

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=40)
both = pytest.mark.parametrize("allocation", ALLOCATIONS)


def order(delta_kw=-8.0, start=4, ramp_steps=0.0, end=8, area=None, name="mFRR-1"):
    return Activation(name, "mFRR", area, delta_kw, start, ramp_steps, end)


# --- the order ----------------------------------------------------------------------


@given(st.floats(-200, 200), st.integers(0, 20), st.integers(1, 10), st.floats(0, 1))
def test_a_ramp_takes_half_of_its_length_from_the_energy(delta, start, steps, part):
    it = order(delta, start, part * steps, start + steps)

    total = sum(it.mean_kw(step) for step in range(start - 2, start + steps + 2))

    assert total == pytest.approx(delta * (steps - part * steps / 2))


@given(st.integers(1, 6), st.floats(0, 1))
def test_one_long_step_is_the_mean_of_two_short(steps, part):
    coarse = order(-80.0, 1, part * steps, 1 + steps)
    fine = order(-80.0, 2, 2 * part * steps, 2 + 2 * steps)

    for step in range(1 + steps):
        halves = [fine.mean_kw(2 * step), fine.mean_kw(2 * step + 1)]
        assert coarse.mean_kw(step) == pytest.approx(np.mean(halves))


def test_an_mfrr_ramp_of_12_5_min_gives_7_12_of_the_power_in_its_quarter_hour():
    it = order(-80.0, ramp_steps=12.5 / 15)

    assert it.mean_kw(4) == pytest.approx(-80 * 7 / 12)
    rest = [it.mean_kw(step) for step in (3, 5, 7, 8)]
    assert rest == pytest.approx([0, -80, -80, 0])


def test_orders_of_portfolio_and_areas_add_up_each_where_it_belongs():
    orders = [order(), order(area=1, delta_kw=3.0), order(area=1), order(start=6)]

    now = activated_power(orders, 5, 2)

    assert (now.whole_kw, now.by_area_kw.tolist()) == (-8, [0, -5])
    assert now.total_kw == -13
    assert activated_power(orders, 8, 2) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "identifier"),
        ({"delta_kw": np.nan}, "nan kW"),
        ({"end": 4}, "before its start 4 is over"),
        ({"ramp_steps": 4.5}, "not within its 4"),
        ({"ramp_steps": np.nan}, "not within its 4"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        order(**wrong)


# --- stage 2 ------------------------------------------------------------------------


def make_offer(base, slopes, widths, schedule, whole, by_area=None):
    """Return an offer whose plan follows schedule and activation as well as it can."""
    curves = list(zip(slopes, widths, strict=True))
    areas = base.size
    active = whole is not None
    unbound = np.full(areas, np.inf)
    price = IMBALANCE.during_activation() if active else IMBALANCE
    target = schedule + (whole or 0.0)
    low, high = -unbound, unbound
    plain = clear(curves, base, low, high, schedule, IMBALANCE, STEP_H, 0, Solver())
    if by_area is not None:
        top = base + [w.sum() for w in widths]
        held = np.clip(plain + by_area, base, top)
        low, high = (
            np.where(by_area == 0, bound, held) for bound in (-unbound, unbound)
        )
        by_area = np.where(by_area == 0, 0, held - plain)
        target += by_area.sum()
    plan = clear(curves, base, low, high, target, price, STEP_H, 0, Solver())
    return AreaOffer(
        plan,
        base,
        slopes,
        widths,
        target,
        np.zeros(areas),
        Moment(4),
        whole,
        np.zeros(areas) if active and by_area is None else by_area,
        plain,
    )


def draw_case(seed, most=3, in_areas=False):
    """Return offers, some of them with an activation, and what room there is."""
    rng = np.random.default_rng(seed)
    areas = rng.integers(1, 4)
    offers = []
    for g in range(rng.integers(1, most + 1)):
        sizes = rng.integers(0, 5, areas)
        base = rng.normal(0, 3, areas)
        slopes = [np.sort(rng.normal(0, 1, m)) for m in sizes]
        widths = [rng.uniform(0.5, 3, m) for m in sizes]
        flexible = sum(w.sum() for w in widths)
        schedule = base.sum() + rng.uniform(0, 1) * flexible
        whole = rng.uniform(-1, 1) * flexible if g == 0 or rng.random() < 0.4 else None
        by_area = None
        if in_areas and whole is not None:
            by_area = rng.normal(0, 2, areas) * (rng.random(areas) < 0.5)
        offers.append(make_offer(base, slopes, widths, schedule, whole, by_area))
    room = Room(
        rng.normal(0, 6, areas), rng.uniform(2, 12, areas), rng.uniform(2, 12, areas)
    )
    return offers, room


def grant(offers, room, allocation="least-cost"):
    return secure(offers, room, IMBALANCE, allocation, STEP_H, Solver())


def ranges(offers):
    base = np.stack([it.base_kw for it in offers])
    return base, base + np.array([[w.sum() for w in it.widths_kw] for it in offers])


@both
@law
@given(seed=seeds, in_areas=st.booleans())
def test_any_response_inside_the_envelopes_is_secure(allocation, seed, in_areas):
    offers, room = draw_case(seed, in_areas=in_areas)

    secured = grant(offers, room, allocation)

    base, top = ranges(offers)
    over = room.uncontrolled_kw + base.sum(axis=0) - room.import_kw
    under = -room.export_kw - room.uncontrolled_kw - top.sum(axis=0)
    least = np.maximum(over, 0) + np.maximum(under, 0)
    np.testing.assert_allclose(secured.overload_kw, least, atol=TOLERANCE_KW)
    high = room.uncontrolled_kw + secured.high_kw.sum(axis=0)
    low = room.uncontrolled_kw + secured.low_kw.sum(axis=0)
    assert (high <= room.import_kw + least + TOLERANCE_KW).all()
    assert (low >= -room.export_kw - least - TOLERANCE_KW).all()


@both
@law
@given(seed=seeds, in_areas=st.booleans())
def test_no_activation_is_in_the_congestion_price(allocation, seed, in_areas):
    offers, room = draw_case(seed, in_areas=in_areas)

    secured = grant(offers, room, allocation)
    plain = grant(without_activations(offers), room, allocation)

    np.testing.assert_array_equal(secured.price_dkk_per_kwh, plain.price_dkk_per_kwh)
    np.testing.assert_array_equal(secured.plain_low_kw, plain.low_kw)
    np.testing.assert_array_equal(secured.plain_high_kw, plain.high_kw)


@both
@law
@given(seed=seeds, in_areas=st.booleans())
def test_a_veto_is_a_part_of_what_was_ordered(allocation, seed, in_areas):
    offers, room = draw_case(seed, in_areas=in_areas)

    secured = grant(offers, room, allocation)

    for g, offer in enumerate(offers):
        vetoed = np.append(secured.area_vetoed_kw[g], secured.vetoed_kw[g])
        ordered = np.zeros(vetoed.size)
        if offer.activation_kw is not None:
            ordered = np.append(offer.area_activation_kw, offer.activation_kw)
        assert (vetoed * ordered >= 0).all()
        assert (np.abs(vetoed) <= np.abs(ordered)).all()


@both
@law
@given(seed=seeds, in_areas=st.booleans())
def test_nothing_is_vetoed_where_everything_fits(allocation, seed, in_areas):
    offers, room = draw_case(seed, in_areas=in_areas)
    base, top = ranges(offers)
    wide = Room(
        room.uncontrolled_kw,
        np.abs(room.uncontrolled_kw) + np.abs(top).sum(axis=0),
        np.abs(room.uncontrolled_kw) + np.abs(base).sum(axis=0),
    )

    secured = grant(offers, wide, allocation)

    assert not secured.vetoed_kw.any()
    assert not secured.area_vetoed_kw.any()


def least_veto_kw(offers, room, secured):
    """Solve the least veto of all secure powers that push nobody else off schedule.

    The variables are the powers (g, a), then the veto of each aggregator and how far it
    is above and below the target that is left.
    """
    base, top = ranges(offers)
    g, a = base.shape
    n = g * a
    plain = without_activations(offers)
    off = off_schedule_kw(plain, room)
    cost = np.concatenate([np.zeros(n), np.ones(g)])
    rows, bounds = [], []
    for at in range(a):
        load = np.zeros(n + g)
        load[at:n:a] = 1
        rows += [load, -load]
        bounds += [
            room.import_kw[at] - room.uncontrolled_kw[at] + secured.overload_kw[at],
            room.export_kw[at] + room.uncontrolled_kw[at] + secured.overload_kw[at],
        ]
    limits = [(lo, hi) for lo, hi in zip(base.ravel(), top.ravel(), strict=True)]
    for k, it in enumerate(offers):
        mine = np.zeros(n + g)
        mine[k * a : (k + 1) * a] = 1
        asked = it.activation_kw or 0.0
        rows += [mine, -mine]
        bounds += [
            it.target_kw + off[k, 0] + max(-asked, 0),
            off[k, 1] + max(asked, 0) - it.target_kw,
        ]
        if it.activation_kw is None:
            limits.append((0, 0))
        else:
            # as much as the plan has, less what is vetoed
            sign = np.sign(it.activation_kw)
            veto = np.zeros(n + g)
            veto[n + k] = 1
            rows.append(-sign * mine - veto)
            bounds.append(-sign * it.plan_kw.sum())
            limits.append((0, None))
    best = linprog(cost, np.array(rows), np.array(bounds) + 1e-7, bounds=limits)
    assert best.status == 0
    return best.fun


def off_schedule_kw(plain, room):
    """Return how far above and below its schedule each is without activations."""
    base, _ = ranges(plain)
    unbound = np.full((len(plain), 2), np.inf)
    found = least_cost(plain, base, room, IMBALANCE, STEP_H, Solver(), unbound)
    return _off_kw(plain, found.point_kw)


@law
@given(seed=seeds)
def test_no_less_could_be_vetoed_without_pushing_others_off_their_schedules(seed):
    offers, room = draw_case(seed)

    secured = grant(offers, room)

    lacking = least_veto_kw(offers, room, secured)
    ordered = sum(abs(it.activation_kw or 0.0) for it in offers)
    assert np.abs(secured.vetoed_kw).sum() <= min(lacking, ordered) + 1e-4


@law
@given(seed=seeds)
def test_what_is_left_after_the_veto_is_delivered_as_far_as_it_was_planned(seed):
    offers, room = draw_case(seed, most=1)
    (offer,) = offers

    secured = grant(offers, room)
    left = offer.target_kw - secured.vetoed_kw[0]
    power = clear(
        list(zip(offer.slopes_dkk_per_kwh, offer.widths_kw, strict=True)),
        offer.base_kw,
        secured.low_kw[0],
        secured.high_kw[0],
        left,
        IMBALANCE.during_activation(),
        STEP_H,
        0,
        Solver(),
    )

    sign = np.sign(offer.activation_kw)
    if abs(secured.vetoed_kw[0]) < abs(offer.activation_kw) - TOLERANCE_KW:
        missed_before = max(sign * (offer.target_kw - offer.plan_kw.sum()), 0)
        assert sign * (left - power.sum()) <= missed_before + 1e-4


def one_area(schedule, whole, plan):
    return AreaOffer(
        np.array([plan]), np.zeros(1), [np.array([-1.0])], [np.array([20.0])],
        schedule + (whole or 0.0), np.zeros(1), Moment(4), whole,
        None if whole is None else np.zeros(1),
    )  # fmt: skip


def test_an_activation_pushes_nobody_else_off_its_schedule():
    offers = [one_area(5.0, 8.0, 13.0), one_area(6.0, None, 6.0)]
    room = Room(np.zeros(1), np.array([15.0]), np.zeros(1))

    secured = grant(offers, room)

    assert secured.vetoed_kw == pytest.approx([4.0, 0.0], abs=TOLERANCE_KW)
    assert secured.high_kw[1, 0] == pytest.approx(6.0, abs=1e-4)


def test_an_activation_moves_to_the_area_that_has_room_before_it_is_vetoed():
    offer = AreaOffer(
        np.array([18.0, 2.0]), np.zeros(2), [np.array([-2.0]), np.array([1.0])],
        [np.array([18.0]), np.array([9.0])], 20.0, np.zeros(2), Moment(4), 10.0,
        np.zeros(2),
    )  # fmt: skip
    room = Room(np.zeros(2), np.array([12.0, 30.0]), np.zeros(2))

    free = grant([offer], room)
    tight = grant([offer], Room(np.zeros(2), np.array([12.0, 5.0]), np.zeros(2)))

    assert free.vetoed_kw[0] == 0
    assert free.high_kw[0].sum() >= 20 - TOLERANCE_KW
    assert tight.vetoed_kw[0] == pytest.approx(3.0, abs=TOLERANCE_KW)


def test_an_order_of_one_area_is_vetoed_there_and_goes_nowhere_else():
    offer = AreaOffer(
        np.array([12.0, 2.0]), np.zeros(2), [np.array([-2.0]), np.array([1.0])],
        [np.array([18.0]), np.array([9.0])], 14.0, np.zeros(2), Moment(4), 0.0,
        np.array([7.0, 0.0]),
    )  # fmt: skip
    room = Room(np.zeros(2), np.array([10.0, 30.0]), np.zeros(2))

    secured = grant([offer], room)

    assert secured.area_vetoed_kw == pytest.approx(np.array([[2.0, 0.0]]), abs=1e-5)
    assert secured.vetoed_kw[0] == 0


def test_what_is_vetoed_of_an_area_is_not_vetoed_of_the_portfolio_again():
    offer = AreaOffer(
        np.array([12.0]), np.zeros(1), [np.array([-1.0])], [np.array([18.0])],
        12.0, np.zeros(1), Moment(4), 3.0, np.array([4.0]),
    )  # fmt: skip

    part = grant([offer], Room(np.zeros(1), np.array([10.0]), np.zeros(1)))
    more = grant([offer], Room(np.zeros(1), np.array([7.0]), np.zeros(1)))

    assert (part.area_vetoed_kw[0, 0], part.vetoed_kw[0]) == pytest.approx((2, 0))
    assert (more.area_vetoed_kw[0, 0], more.vetoed_kw[0]) == pytest.approx((4, 1))


# --- the aggregator -----------------------------------------------------------------


def make_aggregator(follows=True):
    rules = AggregatorRules(2, STEP_H, IMBALANCE, 60, True, follows)
    made = Aggregator(rules, Solver())
    made.position.schedule_kw.update(dict.fromkeys(range(9), 10.0))
    return made


def a_book(step=5):
    """Five sites in each area, each of which takes 0 to 3 kW; the second is dearer."""
    power = np.tile([0.0, 3.0], (10, 1))
    slope = np.repeat([-1.0, 0.5], 5)[:, None]
    return BidBook(
        np.repeat([0, 1], 5),
        power,
        STEP_H * slope * power,
        np.ones((10, 1), np.bool_),
        np.zeros(10),
        Moment(step),
    )


def answered(aggregator, low, high, step=5, **more):
    envelope = Envelope(
        np.array(low), np.array(high), False, None, Moment(step), **more
    )
    aggregator.hear_dso(envelope)
    return aggregator.record


def test_an_aggregator_follows_schedule_and_activation_while_it_runs_and_not_after():
    aggregator = make_aggregator()
    aggregator.hear_activation(order(-4.0), step=0)

    during = aggregator.hear_fleets({"one": a_book()})
    record = answered(aggregator, [0, 0], [15, 15])
    after = aggregator.hear_fleets({"one": a_book(8)})

    assert (during.target_kw, during.activation_kw) == (6.0, -4.0)
    assert record.dispatched_kw.tolist() == pytest.approx([6, 0])
    assert (record.activation_ordered_kw, record.activation_vetoed_kw) == (-4, 0)
    assert (after.target_kw, after.activation_kw) == (10.0, None)


def test_no_rehearsal_knows_of_an_activation():
    aggregator = make_aggregator()
    aggregator.hear_activation(order(-4.0), step=0)

    rehearsed = replace(a_book(), moment=Moment(5, 0))
    offer = aggregator.hear_fleets({"one": rehearsed})

    assert (offer.target_kw, offer.activation_kw) == (10.0, None)


def test_an_order_of_one_area_is_held_there_and_the_others_stay():
    aggregator = make_aggregator()
    aggregator.hear_activation(order(3.0, area=1), step=0)

    offer = aggregator.hear_fleets({"one": a_book()})
    record = answered(aggregator, [0, 0], [15, 15])

    assert offer.plan_kw == pytest.approx([10, 3])
    assert offer.area_activation_kw == pytest.approx([0, 3])
    assert record.dispatched_kw == pytest.approx([10, 3])


def test_what_an_area_cannot_deliver_no_other_makes_good():
    aggregator = make_aggregator()
    aggregator.hear_activation(order(20.0, area=1), step=0)

    offer = aggregator.hear_fleets({"one": a_book()})

    assert offer.plan_kw == pytest.approx([10, 15])
    assert offer.area_activation_kw == pytest.approx([0, 15])


def test_an_aggregator_does_not_make_good_what_was_vetoed():
    aggregator = make_aggregator()
    aggregator.hear_activation(order(4.0), step=0)

    aggregator.hear_fleets({"one": a_book()})
    envelope = {"low": [0, 0], "high": [11, 15]}
    record = answered(aggregator, **envelope, vetoed_kw=3.0, area_vetoed_kw=np.zeros(2))

    assert record.dispatched_kw.sum() == pytest.approx(11)
    assert (record.activation_ordered_kw, record.activation_vetoed_kw) == (4, 3)


def test_a_veto_is_the_sum_of_portfolio_and_areas():
    no = np.zeros(2)

    vetoed = Envelope(
        no, no, False, None, Moment(0), vetoed_kw=1.0, area_vetoed_kw=np.array([2, 0.5])
    )

    assert vetoed_kw(vetoed) == 3.5
    assert vetoed_kw(Envelope(no, no, False, None, Moment(0))) == 0


def test_what_an_order_moves_is_not_put_down_to_congestion():
    aggregator = make_aggregator()
    dear = Imbalance(2.0, 2.0, SHORTFALL)
    aggregator.rules = replace(aggregator.rules, imbalance=dear)
    aggregator.hear_activation(order(4.0), step=0)

    offer = aggregator.hear_fleets({"one": a_book()})
    plain = {"plain_low_kw": np.zeros(2), "plain_high_kw": np.array([9.0, 15.0])}
    record = answered(
        aggregator, [0, 0], [9, 15], vetoed_kw=0.0, area_vetoed_kw=np.zeros(2), **plain
    )

    assert offer.plain_plan_kw == pytest.approx([10, 0])
    assert record.causes.congestion_moved_kw == pytest.approx([-1, 1])
    assert record.causes.activation_planned_kw == pytest.approx([4, 0])
    assert record.causes.activation_relocated_kw == pytest.approx([-4, 4])
    site = record.causes.sites["one"]
    # 1 kW that was worth 1 DKK/kWh in A costs 0.5 in B; the order 4 kW more there
    assert site.congestion_forgone_dkk.sum() == pytest.approx(1.5 * STEP_H)
    assert site.activation_forgone_dkk.sum() == pytest.approx(4 * 0.5 * STEP_H)


@pytest.mark.parametrize(
    ("follows", "said", "says"),
    [
        (False, {}, "no schedule to deviate from; .* such as two-stage"),
        (True, {"area": 2}, "no area 2 of 2"),
        (True, {"start": 2}, "was to start in step 2, and it is 3 already"),
        (True, {"name": "known"}, "known has been ordered before"),
    ],
)
def test_an_order_that_cannot_be_followed_is_refused(follows, said, says):
    aggregator = make_aggregator(follows)
    aggregator.activations = [order(name="known")]

    with pytest.raises(ValueError, match=says):
        aggregator.hear_activation(order(**said), step=3)
