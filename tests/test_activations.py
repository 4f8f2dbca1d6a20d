"""Activations in a mosaik world: sent, delivered, vetoed in part, and on record."""

from pathlib import Path

import mosaik
import numpy as np
import pytest
from mosaik_api_v3 import Simulator
from mosaik_components.bottomup.market import Simulator as Market
from mosaik_components.bottomup.ports import packed, unpacked

from mosaik_bottomup import scenario
from mosaik_bottomup.app import wiring, world
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.messages import Activation
from mosaik_bottomup.metrics import evaluate, summarise
from mosaik_bottomup.results import Results, read

SHORT = (
    "run.duration_h=1.5",
    "run.warm_up_h=2",
    "sites.heat_pumps=16",
    "sites.pv_batteries=14",
)
TIGHT = (*SHORT, "grid.transformer_kva=[60, 66]")
FIRST, STEPS = 2, 2
"""Step in which orders begin here, and how long they are."""
IN_PROCESS = "mosaik_components.bottomup.market:Simulator"
SUBPROCESS = "%(python)s -m mosaik_components.bottomup.market %(addr)s"
SOLVER_TOLERANCE = 1e-6


def an_order(delta_kw: float, area: str = "", who: str = "aggregator-1") -> str:
    return (
        f'{{product = "mFRR", aggregator = "{who}", area = "{area}", '
        f"delta_kw = {delta_kw}, start = 2016-01-04T00:30:00+01:00, "
        "ramp_min = 12.5, duration_min = 30.0}"
    )


def ran(file: Path, *overrides: str, orders: str = "", **how: bool) -> Results:
    settled = scenario.load("two_areas", [*overrides, f"activations.orders=[{orders}]"])
    world.run(settled, file, **how)
    return read(file)


def parts(results: Results) -> list[np.ndarray]:
    """Return what was ordered, vetoed and delivered, each (aggregator, time)."""
    return [
        results.series("aggregators", f"activation_{part}_kw")
        for part in ("ordered", "vetoed", "delivered")
    ]


def numbers(results: Results) -> list[np.ndarray]:
    return [results.series("portfolios", "dispatched_kw"), *parts(results)]


def test_an_order_is_delivered_while_it_runs_and_measured_against_the_schedule(
    tmp_path: Path,
) -> None:
    results = ran(tmp_path / "run.h5", *SHORT, orders=an_order(-6.0))

    ordered, vetoed, delivered = parts(results)
    assert ordered[0] == pytest.approx([0, 0, -3.5, -6, 0, 0])
    assert not vetoed.any()
    assert not ordered[1].any()
    np.testing.assert_allclose(delivered, ordered, atol=0.02 * 6.0)
    metrics = evaluate(results)
    assert metrics["activation_error_percent"] < 2
    assert metrics["activation_ordered_kwh"] == pytest.approx(9.5 / 4)
    assert metrics["activation_rebound_ratio"] < 1


def test_what_no_transformer_has_room_for_is_vetoed_in_the_same_step(
    tmp_path: Path,
) -> None:
    file = tmp_path / "run.h5"

    results = ran(file, *TIGHT, orders=an_order(24.0))

    ordered, vetoed, delivered = parts(results)
    running = slice(FIRST, FIRST + STEPS)
    missed = ordered - vetoed - delivered
    assert (vetoed[0, running] > 1).any()
    assert (vetoed <= ordered).all()
    assert (delivered[0, running] > 1).all()
    assert np.abs(missed[0, running]).max() < 0.02 * 24
    summary = summarise(file)
    assert all(area["overload_minutes"] == 0 for area in summary["areas"].values())
    (figures,) = summary["activations"].values()
    assert figures["vetoed_kwh"] == pytest.approx(vetoed.sum() / 4)
    # what was vetoed is nobody's imbalance
    off_kw = results.series("aggregators", "delivered_kw") - (
        results.series("aggregators", "schedule_kw") + ordered - vetoed
    )
    imbalance_kwh = summary["aggregators"]["aggregator-1"]["imbalance_kwh"]
    assert imbalance_kwh == pytest.approx(np.abs(off_kw[0]).sum() / 4)


def test_an_order_of_one_area_moves_that_area(tmp_path: Path) -> None:
    plain = ran(tmp_path / "plain.h5", *SHORT)
    ordered = ran(tmp_path / "area.h5", *SHORT, orders=an_order(-3.0, "B"))

    before, after = (
        it.series("portfolios", "dispatched_kw")[:, FIRST] for it in (plain, ordered)
    )
    assert after - before == pytest.approx([0, -1.75, 0, 0], abs=0.02 * 3)


def test_a_run_without_orders_starts_no_market_and_has_none_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = wiring.Wiring._start

    def note(self: wiring.Wiring, name: str, **params: object) -> object:
        started.append(name)
        return start(self, name, **params)

    monkeypatch.setattr(wiring.Wiring, "_start", note)

    results = ran(tmp_path / "run.h5", *SHORT)

    assert "market" not in started
    assert not np.any(parts(results))
    assert not {key for key in evaluate(results) if key.startswith("activation")}
    assert summarise(results.path)["activations"] == {}


@pytest.mark.slow
def test_separate_processes_deliver_the_same(tmp_path: Path) -> None:
    orders = f"{an_order(24.0)}, {an_order(-6.0, who='aggregator-2')}"
    one = ran(tmp_path / "one.h5", *TIGHT, orders=orders)

    many = ran(tmp_path / "many.h5", *TIGHT, orders=orders, processes=True)

    for mine, theirs in zip(numbers(one), numbers(many), strict=True):
        np.testing.assert_allclose(theirs, mine, atol=SOLVER_TOLERANCE)


# --- the market ---------------------------------------------------------------------


@pytest.mark.parametrize("notice_min", [0.0, 15.0, 20.0, 600.0])
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"python": IN_PROCESS}, id="in-process"),
        pytest.param({"cmd": SUBPROCESS}, id="subprocess", marks=pytest.mark.slow),
    ],
)
def test_the_market_calls_each_aggregator_when_the_notice_begins(
    how: dict[str, str], notice_min: float
) -> None:
    text = scenario.load(
        "two_areas",
        [
            *SHORT,
            f"activations.notice_min={notice_min}",
            f"activations.orders=[{an_order(-6.0)}, {an_order(4.0, 'B')}]",
        ],
    ).to_toml()
    simulators = {
        "market": how,
        "Log": {"python": "mosaik.basic_simulators:OutputSimulator"},
    }
    with mosaik.World(
        simulators,
        mosaik_config={"start_timeout": 60},
        skip_greetings=True,
        configure_logging=False,
    ) as made:
        market = made.start("market", scenario=text)
        log = made.start("Log")
        record = log.Dict()
        one = market.ActivationMarket(aggregator="aggregator-1")
        other = market.ActivationMarket(aggregator="aggregator-2")
        for each in (one, other):
            made.connect(each, record, "activation")
        made.run(until=6 * 900, print_progress=False)
        heard = log.get_dict(record.eid)

    called = max(FIRST - int(notice_min // 15), 0) * 900
    assert list(heard) == [called]
    (said,) = heard[called]["activation"].values()
    assert [unpacked(value, Activation).to_json() for value in said] == [
        Activation("mFRR-1", "mFRR", None, -6.0, 2, 12.5 / 15, 4).to_json(),
        Activation("mFRR-2", "mFRR", 1, 4.0, 2, 12.5 / 15, 4).to_json(),
    ]


class OwnMarket(Simulator):
    """A model of the user's own, which orders something in the step it begins in."""

    def __init__(self, start: int = FIRST) -> None:
        attrs = {"public": True, "params": [], "attrs": ["order"]}
        super().__init__(
            {
                "api_version": "3.0",
                "type": "hybrid",
                "models": {"Own": {**attrs, "non-persistent": ["order"]}},
            }
        )
        self._start = start

    def create(self, num, model, **params):  # type: ignore[no-untyped-def]  # noqa: D102
        return [{"eid": "Own", "type": model}]

    def step(self, time, inputs, max_advance):  # type: ignore[no-untyped-def]  # noqa: D102
        self._now = time // 900
        return FIRST * 900 if not time else None

    def get_data(self, outputs):  # type: ignore[no-untyped-def]  # noqa: D102
        if self._now != FIRST:
            return {}
        said = Activation("mine", "own", None, -6.0, self._start, 0.0, FIRST + STEPS)
        return {"Own": {"order": [packed(said)]}}


def wire_own(monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    tell = wiring.Wiring._tell

    def tell_and_order(self, results, on_progress):  # type: ignore[no-untyped-def]
        starter = mosaik.starters.PythonStarter(OwnMarket, args=(start,))
        own = self._world.start(starter, sim_id="Own").Own()
        aggregator = self._aggregators[0]
        self._world.connect(own, aggregator, ("order", "activation"))
        tell(self, results, on_progress)

    monkeypatch.setattr(wiring.Wiring, "_tell", tell_and_order)


def test_a_model_of_the_users_own_can_order_and_is_followed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire_own(monkeypatch, FIRST)

    results = ran(tmp_path / "run.h5", *SHORT)

    ordered, _, delivered = parts(results)
    assert ordered[0] == pytest.approx([0, 0, -6, -6, 0, 0])
    np.testing.assert_allclose(delivered, ordered, atol=0.02 * 6)


def test_an_order_that_comes_too_late_stops_the_run_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire_own(monkeypatch, FIRST - 1)

    with pytest.raises(ValueError, match="mine was to start in step 1, and it is 2"):
        ran(tmp_path / "run.h5", *SHORT)


# --- scenario -----------------------------------------------------------------------


def refused(*overrides: str) -> dict[str, str]:
    with pytest.raises(InputError) as error:
        scenario.load("two_areas", [*SHORT, *overrides])
    return {problem.key: problem.remedy for problem in error.value.problems}


def test_every_fault_of_an_order_is_said_with_its_row_and_key() -> None:
    bad = an_order(-6.0, "C", "aggregator-3").replace("30.0", "35.0")

    found = refused(f"activations.orders=[{an_order(4.0)}, {bad}]")

    assert found == {
        "activations.orders.1.aggregator": "must be one of aggregator-1, aggregator-2",
        "activations.orders.1.area": "must be one of A, B, or empty for all areas",
        "activations.orders.1.duration_min": "must be whole steps of 15 min",
    }


def test_an_unknown_key_of_an_order_is_named() -> None:
    bad = an_order(-6.0).replace("ramp_min", "ramp")

    found = refused(f"activations.orders=[{bad}]")

    assert "ramp_min" in found["activations.orders.0.ramp"]


@pytest.mark.parametrize("strategy", ["price-only", "static-cap", "optimum"])
def test_where_no_schedule_is_sold_orders_are_refused(strategy: str) -> None:
    orders = f"activations.orders=[{an_order(4.0)}]"

    found = refused(orders, f"run.strategy={strategy}")

    assert "sells no schedule to deviate from" in found["activations.orders"]


def test_a_shortfall_cheaper_than_other_imbalance_is_refused() -> None:
    found = refused("activations.shortfall_dkk_per_kwh=0.1")

    assert "at least what other imbalance costs" in str(found)


def test_a_scenario_with_orders_is_the_same_after_it_was_written_out() -> None:
    orders = f"activations.orders=[{an_order(4.0)}, {an_order(-2.0, 'B')}]"

    settled = scenario.load("two_areas", [*SHORT, orders])

    assert scenario.parse(settled.to_toml()) == settled


def test_the_market_steps_with_all_others_so_that_mosaik_can_forget() -> None:
    market = Market()
    orders = f"activations.orders=[{an_order(-8.0)}]"
    market.init("sid", scenario=scenario.load("two_areas", [*SHORT, orders]).to_toml())
    market.create(1, "ActivationMarket", aggregator="aggregator-1")

    following = [market.step(900 * step, {}, 900) for step in range(4)]

    assert following == [900, 1800, 2700, 3600]
