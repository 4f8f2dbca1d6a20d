"""Packets are asked for at random, the sooner the less a device has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup import case as cases
from mosaik_bottomup import parties as makers
from mosaik_bottomup import scenario
from mosaik_bottomup.devices.packets import Packets, request_probability
from mosaik_bottomup.messages import Moment

FEW = (
    "sites.heat_pumps=8",
    "sites.pv_batteries=8",
    "aggregators.count=1",
    "run.duration_h=3",
    "run.warm_up_h=2",
)
ONE = np.ones(1)


@pytest.fixture(scope="module")
def warm():
    """Fleets in the midst of life: sites, state, plan, what is met now."""
    case = cases.build(scenario.load("two_areas", FEW))
    found = {}
    for fleet in case.fleets:
        agent = makers.fleet_agent(case, fleet)
        forecast = makers.fleet_forecast(case, fleet.sites.fleet.home)
        outlook = forecast(0, 0, case.calendar.horizon_steps)
        plan = fleet.sites.plan(0, outlook, np.zeros((2, outlook.steps)))
        found[fleet.sites.kind] = (fleet.sites, agent.state, plan, forecast(0, 0, 1))
    return found


@given(
    level=st.floats(0.01, 0.99),
    more=st.floats(0.0, 0.5),
    mean=st.floats(0.01, 10),
    step=st.floats(0.01, 2),
)
def test_who_has_more_asks_less_and_who_has_time_asks_sooner_or_later(
    level, more, mean, step
):
    poor = request_probability(level * ONE, 0 * ONE, ONE, mean, step)
    rich = request_probability(min(level + more, 1) * ONE, 0 * ONE, ONE, mean, step)
    longer = request_probability(level * ONE, 0 * ONE, ONE, mean, 2 * step)

    assert 0 <= rich <= poor <= 1
    # not having asked in a step twice as long is not having asked twice
    assert 1 - longer == pytest.approx((1 - poor) ** 2, abs=1e-12)


def test_mid_band_the_mean_time_is_what_it_says_and_the_edges_are_certain():
    level = np.array([0.0, 0.5, 1.0])

    chance = request_probability(level, np.zeros(3), np.ones(3), 0.5, 0.25)

    assert chance == pytest.approx([1.0, 1 - np.exp(-0.5), 0.0])


@pytest.mark.parametrize("kind", ["heat_pumps", "pv_batteries"])
def test_the_schedule_is_made_by_the_homes_own_planning(warm, kind):
    sites, state, plan, now = warm[kind]
    moment = Moment(0, 0, False)

    book = Packets((1, 2), 0.1).offer(sites, state, plan, now, moment)

    own = sites.bids(state, plan, now, moment)
    assert (book.power_kw == own.power_kw).all()
    assert (book.cost_dkk == own.cost_dkk).all()


@given(seed=st.integers(0, 999), mean=st.floats(0.01, 5))
@settings(deadline=None, max_examples=40)
@pytest.mark.parametrize("kind", ["heat_pumps", "pv_batteries"])
def test_a_packet_is_whole_and_within_what_the_home_could_do(warm, kind, seed, mean):
    sites, state, plan, now = warm[kind]
    own = sites.bids(state, plan, now, Moment(0))

    book = Packets((seed,), mean).offer(sites, state, plan, now, Moment(0))

    assert not book.divisible.any()
    assert (book.power_kw[:, 0] >= own.power_kw[:, 0] - 1e-9).all()
    assert (book.power_kw[:, -1] <= own.power_kw[:, -1] + 1e-9).all()
    for option in book.power_kw.T:
        state_after, _ = sites.apply(state, now, option)
        assert state_after is not None


def test_who_may_not_pause_asks_nobody(warm):
    sites, state, plan, now = warm["heat_pumps"]
    own = sites.bids(state, plan, now, Moment(0))

    books = [
        Packets((seed,), 0.1).offer(sites, state, plan, now, Moment(0))
        for seed in range(20)
    ]

    for book in books:
        assert (book.power_kw[:, 0] == own.power_kw[:, 0]).all()


def test_a_packet_of_either_kind_is_dearer_than_none(warm):
    sites, state, plan, now = warm["pv_batteries"]
    net_kw = now.load_kw[:, 0] - sites.fleet.pv_kwp * now.pv_kw_per_kwp[0]
    gave = asked = 0
    for seed in range(30):
        book = Packets((seed,), 0.1).offer(sites, state, plan, now, Moment(0))

        less, none, more = book.power_kw.T
        assert none == pytest.approx(np.maximum(net_kw, none))
        assert (book.cost_dkk[:, 1] == 0).all()
        assert ((book.cost_dkk[:, 0] > 0) == (less < none)).all()
        assert ((book.cost_dkk[:, 2] > 0) == (more > none)).all()
        # a discharging packet never feeds in what the home would have to buy back
        assert (less[less < none] >= -1e-9).all()
        gave, asked = gave + (less < none).sum(), asked + (more > none).sum()
    assert gave
    assert asked


def test_what_is_drawn_follows_from_seed_and_step_alone(warm):
    sites, state, plan, now = warm["heat_pumps"]

    def costs(seed, step):
        packets = Packets((seed,), 0.1)
        return packets.offer(sites, state, plan, now, Moment(step)).cost_dkk

    assert (costs(1, 0) == costs(1, 0)).all()
    assert (costs(1, 0) != costs(2, 0)).any()
    assert (costs(1, 0) != costs(1, 1)).any()
