"""A fleet speaks in turn, does what it is told of what it offered, and nothing else."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.agent import (
    TOLERANCE_KW,
    Calendar,
    FleetAgent,
    cheapest_kw,
    distance_kw,
)
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    INDIFFERENCE_DKK_PER_KWH,
    BidBook,
    CongestionPrices,
    Dispatch,
    Moment,
    StoreReport,
)

AREAS, HORIZON, WARM_UP = 2, 104, 24
CALENDAR = Calendar(steps=16, day_steps=8, replan_steps=4, horizon_steps=HORIZON)
RULES = PlanningRules(0.25, 4, 24)


@dataclass
class Ledger:
    """Sites that keep one number, and note when they are asked to plan and bid."""

    kind: str = "ledger"
    rules: PlanningRules = RULES
    replan_steps: int = 4
    planned: list[int] = field(default_factory=list)
    surcharges: list[np.ndarray] = field(default_factory=list)

    def start(self, ambient_c):
        """Return a state that no step has changed."""
        return np.full(2, ambient_c)

    def plan(self, first, outlook, surcharge):
        """Return the step at which the plan was made."""
        assert surcharge.shape == (AREAS, outlook.steps)
        self.planned.append(first)
        self.surcharges.append(surcharge)
        return first

    def bids(self, state, plan, now, moment):
        """Return a book; a plan must be neither from the future nor too old."""
        assert 0 <= moment.step - plan < self.replan_steps
        assert now.ambient_c[0] == moment.step
        power = np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 3.0]]) + 0 * state[:, None]
        divisible = np.array([[False, True], [True, True]])
        cost = np.array([[1.0, 0.5, 0.5], [2.0, 2.0, 3.0]])
        return BidBook(np.array([0, 1]), power, cost, divisible, np.zeros(2), moment)

    def apply(self, state, now, power_kw):
        """Return the sum of all powers so far."""
        return state + power_kw, {"power_kw": power_kw}

    def store(self, state, outlook, areas, moment):
        """Return a report of nothing."""
        none, rows = np.zeros(areas), np.zeros((areas, outlook.steps))
        return StoreReport(
            "ledger", none, rows, none, rows, rows, rows, none, none, 0.0, rows, rows,
            none, moment,
        )  # fmt: skip


def clockwork(made_at, step, steps):
    """Return a forecast in which it is as warm as the step's number."""
    at, none = np.arange(step, step + steps, dtype=float), np.zeros(steps)
    return Outlook(at, none, none, none, none, np.zeros((2, steps)))


def ledger_agent(*, reports=True, calendar=CALENDAR):
    sites = Ledger(replan_steps=calendar.replan_steps)
    agent = FleetAgent(sites, calendar, AREAS, clockwork, reports=reports)
    agent.warm_up(WARM_UP)
    return agent


def prices_for(message, dkk_per_kwh=0.0):
    return CongestionPrices(np.full((AREAS, HORIZON), dkk_per_kwh), message.moment)


def dispatch_for(book, power_kw=None, *, again=False):
    power = book.power_kw[:, 0] if power_kw is None else np.array(power_kw)
    return Dispatch(power, again, None, book.moment)


def live(agent, step, now, choose, rounds=1):
    """Carry one step through; return all that the agent said."""
    message, said = agent.begin(step, now), []
    while message is not None:
        said.append(message)
        if isinstance(message, StoreReport):
            answer = prices_for(message)
        else:
            moment = message.moment
            again = moment.last and moment.rehearsal + 1 < rounds
            answer = dispatch_for(message, choose(message), again=again)
        message = agent.answer(answer)
    return said


def lowest_kw(book):
    return book.power_kw[:, 0]


def now_at(step):
    return clockwork(step, step, 1)


def heat_pumps():
    """Return an agent of real homes in changing weather."""
    population = Population(
        4, 0, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    fleet, _ = draw_fleets(population, np.arange(4) % 2, np.random.default_rng(0))
    return agent_of(HeatPumpSites(fleet, RULES, 0.98))


def batteries():
    population = Population(
        0, 4, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    _, fleet = draw_fleets(population, np.arange(4) % 2, np.random.default_rng(0))
    return agent_of(PvBatterySites(fleet, RULES))


def weather(made_at, step, steps):
    """Return a forecast of real size, the same whenever it is asked for."""
    at = np.arange(step, step + steps)
    price = 1.5 + np.sin(at / 5.0)
    load = 1 + 0.5 * np.cos(at / 3.0 + np.arange(4)[:, None])
    sun = np.maximum(np.sin(at / 15.0), 0)
    return Outlook(-3 + np.sin(at / 10.0), 100 * sun, price, 0.5 * price, sun, load)


def agent_of(sites):
    agent = FleetAgent(sites, CALENDAR, AREAS, weather, reports=True)
    agent.warm_up(WARM_UP)
    return agent


def numbers(state):
    """Return copies of all arrays of a state."""
    if isinstance(state, np.ndarray):
        return [state.copy()]
    return [state.temperature_c.copy(), state.on.copy(), state.mode_steps.copy()]


def test_a_day_is_rehearsed_step_by_step_and_then_its_first_step_is_real():
    agent = ledger_agent()

    said = live(agent, 0, now_at(0), lowest_kw, rounds=2)

    day = [
        (kind, step)
        for step in range(8)
        for kind in ((StoreReport, BidBook) if step % 4 == 0 else (BidBook,))
    ]
    expected = [
        *(
            (kind, Moment(step, turn, step == 7, made_at=0))
            for turn in (0, 1)
            for kind, step in day
        ),
        (StoreReport, Moment(0)),
        (BidBook, Moment(0)),
    ]
    assert [(type(it), it.moment) for it in said] == expected


def test_what_is_rehearsed_is_foreseen_from_the_real_step_and_no_later():
    asked = []

    def forecast(made_at, step, steps):
        asked.append((made_at, step))
        return clockwork(made_at, step, steps)

    agent = FleetAgent(Ledger(), CALENDAR, AREAS, forecast, reports=True)
    agent.warm_up(WARM_UP)
    before = len(asked)
    for step in range(2):
        live(agent, step, now_at(step), lowest_kw)

    assert all(made_at == step for made_at, step in asked[:before])
    assert {made_at for made_at, _ in asked[before:]} == {0}
    assert {step for _, step in asked[before:]} == set(range(8))


def test_within_a_day_a_step_is_bids_alone_or_a_report_before_them():
    agent = ledger_agent()
    kinds = []

    for step in range(8):
        said = live(agent, step, now_at(step), lowest_kw)
        kinds.append([type(it) for it in said if it.moment.rehearsal is None])

    report, bids = [StoreReport, BidBook], [BidBook]
    assert kinds == [report, bids, bids, bids, report, bids, bids, bids]


def test_who_does_not_report_plans_without_congestion_prices():
    agent = ledger_agent(reports=False)

    said = [it for s in range(8) for it in live(agent, s, now_at(s), lowest_kw)]

    assert {type(it) for it in said} == {BidBook}
    assert not np.array(agent.sites.surcharges).any()


def test_congestion_prices_go_into_the_plan_of_their_step():
    agent = ledger_agent()
    report = agent.begin(0, now_at(0))

    agent.answer(prices_for(report, 0.7))

    assert agent.sites.planned[-1] == 0
    assert (agent.sites.surcharges[-1] == 0.7).all()


@pytest.mark.parametrize("replan_steps", [1, 3, 5, 8])
@pytest.mark.parametrize("steps", [1, 7, 8, 19])
def test_every_bid_rests_on_a_plan_of_its_past_whatever_the_calendar(
    replan_steps, steps
):
    calendar = Calendar(steps, 8, replan_steps, HORIZON)
    agent = ledger_agent(calendar=calendar)  # its sites check each bid's plan

    for step in range(steps):
        said = live(agent, step, now_at(step), lowest_kw, rounds=2)

        rehearsed = [it.moment for it in said if it.moment.rehearsal is not None]
        assert bool(rehearsed) == (step % 8 == 0)
        if rehearsed:
            assert max(it.step for it in rehearsed) == min(step + 8, steps) - 1


def test_a_calendar_says_when_plans_and_rehearsals_are_due_and_days_end():
    calendar = Calendar(steps=20, day_steps=8, replan_steps=3, horizon_steps=9)

    assert [k for k in range(-8, 20) if calendar.plans_at(k)] == [
        *(-8, -5, -2, 0, 3, 6, 8, 11, 14, 16, 19)
    ]
    assert [k for k in range(20) if calendar.rehearses_at(k)] == [0, 8, 16]
    assert [calendar.day_end(k) for k in (0, 8, 16)] == [8, 16, 20]


@pytest.mark.parametrize(
    ("power_kw", "said"),
    [
        ((0.5, 1.0), "site 0 of ledger got 0.5 kW beside"),  # nothing between 0 and 1
        ((0.0, 3.0 + 2 * TOLERANCE_KW), "site 1 of ledger got 2e-06 kW beside"),
        ((-0.2, 1.0), "site 0 of ledger got 0.2 kW beside"),
        ((0.0, np.nan), "site 1 of ledger got nan kW beside"),
        ((0.0,), "1 set-points for 2 sites of ledger"),
        ((0.0, 1.0, 1.0), "3 set-points for 2 sites of ledger"),
    ],
)
def test_a_set_point_that_was_not_offered_is_refused(power_kw, said):
    agent = ledger_agent()
    live(agent, 0, now_at(0), lowest_kw)
    before = agent.state.copy()
    book = agent.begin(1, now_at(1))

    with pytest.raises(InvariantError, match=said):
        agent.answer(dispatch_for(book, power_kw))

    np.testing.assert_array_equal(agent.state, before)


@pytest.mark.parametrize(
    "power_kw", [(0.0, 1.0), (1.7, 2.2), (2.0, 3.0 + TOLERANCE_KW / 2)]
)
def test_a_set_point_on_or_between_what_was_offered_is_obeyed(power_kw):
    agent = ledger_agent()
    live(agent, 0, now_at(0), lowest_kw)
    before = agent.state.copy()
    book = agent.begin(1, now_at(1))

    assert agent.answer(dispatch_for(book, power_kw)) is None

    np.testing.assert_allclose(agent.state - before, power_kw)
    record = agent.record
    np.testing.assert_array_equal(record["power_kw"], power_kw)
    np.testing.assert_array_equal(record["setpoint_kw"], power_kw)
    np.testing.assert_array_equal(record["offer_low_kw"], [0, 1])
    np.testing.assert_array_equal(record["offer_high_kw"], [2, 3])
    assert (record["off_offer_kw"] <= TOLERANCE_KW).all()


def test_an_answer_that_nobody_asked_for_is_refused():
    agent = ledger_agent()
    for early in (
        prices_for(replace_moment(0)),
        Dispatch(np.zeros(2), False, None, Moment(0)),
    ):
        with pytest.raises(InvariantError, match="answer"):
            agent.answer(early)

    report = agent.begin(0, now_at(0))
    with pytest.raises(InvariantError, match="answer"):
        agent.answer(prices_for(replace_moment(1)))
    book = agent.answer(prices_for(report))
    with pytest.raises(InvariantError, match="answer"):
        agent.answer(prices_for(report))
    with pytest.raises(InvariantError, match="answer"):
        agent.answer(replace(dispatch_for(book), moment=Moment(0)))


def replace_moment(step):
    """Return a message about a real step."""
    return prices_for(Dispatch(np.zeros(2), False, None, Moment(step)))


def test_a_dispatch_is_obeyed_once():
    agent = ledger_agent()
    live(agent, 0, now_at(0), lowest_kw)
    dispatch = dispatch_for(agent.begin(1, now_at(1)))
    agent.answer(dispatch)

    with pytest.raises(InvariantError, match="does not answer"):
        agent.answer(dispatch)


@pytest.mark.parametrize("make", [heat_pumps, batteries])
def test_a_rehearsal_leaves_the_real_state_alone(make):
    agent = make()
    before, state = numbers(agent.state), agent.state
    message = agent.begin(0, weather(0, 0, 1))

    while message.moment.rehearsal is not None:
        if isinstance(message, StoreReport):
            message = agent.answer(prices_for(message))
        else:
            message = agent.answer(dispatch_for(message, message.power_kw[:, -1]))
        assert agent.state is state

    for one, other in zip(before, numbers(agent.state), strict=True):
        np.testing.assert_array_equal(one, other)
    assert agent.record == {}


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("make", [heat_pumps, batteries])
def test_a_real_day_is_as_it_was_rehearsed_when_the_set_points_are(make, seed):
    rng, agent = np.random.default_rng(seed), make()
    part = rng.integers(0, 3, (8, 4))

    def choose(book):
        return book.power_kw[np.arange(4), part[book.moment.step]]

    said = [it for s in range(8) for it in live(agent, s, weather(s, s, 1), choose, 2)]

    rehearsed, real = (
        [it for it in said if isinstance(it, BidBook) and it.moment.rehearsal == turn]
        for turn in (1, None)
    )
    for one, other in zip(rehearsed, real, strict=True):
        assert one.moment.step == other.moment.step
        np.testing.assert_array_equal(one.power_kw, other.power_kw)
        np.testing.assert_array_equal(one.cost_dkk, other.cost_dkk)


@pytest.mark.parametrize("make", [heat_pumps, batteries])
def test_warming_up_is_reproducible_and_each_site_takes_its_cheapest(make):
    one, two = make(), make()
    sites = one.sites

    for a, b in zip(numbers(one.state), numbers(two.state), strict=True):
        np.testing.assert_array_equal(a, b)
    first = weather(-WARM_UP, -WARM_UP, HORIZON)
    state = sites.start(float(first.ambient_c.mean()))
    for step in range(-WARM_UP, 0):
        if step % 4 == 0:
            plan = sites.plan(
                step, weather(step, step, HORIZON), np.zeros((2, HORIZON))
            )
        now = weather(step, step, 1)
        power = cheapest_kw(sites.bids(state, plan, now, Moment(step)), 0.25)
        state, _ = sites.apply(state, now, power)
    for a, b in zip(numbers(one.state), numbers(state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_warm_up_homes_are_at_rest():
    agent = FleetAgent(Ledger(), CALENDAR, AREAS, clockwork, reports=True)

    agent.warm_up(0)

    np.testing.assert_array_equal(agent.state, np.full(2, (HORIZON - 1) / 2))


def test_the_cheapest_option_is_the_highest_of_those_within_the_indifference():
    step_h = 0.25
    little = INDIFFERENCE_DKK_PER_KWH * step_h  # for a kW of a step
    power_kw = np.array([[0.0, 1.0, 2.0]] * 6)
    cost_dkk = np.array(
        [
            [3.0, 1.0, 2.0],
            [1.0, 1.0, 1.0],
            [1.0, 1.0 + 0.9 * little, 1.0 + 1.8 * little],
            [1.0, 1.0 + 1.1 * little, 1.0 + 1.9 * little],
            [1.0, 1.0 + 1.1 * little, 1.0 + 2.2 * little],
            [1.0 + 0.5 * little, 1.0, 1.0 + 1.1 * little],
        ]
    )
    parted = np.ones((6, 2), dtype=np.bool_)
    area = np.zeros(6, dtype=np.int64)
    book = BidBook(area, power_kw, cost_dkk, parted, np.zeros(6), Moment(0))

    cheapest = cheapest_kw(book, step_h)

    np.testing.assert_array_equal(cheapest, [1, 2, 2, 2, 0, 1])


def test_a_fleet_without_sites_has_nothing_that_is_cheapest():
    none = np.zeros((0, 3))
    empty = BidBook(
        np.zeros(0, dtype=np.int64), none, none, none[:, 1:] > 0, none[:, 0], Moment(0)
    )

    assert cheapest_kw(empty, 0.25).shape == (0,)
    assert distance_kw(empty, np.zeros(0)).shape == (0,)


def test_the_distance_to_an_offer_is_none_within_a_divisible_stretch():
    book = Ledger().bids(np.zeros(2), 0, now_at(0), Moment(0))

    for power_kw, away_kw in (
        ([0.0, 1.0], [0, 0]),
        ([0.3, 2.5], [0.3, 0]),
        ([1.4, 3.2], [0, 0.2]),
        ([-0.1, 0.4], [0.1, 0.6]),
    ):
        away = distance_kw(book, np.array(power_kw))
        np.testing.assert_allclose(away, away_kw, atol=1e-12)
