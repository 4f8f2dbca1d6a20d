"""The coming day is rehearsed and sold, and then comes as it was rehearsed."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import parties as makers
from mosaik_bottomup import scenario
from mosaik_bottomup.day_ahead import Parties, negotiate
from mosaik_bottomup.grid.headroom import Headroom
from mosaik_bottomup.messages import Dispatch

SMALL = (
    "run.step_s=3600",
    "run.warm_up_h=2",
    "run.duration_h=8",
    "sites.heat_pumps=12",
    "sites.pv_batteries=10",
    "grid.transformer_kva=60.0",
    "households.sigma=0.2",
)
TIGHT = (
    *SMALL,
    "run.start=2016-01-04T14:00:00+01:00",
    "sites.heat_pumps=50",
    "sites.pv_batteries=40",
    "grid.transformer_kva=[75.0, 90.0]",
)
TWO_DAYS = (*SMALL, "run.duration_h=48", "day_ahead.rounds=2")
TOLERANCE_KW = 1e-5
MOST_KW = 6.0  # no option of a heat pump is wider


def make_parties(case):
    """Return the parties of a case, at transformers without losses."""
    rating = case.scenario.grid.transformer_kva
    flat = np.zeros((len(case.network.areas), 5))
    headroom = Headroom(np.array(rating), 1.0, flat, flat)
    agents = {it.name: makers.fleet_agent(case, it) for it in case.fleets}
    dso = makers.system_operator(case, headroom, lambda: np.ones(len(rating)))
    return Parties(
        agents,
        {it.name: it.aggregator for it in case.fleets},
        {name: makers.aggregator(case.scenario) for name in case.aggregators},
        dso,
    )


def load_case(overrides, **options):
    return cases.build(scenario.load("two_areas", list(overrides), **options))


def run(case, parties=None):
    """Negotiate every step; return what was recorded, by party and name."""
    parties = parties or make_parties(case)
    forecasts = {
        it.name: makers.fleet_forecast(case, it.sites.fleet.home) for it in case.fleets
    }
    steps = []
    for step in range(case.scenario.run.steps):
        negotiate(parties, step, {n: at(step, step, 1) for n, at in forecasts.items()})
        said = {n: dict(agent.record) for n, agent in parties.fleets.items()}
        said["dso"] = dict(parties.dso.record)
        for name, aggregator in parties.aggregators.items():
            record = aggregator.record
            said[name] = {f: getattr(record, f) for f in record.__slots__}
        steps.append(said)
    return parties, steps


def series(steps, name, value):
    return np.stack([said[name][value] for said in steps])


def load_kw(case, steps):
    """Net power of all meters, by step and area."""
    lead = case.scenario.run.warm_up_steps
    load = case.uncontrolled_kw[:, lead : lead + len(steps)].copy()
    for fleet in case.fleets:
        load[fleet.sites.fleet.home] += series(steps, fleet.name, "power_kw").T
    areas = np.arange(len(case.network.areas))[:, None]
    return ((case.network.home_area == areas) @ load).T


@pytest.fixture(scope="module")
def tight():
    case = load_case(TIGHT)
    return case, *run(case)


@pytest.fixture(scope="module")
def two_days():
    case = load_case(TWO_DAYS)
    return case, *run(case)


@pytest.fixture(scope="module")
def price_only():
    case = load_case(TIGHT, strategy="price-only")
    return case, *run(case)


def test_price_only_would_break_the_limit_that_coordination_keeps(price_only, tight):
    """G2+ on a short scenario: no overload where the day can be foreseen."""
    free, kept = (load_kw(it[0], it[2]) for it in (price_only, tight))
    limit = series(tight[2], "dso", "import_limit_kw")

    assert (free > limit + 1.0).any()
    assert (kept <= limit + TOLERANCE_KW).all()
    assert (series(tight[2], "dso", "forecast_overload_kw") <= TOLERANCE_KW).all()


def test_it_comes_as_it_was_foreseen(tight):
    case, _, steps = tight

    foreseen = series(steps, "dso", "uncontrolled_forecast_kw")
    flexible = sum(series(steps, n, "dispatched_kw") for n in case.aggregators)

    np.testing.assert_allclose(foreseen + flexible, load_kw(case, steps), atol=1e-6)


def test_no_home_leaves_its_comfort_or_gets_what_it_did_not_offer(tight):
    case, _, steps = tight

    for fleet in case.fleets:
        assert (series(steps, fleet.name, "off_offer_kw") <= TOLERANCE_KW).all()
        if fleet.name.startswith("heat"):
            air = series(steps, fleet.name, "air_c")
            assert (air >= fleet.sites.fleet.comfort_low_c - 1e-6).all()


def test_the_schedule_covers_every_step(two_days):
    case, parties, _ = two_days

    for aggregator in parties.aggregators.values():
        assert sorted(aggregator.schedule_kw) == list(range(case.scenario.run.steps))


def test_with_perfect_forecasts_what_was_sold_is_delivered(two_days):
    case, _, steps = two_days

    for name in case.aggregators:
        sold = series(steps, name, "schedule_kw")
        delivered = series(steps, name, "dispatched_kw").sum(axis=1)
        assert np.isfinite(sold).all()
        assert np.abs(delivered - sold).max() <= MOST_KW
        assert np.abs(delivered - sold).mean() <= 0.05 * np.abs(sold).mean()


def test_each_day_is_rehearsed_anew(two_days):
    case, parties, _ = two_days

    rounds = parties.dso.rehearsals

    assert rounds[0].margin.tolist() == [0.0] * len(case.network.areas)
    for held in rounds:
        assert set(held.price_dkk_per_kwh) == set(range(24, 48))


def test_the_rehearsal_of_a_day_leaves_no_trace_in_the_homes():
    """Rehearsing more rounds than one changes what is known, not what is."""
    case = load_case(SMALL)
    parties = make_parties(case)
    before = {n: states(agent.state) for n, agent in parties.fleets.items()}
    seen = []
    for agent in parties.fleets.values():
        spy_on_last_bid(agent, seen)

    forecasts = {
        it.name: makers.fleet_forecast(case, it.sites.fleet.home) for it in case.fleets
    }
    negotiate(parties, 0, {n: at(0, 0, 1) for n, at in forecasts.items()})

    assert len(seen) == len(parties.fleets)
    for agent, state in seen:
        name = next(n for n, it in parties.fleets.items() if it is agent)
        for one, other in zip(state, before[name], strict=True):
            np.testing.assert_array_equal(one, other)


def spy_on_last_bid(agent, seen):
    """Note a fleet's state when the real dispatch comes, after all rehearsals."""
    answer = agent.answer

    def spy(message):
        if isinstance(message, Dispatch) and message.moment.rehearsal is None:
            seen.append((agent, states(agent.state)))
        return answer(message)

    agent.answer = spy


def states(state):
    """Return a fleet's state as a list of arrays."""
    if isinstance(state, np.ndarray):
        return [state.copy()]
    return [np.array(getattr(state, name)) for name in state.__slots__]


def test_price_only_asks_nobody(price_only):
    case, parties, steps = price_only

    assert parties.dso.record == {}
    assert parties.dso.rehearsals == []
    for name in case.aggregators:
        assert np.isinf(series(steps, name, "envelope_high_kw")).all()


def test_price_only_runs_every_site_at_its_own_cheapest():
    case = load_case((*SMALL, "aggregators.segments=5"), strategy="price-only")
    coarse = run(case)[1]
    fine = run(load_case(SMALL, strategy="price-only"))[1]

    for fleet in case.fleets:
        one, other = (series(it, fleet.name, "power_kw") for it in (coarse, fine))
        np.testing.assert_array_equal(one, other)


def test_g8_a_run_is_a_function_of_scenario_and_seed(tight):
    _, _, first = tight
    np.random.default_rng().random()

    _, second = run(load_case(TIGHT))

    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            for value in one[name]:
                _assert_same(one[name][value], other[name][value])


def _assert_same(one, other):
    if is_dataclass(one):
        for field in fields(one):
            _assert_same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            _assert_same(one[key], other[key])
    else:
        np.testing.assert_array_equal(one, other)


def test_g8_another_seed_is_another_run():
    short = (*SMALL, "run.duration_h=1")
    one, other = (run(load_case(short, seed=seed))[1] for seed in (1, 2))

    name = "heat-pumps-1"
    assert not np.array_equal(
        series(one, name, "power_kw"), series(other, name, "power_kw")
    )


@pytest.mark.parametrize(
    "change",
    [
        ["aggregators.count=1"],
        ["aggregators.count=10", "sites.heat_pumps=6", "sites.pv_batteries=4"],
        ["sites.heat_pumps=0"],
        ["sites.pv_batteries=0"],
        ['dso.allocation="proportional"'],
        ['dso.look_ahead="none"'],
        ['dso.look_ahead="store"', "day_ahead.rehearsal=false"],
        ['dso.look_ahead="rehearsal"', "day_ahead.rounds=2"],
        ["planning.every_h=3", "run.duration_h=5"],
        ["grid.loading_limit_percent=0.1", "day_ahead.rounds=2"],
        ["run.duration_h=1", "run.warm_up_h=0"],
        ["run.start=2016-06-20T10:00:00+02:00", "grid.loading_limit_percent=5.0"],
    ],
)
def test_whatever_the_scenario_nobody_leaves_offer_or_envelope(change):
    case = load_case((*SMALL, "run.duration_h=3", *change))

    _, steps = run(case)

    for fleet in case.fleets:
        assert (series(steps, fleet.name, "off_offer_kw") <= TOLERANCE_KW).all()
    least = series(steps, "dso", "forecast_overload_kw")
    load = load_kw(case, steps)
    most = series(steps, "dso", "import_limit_kw") + least
    assert (load <= most + TOLERANCE_KW).all()
    low = -series(steps, "dso", "export_limit_kw") - least
    assert (load >= low - MOST_KW).all()  # a machine that must run whole, or not


def test_at_perfect_forecasts_noon_sells_what_is_delivered_and_hardly_anything_trades():
    sold_at_noon = ("day_ahead.gate_closure_h=12", "intraday.every_h=2")
    free = (*TWO_DAYS, *sold_at_noon, "run.step_s=1800", "grid.transformer_kva=400.0")
    case = load_case(free)

    parties, steps = run(case)

    for name, aggregator in parties.aggregators.items():
        sold_kwh = np.abs(series(steps, name, "schedule_kw")).sum()
        off_kw = series(steps, name, "dispatched_kw").sum(axis=1)
        off_kw -= series(steps, name, "schedule_kw")
        assert np.abs(off_kw).sum() <= 0.005 * sold_kwh
        assert series(steps, name, "traded_kw").sum() <= 0.01 * sold_kwh
        assert list(aggregator.position.day_ahead_kw) == list(range(96))


def test_a_schedule_is_final_once_its_gate_has_closed():
    rules = ("day_ahead.gate_closure_h=12", "intraday.every_h=2")
    case = load_case((*TWO_DAYS, *rules, "intraday.cost_dkk_per_kwh=0.0"))
    parties = make_parties(case)
    forecasts = {
        it.name: makers.fleet_forecast(case, it.sites.fleet.home) for it in case.fleets
    }

    final: dict[str, dict[int, float]] = {name: {} for name in parties.aggregators}
    for step in range(case.scenario.run.steps):
        negotiate(parties, step, {n: at(step, step, 1) for n, at in forecasts.items()})
        for name, aggregator in parties.aggregators.items():
            # an hour is one step here: only what begins later may still change
            schedule_kw = aggregator.schedule_kw
            assert all(schedule_kw[k] == kw for k, kw in final[name].items())
            final[name] = {k: kw for k, kw in schedule_kw.items() if k <= step}


@pytest.mark.parametrize("strategy", ["price-only", "stage-one"])
def test_who_is_compared_with_sells_at_the_same_gate_closure(strategy):
    rules = ("day_ahead.gate_closure_h=12", "intraday.every_h=2")
    case = load_case((*TWO_DAYS, *rules), strategy=strategy)

    parties, steps = run(case)

    for name, aggregator in parties.aggregators.items():
        assert not np.isnan(series(steps, name, "day_ahead_kw")).any()
        if strategy == "price-only":
            assert aggregator.position.traded_kw == {}
