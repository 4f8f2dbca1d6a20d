"""A surcharge rises where there is too much, falls where there is room again."""

import numpy as np
import pytest

from mosaik_bottomup.coordination.operator import Forecast
from mosaik_bottomup.coordination.price_iteration import PricingOperator
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import (
    AreaOffer,
    CongestionPrices,
    Moment,
    StoreOffer,
    StoreReport,
)

IMPORT_KW, EXPORT_KW, LOAD_KW, GAIN = 20.0, 10.0, 5.0, 0.4


def operator(rounds=3):
    def forecast(made_at, step, steps):
        load = LOAD_KW * np.ones((1, steps))
        return Forecast(load, 0 * load, np.ones(steps), np.ones(steps))

    def capability(kvar):
        return IMPORT_KW * np.ones(kvar.shape), EXPORT_KW * np.ones(kvar.shape)

    return PricingOperator(1, rounds, GAIN, forecast, capability)


def offer(plan_kw, moment):
    none = [np.zeros(0)]
    plan = np.array([float(plan_kw)])
    return {"one": AreaOffer(plan, plan, none, none, None, np.zeros(1), moment)}


def ask(dso, moment, steps=3):
    flat, none = np.zeros((1, steps)), np.zeros(1)
    store = StoreReport(
        "heat_pumps",
        none,
        np.zeros((1, steps + 1)),
        none,
        flat,
        flat,
        flat,
        none,
        none,
        0.0,
        flat,
        flat,
        none,
        moment,
    )
    answer = dso.hear({"one": StoreOffer([store], none, moment)})["one"]
    assert isinstance(answer, CongestionPrices)
    return answer.ahead_dkk_per_kwh[0].tolist()


def rehearse(dso, number, plans_kw):
    """Go through a day of two steps; return the last answer."""
    for step, plan in enumerate(plans_kw):
        moment = Moment(step, number, step == len(plans_kw) - 1)
        answer = dso.hear(offer(plan, moment))["one"]
        assert np.isinf(answer.high_kw).all()
    return answer


def test_the_surcharge_climbs_by_the_relative_excess_and_stops_when_all_fits():
    dso = operator()

    assert ask(dso, Moment(0, 0)) == [0, 0, 0]
    first = rehearse(dso, 0, [25.0, -20.0])  # 30 of 20 kW in, 15 of 10 kW out
    assert (first.again, first.commit) == (True, None)
    # 10 / 20 and 5 / 10 beyond; the export side is a negative price
    assert ask(dso, Moment(0, 1)) == pytest.approx([GAIN / 2, -GAIN / 2, 0])
    second = rehearse(dso, 1, [15.0, -15.0])

    assert (second.again, second.commit) == (False, 1)
    assert dso.excess_kw == pytest.approx([15.0, 0.0])
    assert ask(dso, Moment(0)) == pytest.approx([GAIN / 2, -GAIN / 2, 0])


def test_gains_shrink_and_a_surcharge_falls_where_there_is_room_again():
    dso = operator(rounds=9)
    rehearse(dso, 0, [25.0, 25.0])
    ask(dso, Moment(0, 1))
    rehearse(dso, 1, [25.0, 5.0])

    price = ask(dso, Moment(0, 2))

    shrunk = GAIN / np.sqrt(2)
    assert price[:2] == pytest.approx(
        [GAIN / 2 + shrunk / 2, max(GAIN / 2 - shrunk / 2, 0)]
    )


def test_when_rounds_are_spent_the_best_one_stands():
    dso = operator(rounds=3)
    rehearse(dso, 0, [25.0, 25.0])
    ask(dso, Moment(0, 1))
    rehearse(dso, 1, [16.0, 15.0])
    ask(dso, Moment(0, 2))
    last = rehearse(dso, 2, [30.0, 0.0])

    assert (last.again, last.commit) == (False, 1)
    assert ask(dso, Moment(0)) == pytest.approx([GAIN / 2, GAIN / 2, 0])


def test_a_new_day_begins_without_a_surcharge():
    dso = operator(rounds=1)
    assert rehearse(dso, 0, [25.0, 25.0]).commit == 0

    assert ask(dso, Moment(2, 0)) == [0, 0, 0]
    assert len(dso.excess_kw) == 1


def test_a_real_step_is_recorded_and_bounds_nobody():
    dso = operator()
    rehearse(dso, 0, [1.0, 1.0])

    answer = dso.hear(offer(99.0, Moment(0)))["one"]

    assert np.isinf(answer.high_kw).all()
    assert dso.record["import_limit_kw"].tolist() == [IMPORT_KW]
    assert dso.record["look_ahead_price"].tolist() == [0]
    assert np.isnan(dso.record["congestion_price"]).all()


def test_offers_of_different_moments_are_a_fault():
    with pytest.raises(InvariantError):
        operator().hear(offer(1.0, Moment(0)) | {"two": offer(1.0, Moment(1))["one"]})
