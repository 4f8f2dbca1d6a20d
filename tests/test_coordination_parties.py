"""Aggregator and DSO keep to the protocol: who answers what, and what is committed."""

from dataclasses import replace

import numpy as np
import pytest

from mosaik_bottomup.calendar import Calendar
from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.coordination.clearing import AggregatorRules, join
from mosaik_bottomup.coordination.intraday import IntradayMarket, Position
from mosaik_bottomup.coordination.operator import less_margin, room_of_step
from mosaik_bottomup.coordination.rehearsal import FEEDBACK, RehearsalRules
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.system_operator import (
    DsoRules,
    Forecast,
    SystemOperator,
)
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    AreaOffer,
    BidBook,
    CongestionPrices,
    Envelope,
    Moment,
    StoreOffer,
    StoreReport,
)

STEP_H = 0.25
AREAS = 2
HORIZON = 4
MARGIN_STEP = 0.1
FIRST_MARGIN = 0.02
IMBALANCE = Imbalance(0.15, 0.15)
RULES = AggregatorRules(AREAS, STEP_H, IMBALANCE, 60, True, True)


def sold(schedule_kw):
    return Position(dict(schedule_kw), dict(schedule_kw))


def make_book(moment, slope=-1.0, wide_kw=4.0, area=(0, 1), divisible=True, kvar=0.5):
    n = len(area)
    cost = np.array([[0.0, STEP_H * slope * wide_kw]] * n)
    return BidBook(
        np.array(area),
        np.array([[0.0, wide_kw]] * n),
        cost,
        np.full((n, 1), divisible),
        np.full(n, kvar),
        moment,
    )


def make_report(moment, need_kw=5.0):
    """Return heat pumps of 10 kW and a COP of 1 that must run for half a step."""
    one, each = np.ones(AREAS), np.ones((AREAS, HORIZON))
    return StoreReport(
        "heat_pumps",
        0 * one,
        np.ones((AREAS, HORIZON + 1)),
        one,
        STEP_H * need_kw * each,
        each,
        10 * each,
        one,
        0 * one,
        0.0,
        0 * each,
        0 * each,
        2 * one,
        moment,
    )


def make_offer(moment, plan_kw, base_kw=(0.0, 0.0)):
    base, plan = np.array(base_kw, float), np.array(plan_kw, float)
    slopes, widths = [np.array([-1.0])] * AREAS, [np.array([20.0])] * AREAS
    return AreaOffer(plan, base, slopes, widths, None, np.ones(AREAS), moment)


def make_envelope(moment, high=(9.0, 9.0), low=(0.0, 0.0), commit=None, again=False):
    return Envelope(np.array(low, float), np.array(high, float), again, commit, moment)


def make_dso(look_ahead="combined", limit_kw=(10.0, 10.0), **rules):
    """Return a DSO, and the list of what its forecast and capability were asked."""
    asked = []
    limit = np.array(limit_kw)[:, None]

    def forecast(made_at, step, steps):
        asked.append(("forecast", made_at, step, steps))
        flat = np.ones((AREAS, steps))
        return Forecast(1.0 * flat, 0.3 * flat, 2 * np.ones(steps), np.ones(steps))

    def capability(kvar):
        asked.append(("capability", kvar))
        return limit * np.ones(kvar.shape), 0.5 * limit * np.ones(kvar.shape)

    rehearsal = RehearsalRules(
        areas=AREAS,
        look_ahead=look_ahead,
        secured=rules.pop("secured", True),
        rounds=rules.pop("rounds", 3),
        first_margin=rules.pop("first_margin", FIRST_MARGIN),
        margin_step=rules.pop("margin_step", MARGIN_STEP),
        reserve=rules.pop("reserve", 0.0),
    )
    dso_rules = {
        "areas": AREAS,
        "step_h": STEP_H,
        "imbalance": IMBALANCE,
        "allocation": "least-cost",
        "rehearsal": rehearsal,
    }
    return SystemOperator(
        DsoRules(**dso_rules | rules), Solver(), forecast, capability
    ), asked


def rehearse(dso, must_run_kw, first=0, steps=2):
    """Go through rounds until told to stop; return the last envelope and its round."""
    for round_ in range(99):
        for step in range(first, first + steps):
            moment = Moment(step, round_, step == first + steps - 1)
            dso.hear({"one": StoreOffer([make_report(moment)], np.ones(AREAS), moment)})
            base = must_run_kw(round_, step)
            offer = make_offer(moment, base, base)
            envelope = dso.hear({"one": offer})["one"]
        if not envelope.again:
            return envelope, round_
    raise AssertionError("it never ends")


# --- aggregator ---------------------------------------------------------------------


def test_an_aggregator_passes_stores_up_and_prices_down():
    aggregator = Aggregator(RULES, Solver())
    reports = {"b": make_report(Moment(0)), "a": make_report(Moment(0))}

    offer = aggregator.hear_fleets(reports)
    prices = CongestionPrices(np.ones((AREAS, HORIZON)), Moment(0))

    assert offer.stores == [reports["a"], reports["b"]]
    assert offer.reactive_max_kvar.tolist() == [4, 4]
    assert offer.moment == Moment(0)
    assert aggregator.hear_dso(prices) is prices


def test_its_offer_sums_up_its_sites_by_area():
    aggregator = Aggregator(RULES, Solver(), sold({3: 5.0}))
    cold = make_book(Moment(3), area=(0, 0, 1))
    leading = replace(cold, reactive_kvar=np.array([1.0, -2.0, 0.3]))
    shifted = replace(leading, power_kw=leading.power_kw + 1.0)

    offer = aggregator.hear_fleets({"fleet": shifted})

    assert offer.base_kw.tolist() == [2, 1]
    assert [width.tolist() for width in offer.widths_kw] == [[4, 4], [4]]
    assert [slope.tolist() for slope in offer.slopes_dkk_per_kwh] == [[-1, -1], [-1]]
    assert offer.plan_kw.tolist() == [10, 5]  # a kWh earns more than imbalance costs
    assert offer.reactive_max_kvar.tolist() == [1.0, 0.3]  # leading never helps
    assert offer.target_kw == 5.0


def test_a_rehearsal_leaves_a_schedule_that_can_be_traded_for_less_than_imbalance():
    """A kWh earns 0.1 DKK: less than an imbalance costs, and more than a trade."""
    calendar = Calendar(
        96, 96, 8, 104, trade_every_steps=8, trade_gate_steps=4, trade_reach_steps=16
    )
    rules = replace(RULES, market=IntradayMarket(calendar, 0.05))
    aggregator = Aggregator(rules, Solver(), sold({4: 0.0, 20: 0.0}))

    def plan_kw(moment):
        return aggregator.hear_fleets({"fleet": make_book(moment, -0.1)}).plan_kw

    assert plan_kw(Moment(4, 0, made_at=0)).tolist() == [4, 4]
    assert plan_kw(Moment(20, 0, made_at=0)).tolist() == [0, 0]  # beyond its reach
    assert plan_kw(Moment(4)).tolist() == [0, 0]


def test_many_bids_are_merged_for_the_dso_alone():
    rules = replace(RULES, segments=3)
    rng = np.random.default_rng(0)
    book = make_book(Moment(0), area=(0,) * 20)
    book = replace(book, cost_dkk=rng.normal(size=(20, 2)), power_kw=book.power_kw)
    aggregator = Aggregator(rules, Solver())

    offer = aggregator.hear_fleets({"fleet": book})
    power = aggregator.hear_dso(make_envelope(Moment(0), high=(80, 0)))[
        "fleet"
    ].power_kw

    assert offer.widths_kw[0].size == 3
    cheapest = np.where(book.cost_dkk[:, 1] < book.cost_dkk[:, 0], 4.0, 0.0)
    assert power.tolist() == cheapest.tolist()


def test_the_order_in_which_fleets_speak_breaks_no_tie():
    """Of two alike, one can have its 4 kW."""
    told = []
    for names in (("a", "b"), ("b", "a")):
        aggregator = Aggregator(RULES, Solver())
        aggregator.hear_fleets(
            {name: make_book(Moment(0), area=(0,)) for name in names}
        )
        told.append(aggregator.hear_dso(make_envelope(Moment(0), high=(4.0, 9.0))))

    powers = [
        {name: it.power_kw.tolist() for name, it in each.items()} for each in told
    ]
    assert powers[0] == powers[1]
    assert sorted(powers[0].values()) == [[0.0], [4.0]]


def test_a_cap_is_on_what_is_dispatched_and_not_on_the_plan_in_the_record():
    aggregator = Aggregator(RULES, Solver())
    aggregator.hear_fleets({"fleet": make_book(Moment(0))})

    cap = np.array([2.0, np.inf])
    aggregator.hear_dso(replace(make_envelope(Moment(0)), site_cap_kw=cap))

    assert aggregator.record.plan_kw.tolist() == [4, 4]
    assert aggregator.record.dispatched_kw.tolist() == [2, 4]


def test_each_fleet_gets_the_set_points_of_its_own_sites():
    aggregator = Aggregator(RULES, Solver())
    books = {
        "b": make_book(Moment(0), area=(1,), wide_kw=3.0),
        "a": make_book(Moment(0), area=(0, 1), wide_kw=4.0),
    }

    aggregator.hear_fleets(books)
    answers = aggregator.hear_dso(make_envelope(Moment(0), again=True, commit=None))

    assert answers["a"].power_kw.tolist() == [4, 4]
    assert answers["b"].power_kw.tolist() == [3]
    assert answers["a"].moment == Moment(0)
    assert answers["a"].again


def test_a_plan_within_the_envelope_stands_and_one_beyond_is_cleared_again():
    for high, expected in (((4, 4), [4, 4]), ((1, 4), [1, 4])):
        aggregator = Aggregator(RULES, Solver())
        aggregator.hear_fleets({"fleet": make_book(Moment(0))})

        answer = aggregator.hear_dso(make_envelope(Moment(0), high=high))

        assert answer["fleet"].power_kw.tolist() == expected
        assert aggregator.record.plan_kw.tolist() == [4, 4]
        assert aggregator.record.cleared_kw.tolist() == expected
        assert aggregator.record.dispatched_kw.tolist() == expected
        assert aggregator.record.offer_low_kw.tolist() == [0, 0]
        assert aggregator.record.offer_high_kw.tolist() == [4, 4]
        assert np.isnan(aggregator.record.schedule_kw)


def test_a_lower_end_lifts_what_would_not_run():
    aggregator = Aggregator(RULES, Solver())
    aggregator.hear_fleets({"fleet": make_book(Moment(0), slope=1.0)})

    answer = aggregator.hear_dso(make_envelope(Moment(0), low=(3, 0)))

    assert answer["fleet"].power_kw.tolist() == [3, 0]


def test_what_a_machine_left_out_is_worth_follows_the_schedule():
    """A gap in the schedule is filled only with what is cheaper than imbalance."""
    for price, filled in ((0.1, 1.0), (0.2, 0.0)):
        moment = Moment(5)
        book = make_book(moment, area=(0, 0), wide_kw=2.0)
        book = replace(
            book,
            cost_dkk=np.array([[0.0, STEP_H * 2 * 0.01], [0.0, STEP_H * 2 * price]]),
            divisible=np.array([[False], [True]]),
        )
        aggregator = Aggregator(RULES, Solver(), sold({5: 1.0}))
        aggregator.hear_fleets({"fleet": book})

        answer = aggregator.hear_dso(make_envelope(moment))

        np.testing.assert_allclose(answer["fleet"].power_kw, [0, filled])


@pytest.mark.parametrize(
    ("sold_kw", "expected"), [(None, [0, 0]), (0.5, [0, 0]), (9.0, [0, 3])]
)
def test_without_need_of_power_nothing_dear_fills_the_gap(sold_kw, expected):
    moment = Moment(5)
    book = make_book(moment, area=(0, 0), divisible=True)
    cost = STEP_H * 4.0 * np.array([[0, -1.0], [0, 0.1]])
    book = replace(book, cost_dkk=cost, divisible=np.array([[False], [True]]))
    aggregator = Aggregator(
        RULES, Solver(), sold({} if sold_kw is None else {5: sold_kw})
    )
    aggregator.hear_fleets({"fleet": book})

    answer = aggregator.hear_dso(make_envelope(moment, high=(3, 0)))

    np.testing.assert_allclose(answer["fleet"].power_kw, expected)


def test_the_committed_round_becomes_the_schedule_and_only_that():
    aggregator = Aggregator(RULES, Solver())
    for round_, high in enumerate([(3, 3), (1, 2), (4, 4)]):
        for step in (10, 11):
            moment = Moment(step, round_, step == 11)
            aggregator.hear_fleets({"fleet": make_book(moment)})
            last = (round_, step) == (2, 11)
            envelope = make_envelope(moment, high=high, commit=1 if last else None)
            aggregator.hear_dso(envelope)

    assert aggregator.schedule_kw == {10: 3.0, 11: 3.0}
    assert aggregator.record is None  # nothing was real
    assert not aggregator._rehearsed_kw


@pytest.mark.parametrize("rehearsal", [None, 0])
def test_what_is_sold_binds_rehearsed_or_real_and_the_rest_is_free(rehearsal):
    aggregator = Aggregator(RULES, Solver(), sold({96: 6.0}))

    offers = [
        aggregator.hear_fleets({"fleet": make_book(Moment(step, rehearsal))})
        for step in (96, 97)
    ]

    assert [it.target_kw for it in offers] == [6.0, None]


def test_a_later_commitment_leaves_earlier_days_as_they_were():
    aggregator = Aggregator(RULES, Solver(), sold({0: 6.0}))
    moment = Moment(1, 0, True)
    aggregator.hear_fleets({"fleet": make_book(moment)})

    aggregator.hear_dso(make_envelope(moment, commit=0))

    assert aggregator.schedule_kw == {0: 6.0, 1: 8.0}


def test_who_follows_no_schedule_has_no_target():
    rules = replace(RULES, follows_schedule=False)

    offer = Aggregator(rules, Solver(), sold({0: 6.0})).hear_fleets(
        {"fleet": make_book(Moment(0))}
    )

    assert offer.target_kw is None


def test_price_only_never_asks_the_dso():
    rules = replace(RULES, asks_dso=False, follows_schedule=False)
    aggregator = Aggregator(rules, Solver())

    answers = aggregator.hear_fleets({"fleet": make_book(Moment(0))})

    assert answers["fleet"].power_kw.tolist() == [4, 4]
    assert not answers["fleet"].again
    assert np.isinf(aggregator.record.envelope_high_kw).all()
    assert np.isinf(aggregator.record.envelope_low_kw).all()


def test_price_only_commits_its_one_rehearsal_at_the_end():
    rules = replace(RULES, asks_dso=False, follows_schedule=False)
    aggregator = Aggregator(rules, Solver())

    said = [
        aggregator.hear_fleets({"fleet": make_book(Moment(step, 0, step == 1))})
        for step in (0, 1)
    ]

    assert [it["fleet"].commit for it in said] == [None, 0]
    assert aggregator.schedule_kw == {0: 8.0, 1: 8.0}


def test_a_last_real_step_commits_nothing():
    rules = replace(RULES, asks_dso=False, follows_schedule=False)

    said = Aggregator(rules, Solver()).hear_fleets(
        {"fleet": make_book(Moment(0, None, True))}
    )

    assert said["fleet"].commit is None


@pytest.mark.parametrize(
    "said",
    [
        {"a": make_book(Moment(0)), "b": make_book(Moment(1))},
        {"a": make_book(Moment(0)), "b": make_report(Moment(0))},
    ],
)
def test_fleets_that_speak_of_different_things_are_a_fault(said):
    with pytest.raises(InvariantError, match="different things"):
        Aggregator(RULES, Solver()).hear_fleets(said)


def test_an_envelope_nobody_asked_for_is_a_fault():
    aggregator = Aggregator(RULES, Solver())
    with pytest.raises(InvariantError, match="does not answer"):
        aggregator.hear_dso(make_envelope(Moment(0)))

    aggregator.hear_fleets({"fleet": make_book(Moment(0))})
    with pytest.raises(InvariantError, match="does not answer"):
        aggregator.hear_dso(make_envelope(Moment(0, 0)))


def test_an_envelope_is_answered_once():
    aggregator = Aggregator(RULES, Solver())
    aggregator.hear_fleets({"fleet": make_book(Moment(0))})
    aggregator.hear_dso(make_envelope(Moment(0)))

    with pytest.raises(InvariantError, match="does not answer"):
        aggregator.hear_dso(make_envelope(Moment(0)))


def test_dispatch_beyond_the_envelope_would_be_a_fault(monkeypatch):
    monkeypatch.setattr(
        "mosaik_bottomup.coordination.clearing.dispatch",
        lambda order, least_kw, *_: least_kw + 2.0,
    )
    aggregator = Aggregator(RULES, Solver())
    aggregator.hear_fleets({"fleet": make_book(Moment(0))})

    with pytest.raises(InvariantError, match="area 1 is dispatched 1 kW beyond"):
        aggregator.hear_dso(make_envelope(Moment(0), high=(2, 1)))


def test_must_run_beyond_its_envelope_is_none():
    aggregator = Aggregator(RULES, Solver())
    book = make_book(Moment(0))
    aggregator.hear_fleets({"fleet": replace(book, power_kw=book.power_kw + 1)})

    answer = aggregator.hear_dso(make_envelope(Moment(0), high=(0, 0)))

    assert answer["fleet"].power_kw.tolist() == [1, 1]


def test_joined_books_repeat_last_options():
    short = make_book(Moment(0), area=(0,))
    long = BidBook(
        np.array([1]),
        np.array([[0.0, 1.0, 2.0]]),
        np.array([[5.0, 6.0, 7.0]]),
        np.array([[False, False]]),
        np.array([3.0]),
        Moment(0),
    )

    book = join([short, long])

    assert book.area.tolist() == [0, 1]
    assert book.power_kw.tolist() == [[0, 4, 4], [0, 1, 2]]
    assert book.cost_dkk.tolist() == [[0, -1, -1], [5, 6, 7]]
    assert book.divisible.tolist() == [[True, True], [False, False]]
    assert book.reactive_kvar.tolist() == [0.5, 3.0]


# --- DSO ----------------------------------------------------------------------------


def test_every_aggregator_gets_the_same_prices_and_its_own_envelope():
    dso, _ = make_dso()
    moment = Moment(4)
    stores = {n: StoreOffer([make_report(moment)], np.ones(2), moment) for n in "ab"}
    offers = {"b": make_offer(moment, (2, 0)), "a": make_offer(moment, (6, 0))}

    prices, envelopes = dso.hear(stores), dso.hear(offers)

    assert prices["a"] is prices["b"]
    assert prices["a"].ahead_dkk_per_kwh.shape == (AREAS, HORIZON)
    assert (envelopes["a"].high_kw[0], envelopes["b"].high_kw[0]) == pytest.approx(
        (6 + 14 / 32, 2 + 18 / 32)  # of 1 kW left, by what each could still use
    )
    assert envelopes["a"].moment == moment


def test_limits_are_asked_for_at_the_most_reactive_power():
    dso, asked = make_dso()
    moment = Moment(4)
    offer = make_offer(moment, (0, 0))

    dso.hear({"a": offer, "b": offer})

    assert asked[0] == ("forecast", 4, 4, 1)
    np.testing.assert_allclose(asked[1][1], [[2.3], [2.3]])


def test_a_rehearsed_step_is_foreseen_from_the_step_it_is_rehearsed_in():
    dso, asked = make_dso()
    moment = Moment(4, 0, made_at=2)
    offer = make_offer(moment, (0, 0))

    dso.hear({"a": offer, "b": offer})
    dso.hear({"a": StoreOffer([make_report(moment)], np.full(2, 5.0), moment)})

    assert asked[0] == ("forecast", 2, 4, 1)
    assert asked[2] == ("forecast", 2, 4, HORIZON)


def test_a_margin_for_the_forecast_lowers_both_limits_and_is_recorded():
    dso, _ = make_dso()
    plain = dso.forecast

    def wary(made_at, step, steps):
        margin = np.stack([np.full((AREAS, steps), kw) for kw in (3.0, 2.0)])
        return replace(plain(made_at, step, steps), margin_kw=margin)

    offer = make_offer(Moment(4), (0, 0))
    room = room_of_step(plain, dso.capability, {"a": offer}, Moment(4))
    less = room_of_step(wary, dso.capability, {"a": offer}, Moment(4))
    dso.forecast = wary
    dso.hear({"a": offer, "b": offer})

    np.testing.assert_allclose(less.import_kw, room.import_kw - 3)
    np.testing.assert_allclose(less.export_kw, room.export_kw - 2)
    assert room.margin_kw.tolist() == [0, 0]
    assert dso.record["forecast_margin_kw"].tolist() == [3, 3]


def test_the_look_ahead_asks_for_all_its_steps_at_the_most_reactive_power():
    dso, asked = make_dso()
    moment = Moment(4)

    dso.hear({"a": StoreOffer([make_report(moment)], np.full(2, 5.0), moment)})

    assert asked[0] == ("forecast", 4, 4, HORIZON)
    np.testing.assert_allclose(asked[1][1], np.full((AREAS, HORIZON), 5.3))


def test_a_real_step_is_recorded_and_a_rehearsed_one_is_not():
    dso, _ = make_dso()
    dso.hear({"a": make_offer(Moment(0, 0), (0, 0))})
    assert dso.record == {}

    dso.hear({"a": make_offer(Moment(0), (12, 0), (10, 0))})

    record = dso.record
    assert record["import_limit_kw"].tolist() == [10, 10]
    assert record["export_limit_kw"].tolist() == [5, 5]
    assert record["uncontrolled_forecast_kw"].tolist() == [1, 1]
    np.testing.assert_allclose(record["forecast_overload_kw"], [1, 0], atol=1e-9)
    assert record["congestion_price"][0] > 0
    assert record["look_ahead_price"].tolist() == [0, 0]


def test_the_look_ahead_price_of_each_real_step_is_recorded():
    dso, _ = make_dso(limit_kw=(4.0, 100.0), first_margin=0.0)
    moment = Moment(4)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)
    ahead = dso.hear({"a": stores})["a"].ahead_dkk_per_kwh

    recorded = []
    for step in range(4, 10):
        dso.hear({"a": make_offer(Moment(step), (0, 0))})
        recorded.append(dso.record["look_ahead_price"].tolist())

    assert ahead[0].any()
    expected = ahead.T.tolist()
    assert recorded == expected + [expected[-1]] * 2


def test_the_margin_is_kept_free_in_the_look_ahead_alone():
    """It needs 5 kW beside 1 kW: the limit leaves that, the margin of 10 % does not."""
    moment = Moment(0, 0)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)

    free, kept = (
        make_dso(limit_kw=(6.5, 6.5), first_margin=margin)[0]
        .hear({"a": stores})["a"]
        .ahead_dkk_per_kwh
        for margin in (0.0, 0.1)
    )

    assert not free.any()
    assert (kept > 0).all()


def test_margins_wider_than_the_limits_are_cut_alike_until_they_meet():
    one = np.ones((1, 1))

    most, least, kept = less_margin(
        6 * one, 4 * one, np.array([15.0, 5.0])[:, None, None]
    )

    assert (most[0, 0], least[0, 0], kept[0, 0]) == (-1.5, 1.5, 7.5)


def test_the_look_ahead_leaves_room_for_the_forecasts_error():
    """It needs 5 kW beside 1 kW: the limit leaves that, less a margin it does not."""
    moment = Moment(0, 0)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)
    dso, _ = make_dso(limit_kw=(6.5, 6.5), first_margin=0.0)
    plain = dso.forecast

    def wary(made_at, step, steps):
        return replace(plain(made_at, step, steps), margin_kw=np.ones((2, AREAS, 1)))

    free = dso.hear({"a": stores})["a"].ahead_dkk_per_kwh
    dso.forecast = wary
    kept = dso.hear({"a": stores})["a"].ahead_dkk_per_kwh

    assert not free.any()
    assert (kept > 0).all()


@pytest.mark.parametrize("margin", [1.0, 3.0])
def test_a_margin_of_all_and_more_leaves_nothing_and_is_no_error(margin):
    moment = Moment(0, 0)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)
    dso, _ = make_dso(first_margin=margin)

    assert (dso.hear({"a": stores})["a"].ahead_dkk_per_kwh > 0).all()


def test_a_secure_rehearsal_is_held_once():
    dso, _ = make_dso()

    envelope, round_ = rehearse(dso, lambda *_: (5, 5))

    assert (envelope.again, envelope.commit, round_) == (False, 0, 0)
    assert dso.rehearsals[0].margin.tolist() == [FIRST_MARGIN] * 2


def test_margins_are_raised_only_where_a_rehearsal_finds_an_overload():
    dso, _ = make_dso()

    envelope, round_ = rehearse(dso, lambda r, _: (5, 15) if r < 1 else (5, 5))

    assert (envelope.commit, round_) == (1, 1)
    margins = [it.margin.tolist() for it in dso.rehearsals]
    assert margins == [
        [FIRST_MARGIN, FIRST_MARGIN],
        [FIRST_MARGIN, FIRST_MARGIN + MARGIN_STEP],
    ]


def test_a_rehearsal_that_is_secure_but_leaves_no_reserve_is_held_again():
    """Of 10 kW must-run and 1 kW beside it leave 1 kW in the first round, then 2 kW."""
    dso, _ = make_dso(reserve=0.15)

    envelope, round_ = rehearse(dso, lambda r, _: (5, 8) if r < 1 else (5, 7))

    assert (envelope.commit, round_) == (1, 1)
    assert dso.rehearsals[0].overload_kw.tolist() == [0, 0]
    np.testing.assert_allclose(dso.rehearsals[0].shortage_kw, [0, 0.5])
    assert dso.rehearsals[1].margin.tolist() == [
        FIRST_MARGIN,
        FIRST_MARGIN + MARGIN_STEP,
    ]


def test_without_a_reserve_the_best_round_is_sold_and_no_prices_are_fed_back():
    dso, _ = make_dso(reserve=0.15)
    kw = {0: (5, 8.6), 1: (5, 8.2), 2: (5, 8.4)}

    envelope, round_ = rehearse(dso, lambda r, _: kw[r])

    assert (envelope.commit, round_) == (1, 2)
    assert not any(it.feeds_back for it in dso.rehearsals)


def test_a_round_without_overload_is_sold_before_one_that_leaves_more_reserve():
    """Of 9 kW room they leave 0.1 and 0.1; 4 and half a kW too little."""
    dso, _ = make_dso(reserve=0.15)
    kw = {0: (8.9, 8.9), 1: (5, 9.5), 2: (5, 9.5)}

    envelope, _ = rehearse(dso, lambda r, _: kw[r])

    short = [it.shortage_kw.sum() for it in dso.rehearsals]
    assert short[0] > max(short[1:])
    assert envelope.commit == 0


def test_margins_never_fall_again_within_a_rehearsal():
    dso, _ = make_dso()
    kw = {0: (5, 15), 1: (15, 5), 2: (5, 5)}

    rehearse(dso, lambda r, _: kw[r])

    raised = FIRST_MARGIN + MARGIN_STEP
    np.testing.assert_allclose(dso.rehearsals[2].margin, [raised, raised])


def test_an_overload_in_any_step_counts():
    dso, _ = make_dso()

    _, round_ = rehearse(
        dso, lambda r, step: (15, 5) if (r, step) == (0, 0) else (5, 5)
    )

    assert round_ == 1
    np.testing.assert_allclose(dso.rehearsals[0].overload_kw, [6, 0], atol=1e-9)


def test_after_the_last_round_the_best_is_committed_and_its_margins_kept():
    dso, _ = make_dso()
    kw = {0: (15, 5), 1: (12, 5)}

    envelope, round_ = rehearse(dso, lambda r, _: kw.get(r, (13, 5)))

    assert (envelope.commit, round_, len(dso.rehearsals)) == (1, 5, 6)
    assert dso._day.held is dso.rehearsals[1]


def test_of_equally_good_rounds_the_last_is_committed():
    dso, _ = make_dso()

    envelope, _ = rehearse(dso, lambda *_: (12, 5))

    assert envelope.commit == 5


def test_after_all_margins_a_rehearsal_begins_anew_with_prices_fed_back():
    dso, _ = make_dso(rounds=2)

    envelope, _ = rehearse(dso, lambda r, _: (5, 15) if r < 3 else (5, 5))

    assert envelope.commit == 3
    assert [it.feeds_back for it in dso.rehearsals] == [False, False, True, True]
    assert not dso.rehearsals[2].feedback_dkk_per_kwh
    assert (dso.rehearsals[3].feedback_dkk_per_kwh[0] > 0).any()
    real = Moment(0)
    stores = StoreOffer([make_report(real)], np.ones(AREAS), real)
    price = dso.hear({"one": stores})["one"].ahead_dkk_per_kwh
    np.testing.assert_array_equal(
        price[:, 0], dso.rehearsals[3].feedback_dkk_per_kwh[0]
    )


def test_it_is_told_only_after_the_last_step_what_follows():
    dso, _ = make_dso()

    first = dso.hear({"a": make_offer(Moment(0, 0, False), (15, 0), (15, 0))})["a"]

    assert (first.again, first.commit) == (False, None)


@pytest.mark.parametrize(
    ("rules", "rounds"),
    [
        ({"look_ahead": "combined"}, 6),
        ({"look_ahead": "store"}, 1),
        ({"look_ahead": "none"}, 1),
        ({"look_ahead": "rehearsal"}, 3),
        ({"look_ahead": "combined", "secured": False}, 1),
        ({"look_ahead": "combined", "rounds": 1}, 2),
    ],
)
def test_how_often_is_rehearsed_while_there_is_an_overload(rules, rounds):
    dso, _ = make_dso(**rules)

    envelope, round_ = rehearse(dso, lambda *_: (15, 15))

    assert round_ == rounds - 1
    assert envelope.commit == rounds - 1


def test_by_rehearsal_half_of_each_price_is_fed_back():
    dso, _ = make_dso("rehearsal")
    moment = Moment(1, 0, True)
    limited = make_offer(moment, (15, 0))  # at -1 DKK/kWh, room for 9 kW
    slopes = [np.array([-1.0]), np.array([1.0])]
    limited = replace(limited, slopes_dkk_per_kwh=slopes)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)

    seen = []
    for round_ in range(3):
        now = replace(moment, rehearsal=round_)
        seen.append(dso.hear({"a": replace(stores, moment=now)})["a"].ahead_dkk_per_kwh)
        envelope = dso.hear({"a": replace(limited, moment=now)})["a"]

    assert not seen[0].any()
    assert seen[1][0].tolist() == [FEEDBACK * 1.0, 0, 0, 0]
    assert seen[2][0].tolist() == [(1 - FEEDBACK) * FEEDBACK + FEEDBACK * 1.0, 0, 0, 0]
    assert not seen[2][1].any()
    assert envelope.commit == 2


def test_the_price_fed_back_is_that_of_its_own_step():
    dso, _ = make_dso("rehearsal")
    first, last = Moment(0, 0), Moment(1, 0, True)
    dso.hear({"a": make_offer(first, (0, 0))})
    dso.hear({"a": make_offer(last, (15, 0))})
    again = Moment(0, 1)

    price = dso.hear({"a": StoreOffer([make_report(again)], np.ones(2), again)})["a"]

    assert price.ahead_dkk_per_kwh[0].tolist() == [0, FEEDBACK, 0, 0]


def test_without_look_ahead_prices_are_nothing():
    dso, _ = make_dso("none", limit_kw=(2.0, 2.0))
    moment = Moment(0)

    price = dso.hear({"a": StoreOffer([make_report(moment)], np.ones(2), moment)})["a"]

    assert not price.ahead_dkk_per_kwh.any()
    assert price.ahead_dkk_per_kwh.shape == (AREAS, HORIZON)


def test_a_rehearsal_that_nobody_secures_sells_the_plans_as_they_are():
    dso, _ = make_dso(secured=False)

    rehearsed = dso.hear({"a": make_offer(Moment(0, 0, True), (20, 20))})["a"]
    real = dso.hear({"a": make_offer(Moment(0), (20, 20))})["a"]

    assert rehearsed.high_kw.tolist() == [20, 20]
    assert rehearsed.commit == 0
    np.testing.assert_allclose(real.high_kw, [9, 9])


def test_the_second_day_is_rehearsed_as_if_there_had_been_no_first():
    dso, _ = make_dso()
    rehearse(dso, lambda *_: (15, 15), first=0)
    dso.hear({"a": make_offer(Moment(0), (0, 0))})

    fresh, _ = make_dso()
    for it in (dso, fresh):
        envelope, round_ = rehearse(
            it, lambda r, _: (5, 15) if r < 1 else (5, 5), first=2
        )
        assert (envelope.commit, round_) == (1, 1)

    one, two = dso.rehearsals, fresh.rehearsals
    assert len(one) == len(two) == 2
    for before, after in zip(one, two, strict=True):
        assert before.margin.tolist() == after.margin.tolist()
        assert before.overload_kw.tolist() == after.overload_kw.tolist()
        assert set(before.price_dkk_per_kwh) == set(after.price_dkk_per_kwh) == {2, 3}


def test_between_days_the_prices_come_from_the_round_committed():
    dso, _ = make_dso(limit_kw=(6.5, 6.5), first_margin=0.0)
    rehearse(dso, lambda r, _: (5, 15) if r < 1 else (5, 5))
    moment = Moment(0)

    price = dso.hear({"a": StoreOffer([make_report(moment)], np.ones(2), moment)})["a"]

    assert not price.ahead_dkk_per_kwh[0].any()
    assert (price.ahead_dkk_per_kwh[1] > 0).all()  # its margin was raised


@pytest.mark.parametrize("moments", [(Moment(0), Moment(1)), (Moment(0), Moment(0, 0))])
def test_aggregators_that_speak_of_different_steps_are_a_fault(moments):
    offers = {n: make_offer(m, (0, 0)) for n, m in zip("ab", moments, strict=True)}

    with pytest.raises(InvariantError, match="different things"):
        make_dso()[0].hear(offers)


def test_stores_and_plans_together_are_a_fault():
    moment = Moment(0)
    stores = StoreOffer([make_report(moment)], np.ones(2), moment)

    with pytest.raises(InvariantError, match="different things"):
        make_dso()[0].hear({"a": stores, "b": make_offer(moment, (0, 0))})


def go_through(dso, made_at, round_, kw):
    """Rehearse two steps; return the last envelope."""
    for step in (made_at, made_at + 1):
        moment = Moment(step, round_, step == made_at + 1, made_at)
        dso.hear({"one": StoreOffer([make_report(moment)], np.ones(AREAS), moment)})
        envelope = dso.hear({"one": make_offer(moment, kw, kw)})["one"]
    return envelope


def test_what_is_traded_is_secured_in_one_round_and_leaves_the_days_check_alone():
    calendar = Calendar(
        96, 96, 8, 104, trade_every_steps=8, trade_gate_steps=1, trade_reach_steps=2
    )
    dso, _ = make_dso(market=IntradayMarket(calendar, 0.03), rounds=1)
    while go_through(dso, 0, len(dso.rehearsals), (12, 5)).again:
        pass
    rounds = len(dso.rehearsals)

    dso.hear({"one": make_offer(Moment(0), (5, 5))})
    sold = dso.record
    traded = go_through(dso, 8, 0, (12, 5))
    dso.hear({"one": make_offer(Moment(8), (5, 5))})

    assert not traded.again
    assert traded.commit == 0
    assert len(dso.rehearsals) == rounds == 2
    assert sold["check_rounds"].tolist() == [2, 2]
    np.testing.assert_allclose(sold["check_overload_kw"], [3, 0])
    assert np.isnan(dso.record["check_rounds"]).all()
