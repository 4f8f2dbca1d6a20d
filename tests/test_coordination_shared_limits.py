"""Limits that areas share are kept, all of them, and by any response."""

from dataclasses import replace

import numpy as np
import pulp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination import pooled_curve
from mosaik_bottomup.coordination.congestion_points import Room, SharedLimits
from mosaik_bottomup.coordination.least_cost import least_cost
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.stage_two import secure
from mosaik_bottomup.messages import AreaOffer, Moment

STEP_H = 0.25
IMBALANCE = Imbalance(above_dkk_per_kwh=0.4, below_dkk_per_kwh=0.9)
TOLERANCE_KW = 1e-5
AREAS = 5
TREE = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0]], np.bool_)

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=40)
both = pytest.mark.parametrize("allocation", ["least-cost", "proportional"])


def draw_case(seed, sold=0.5):
    """Draw offers, and limits within which must-run fits and something is scarce."""
    rng = np.random.default_rng(seed)
    offers = []
    for _ in range(rng.integers(1, 4)):
        sizes = rng.integers(0, 5, AREAS)
        base = rng.normal(0, 3, AREAS)
        slopes = [np.sort(rng.normal(0, 1, m)) for m in sizes]
        widths = [rng.uniform(0.5, 3, m) for m in sizes]
        wide = np.array([width.sum() for width in widths])
        plan = base + np.array(
            [w[s < 0].sum() for s, w in zip(slopes, widths, strict=True)]
        )
        target = plan.sum() + rng.normal(0, 3) if rng.random() < sold else None
        none = np.zeros(AREAS)
        offers.append(AreaOffer(plan, base, slopes, widths, target, none, Moment(4)))
        assert (plan <= base + wide + 1e-9).all()
    uncontrolled = rng.normal(0, 4, AREAS)
    least, most = (uncontrolled + end.sum(axis=0) for end in ranges(offers))
    member = TREE[np.sort(rng.permutation(3)[: rng.integers(1, 4)])]

    def limits(low, high):
        part = rng.uniform(0, 0.8, low.size)
        return low + part * (high - low) + 0.1, 30 - low

    shared = SharedLimits(member, *limits(member @ least, member @ most))
    return offers, Room(uncontrolled, *limits(least, most), shared=shared)


def ranges(offers):
    base = np.stack([it.base_kw for it in offers])
    return base, base + np.array([[w.sum() for w in it.widths_kw] for it in offers])


def grant(offers, room, allocation="least-cost"):
    return secure(offers, room, IMBALANCE, allocation, STEP_H, Solver())


def cost_dkk(offers, point):
    """Cost of bids, imbalances at a power per aggregator and area."""
    total = 0.0
    for it, row in zip(offers, point, strict=True):
        for slope, width, start, at in zip(
            it.slopes_dkk_per_kwh, it.widths_kw, it.base_kw, row, strict=True
        ):
            ends = np.concatenate([[0.0], width.cumsum()])
            total += np.interp(at - start, ends, np.append(0, (slope * width).cumsum()))
        if it.target_kw is not None:
            off = row.sum() - it.target_kw
            total += IMBALANCE.above_dkk_per_kwh * max(off, 0)
            total += IMBALANCE.below_dkk_per_kwh * max(-off, 0)
    return STEP_H * total


def whole_problem(offers, room):
    """Return the least cost, of the problem with every limit and segment in it."""
    problem = pulp.LpProblem("whole", pulp.LpMinimize)
    base, _ = ranges(offers)
    cost, area_load = [], [[] for _ in range(AREAS)]
    for g, it in enumerate(offers):
        load = []
        for a in range(AREAS):
            for s, (slope, width) in enumerate(
                zip(it.slopes_dkk_per_kwh[a], it.widths_kw[a], strict=True)
            ):
                at = problem.add_variable(f"p_{g}_{a}_{s}", 0, float(width))
                cost.append((at, STEP_H * float(slope)))
                load.append((at, 1.0))
                area_load[a].append((at, 1.0))
        if it.target_kw is not None:
            above = problem.add_variable(f"above_{g}", 0)
            below = problem.add_variable(f"below_{g}", 0)
            cost.append((above, STEP_H * IMBALANCE.above_dkk_per_kwh))
            cost.append((below, STEP_H * IMBALANCE.below_dkk_per_kwh))
            balance = pulp.lpSum_vars_coefs([*load, (above, -1.0), (below, 1.0)])
            problem += balance == float(it.target_kw - base[g].sum())
    fixed = room.uncontrolled_kw + base.sum(axis=0)
    points = [
        (np.arange(AREAS) == a, room.import_kw[a], room.export_kw[a])
        for a in range(AREAS)
    ]
    above = room.above
    points += zip(above.member, above.import_kw, above.export_kw, strict=True)
    for mine, most, least in points:
        load = [at for a in np.flatnonzero(mine) for at in area_load[a]]
        if load:
            total = pulp.lpSum_vars_coefs(load)
            problem += total <= float(most - fixed[mine].sum())
            problem += total >= float(-least - fixed[mine].sum())
    problem += pulp.lpSum_vars_coefs(cost)
    stats = problem.solve(pulp.getSolver("HiGHS", msg=False, threads=1))
    assert stats.status == pulp.LpSolveStatus.Optimal
    return problem.objective.value()


def within(room, power):
    """Say whether areas' powers keep every limit."""
    total = room.uncontrolled_kw + power
    above = room.above
    return (
        (total <= room.import_kw + TOLERANCE_KW).all()
        and (total >= -room.export_kw - TOLERANCE_KW).all()
        and (above.member @ total <= above.import_kw + TOLERANCE_KW).all()
        and (above.member @ total >= -above.export_kw - TOLERANCE_KW).all()
    )


@both
@law
@given(seed=seeds)
def test_g2_and_g3_any_response_inside_the_envelopes_keeps_every_limit(
    allocation, seed
):
    offers, room = draw_case(seed)

    secured = grant(offers, room, allocation)

    low, high = secured.low_kw, secured.high_kw
    base, top = ranges(offers)
    assert (base - TOLERANCE_KW <= low).all()
    assert (low <= high + TOLERANCE_KW).all()
    assert (high <= top + TOLERANCE_KW).all()
    assert not (secured.overload_kw > TOLERANCE_KW).any()
    assert not (secured.shared_overload_kw > TOLERANCE_KW).any()
    rng = np.random.default_rng(seed)
    for share in (0.0, 1.0, *rng.integers(0, 2, (8, *low.shape))):
        assert within(room, (low + share * (high - low)).sum(axis=0))


@law
@given(seed=seeds)
def test_on_every_way_up_from_an_area_that_is_not_free_a_limit_is_used_up(seed):
    offers, room = draw_case(seed)

    high = grant(offers, room).high_kw.sum(axis=0)

    total, above = room.uncontrolled_kw + high, room.above
    full = total >= room.import_kw - TOLERANCE_KW
    full_above = above.member @ total >= above.import_kw - TOLERANCE_KW
    free = high >= ranges(offers)[1].sum(axis=0) - TOLERANCE_KW
    assert (full | free | (full_above @ above.member)).all()


@law
@given(seed=seeds)
def test_what_is_left_out_of_the_problem_makes_nothing_cheaper(seed):
    offers, room = draw_case(seed)
    base, _ = ranges(offers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooled_curve, "BLOCKS", 2)
        patch.setattr(pooled_curve, "FINER_BLOCKS", 2)
        found = solved(offers, room, base)

    assert within(room, found.point_kw.sum(axis=0))
    cost = cost_dkk(offers, found.point_kw)
    assert np.isclose(cost, whole_problem(offers, room), rtol=0, atol=1e-6)


def solved(offers, room, base):
    unbound = np.full((len(offers), 2), np.inf)
    return least_cost(offers, base, room, IMBALANCE, STEP_H, Solver(), unbound)


@law
@given(seed=seeds, tighter=st.floats(0, 1))
def test_g5_a_tighter_shared_limit_never_raises_what_its_areas_may_draw(seed, tighter):
    offers, room = draw_case(seed, sold=0.0)
    above = room.above
    least = above.member @ (room.uncontrolled_kw + ranges(offers)[0].sum(axis=0))
    limit = np.minimum(least + tighter * (above.import_kw - least), above.import_kw)
    limit[1:] = above.import_kw[1:]
    shared = SharedLimits(above.member, limit, above.export_kw)

    loose, tight = (
        above.member[0] @ grant(offers, it).high_kw.sum(axis=0)
        for it in (room, replace(room, shared=shared))
    )

    assert tight <= loose + TOLERANCE_KW


def make_offer(slope=-1.0):
    """Return 4 kW in each of three areas that want to run."""
    width, none = np.full(1, 4.0), np.zeros(3)
    return AreaOffer(
        none + 4, none, [np.full(1, slope)] * 3, [width] * 3, None, none, Moment(0)
    )


def make_room(import_kw):
    shared = SharedLimits(
        np.array([[True, True, False]]), np.array([import_kw]), np.array([9.0])
    )
    return Room(np.zeros(3), np.full(3, 9.0), np.full(3, 9.0), shared=shared)


def test_the_price_of_a_shared_limit_is_paid_behind_it_alone():
    secured = grant([make_offer()], make_room(6.0))

    np.testing.assert_allclose(secured.price_dkk_per_kwh, [1, 1, 0], atol=1e-9)


def test_proportional_takes_the_same_share_from_all_behind_a_shared_limit():
    secured = grant(
        [make_offer(-1.0), make_offer(-2.0)], make_room(6.0), "proportional"
    )

    np.testing.assert_allclose(secured.high_kw, [[1.5, 1.5, 4]] * 2, atol=1e-9)


@both
def test_must_run_above_a_shared_limit_is_granted_alone_and_recorded(allocation):
    room = replace(make_room(6.0), uncontrolled_kw=np.array([5.0, 3.0, 0.0]))

    secured = grant([make_offer()], room, allocation)

    np.testing.assert_allclose(secured.high_kw, [[0, 0, 4]], atol=1e-9)
    np.testing.assert_allclose(secured.shared_overload_kw, [2])
    assert not secured.overload_kw.any()


def test_limits_that_are_no_tree_are_refused():
    member = np.array([[True, True, False], [False, True, True]])

    with pytest.raises(ValueError, match="limits 0 and 1 have areas in common"):
        SharedLimits(member, np.ones(2), np.ones(2))


def test_a_shortage_is_what_must_run_and_must_feed_leave_of_no_reserve():
    """An area alone, one that must feed in, and one with an import limit below zero."""
    room = Room(
        np.array([2.0, -8.0, -9.0]), np.array([10.0, 10.0, -4.0]), 10 * np.ones(3)
    )
    least, most = np.array([7.5, -3.0, 4.0]), np.array([8.0, -1.5, 9.0])

    np.testing.assert_allclose(room.shortage_kw(least, most, 0.1), [0.5, 0.5, 0.0])
    np.testing.assert_allclose(room.shortage_kw(least, most, 0.0), [0.0, 0.0, 0.0])
    np.testing.assert_allclose(room.shortage_kw(least, most, 0.5), [4.5, 4.5, 1.0])


def test_all_areas_behind_a_shared_limit_lack_what_it_lacks():
    least, most = np.array([3.0, 2.5, 7.0]), np.array([9.0, 9.0, 9.0])

    short = make_room(6.0).shortage_kw(least, most, 0.2)

    np.testing.assert_allclose(short, [0.7, 0.7, 0.0])
