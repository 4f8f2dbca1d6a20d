"""What the mechanism guarantees, G1 to G8, asked of aggregators and DSO as they talk.

G7 (private) stands in ``test_messages.py``, and what only devices can keep of G1 in
their tests.
"""

from dataclasses import dataclass, replace

import numpy as np
import pulp
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination.aggregator import Aggregator
from mosaik_bottomup.coordination.clearing import AggregatorRules
from mosaik_bottomup.coordination.rehearsal import RehearsalRules
from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance
from mosaik_bottomup.coordination.system_operator import (
    DsoRules,
    Forecast,
    SystemOperator,
)
from mosaik_bottomup.devices.agent import distance_kw
from mosaik_bottomup.messages import (
    INDIFFERENCE_DKK_PER_KWH,
    AreaOffer,
    BidBook,
    Moment,
)

STEP_H = 0.25
IMBALANCE = Imbalance(above_dkk_per_kwh=0.4, below_dkk_per_kwh=0.9)
TOLERANCE_KW = 1e-5
TOLERANCE_DKK = 1e-5
NOW = Moment(7)

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=40)
both = pytest.mark.parametrize("allocation", ["least-cost", "proportional"])


@dataclass
class Market:
    """Fleets' bids by aggregator, the limits of the areas, and what was sold."""

    books: dict[str, dict[str, BidBook]]
    uncontrolled_kw: np.ndarray
    import_kw: np.ndarray
    export_kw: np.ndarray
    schedule_kw: dict[str, float]

    @property
    def areas(self):
        """How many there are."""
        return self.uncontrolled_kw.size

    @property
    def all_books(self):
        """Those of all aggregators."""
        return [book for books in self.books.values() for book in books.values()]


def draw_book(rng, areas, sites=5, divisible=0.5):
    n, j = rng.integers(1, sites + 1), rng.integers(1, 5)
    power = np.sort(rng.choice(np.arange(-6, 9) / 2, (n, j)), axis=1)
    return BidBook(
        rng.integers(0, areas, n),
        power,
        rng.normal(0, 0.5, (n, j)),
        rng.random((n, j - 1)) < divisible,
        np.zeros(n),
        NOW,
    )


def draw_market(seed, areas=2, aggregators=3, sold=0.5, divisible=0.5):
    rng = np.random.default_rng(seed)
    books = {
        f"aggregator-{g}": {
            f"fleet-{g}-{f}": draw_book(rng, areas, divisible=divisible)
            for f in range(rng.integers(1, 3))
        }
        for g in range(rng.integers(1, aggregators + 1))
    }
    return Market(
        books,
        rng.normal(0, 4, areas),
        rng.uniform(0, 12, areas),
        rng.uniform(0, 12, areas),
        {name: rng.normal(0, 6) for name in books if rng.random() < sold},
    )


def make_parties(market, allocation):
    rules = AggregatorRules(market.areas, STEP_H, IMBALANCE, 60, True, True)
    aggregators = {name: Aggregator(rules, Solver()) for name in market.books}
    for name, sold_kw in market.schedule_kw.items():
        aggregators[name].schedule_kw[NOW.step] = sold_kw
    zero = np.zeros((market.areas, 1))
    price = np.ones(1)
    dso = SystemOperator(
        DsoRules(
            market.areas,
            STEP_H,
            IMBALANCE,
            allocation,
            RehearsalRules(market.areas, "none", True, 5, 0.0, 0.1, 0.05),
        ),
        Solver(),
        lambda *_: Forecast(market.uncontrolled_kw[:, None], zero, price, price),
        lambda _: (market.import_kw[:, None], market.export_kw[:, None]),
    )
    return aggregators, dso


@dataclass
class Outcome:
    """What one step's negotiation came to."""

    offers: dict[str, AreaOffer]
    envelopes: dict
    power_kw: dict[str, np.ndarray]
    aggregators: dict[str, Aggregator]
    dso: SystemOperator

    def sums_kw(self, market):
        """Return what all sites of each area run at."""
        return sum(area_sums(market, name, self.power_kw) for name in market.books)


def negotiate(market, allocation="least-cost"):
    aggregators, dso = make_parties(market, allocation)
    offers = {n: aggregators[n].hear_fleets(books) for n, books in market.books.items()}
    envelopes = dso.hear(offers)
    power = {}
    for name, envelope in envelopes.items():
        answers = aggregators[name].hear_dso(envelope)
        power |= {fleet: answer.power_kw for fleet, answer in answers.items()}
    return Outcome(offers, envelopes, power, aggregators, dso)


def area_sums(market, name, power_kw):
    sums = np.zeros(market.areas)
    for fleet, book in market.books[name].items():
        np.add.at(sums, book.area, power_kw[fleet])
    return sums


def ends(market, column):
    sums = np.zeros(market.areas)
    for book in market.all_books:
        np.add.at(sums, book.area, book.power_kw[:, column])
    return sums


def must_run_fits(market):
    """Say, per area, whether the lowest and the highest powers leave a way."""
    lowest = market.uncontrolled_kw + ends(market, 0)
    highest = market.uncontrolled_kw + ends(market, -1)
    return (lowest <= market.import_kw) & (highest >= -market.export_kw)


def indifference_dkk(market):
    """Return what clearing may give away at what makes no difference to a site."""
    flexible_kw = (ends(market, -1) - ends(market, 0)).sum()
    return STEP_H * INDIFFERENCE_DKK_PER_KWH * flexible_kw + TOLERANCE_DKK


# --- G1: quality of service ---------------------------------------------------------


@both
@law
@given(seed=seeds)
def test_g1_nobody_gets_an_option_that_was_not_offered(allocation, seed):
    market = draw_market(seed)

    outcome = negotiate(market, allocation)

    for books in market.books.values():
        for fleet, book in books.items():
            assert (distance_kw(book, outcome.power_kw[fleet]) <= TOLERANCE_KW).all()


# --- G2: security -------------------------------------------------------------------


@both
@law
@given(seed=seeds)
def test_g2_import_is_within_the_limit_wherever_must_run_is(allocation, seed):
    market = draw_market(seed)

    outcome = negotiate(market, allocation)

    load = market.uncontrolled_kw + outcome.sums_kw(market)
    must = market.uncontrolled_kw + ends(market, 0)
    assert (load <= np.maximum(market.import_kw, must) + TOLERANCE_KW).all()


@both
@law
@given(seed=seeds)
def test_g2_export_is_within_the_limit_wherever_divisible_power_allows(
    allocation, seed
):
    market = draw_market(seed, divisible=1.0)

    outcome = negotiate(market, allocation)

    load = market.uncontrolled_kw + outcome.sums_kw(market)
    highest = market.uncontrolled_kw + ends(market, -1)
    fits = must_run_fits(market)
    least = np.minimum(-market.export_kw, highest)
    assert (load[fits] >= least[fits] - TOLERANCE_KW).all()


@both
@law
@given(seed=seeds)
def test_g2_overload_is_the_least_possible_and_is_said(allocation, seed):
    market = draw_market(seed)

    outcome = negotiate(market, allocation)

    lowest = market.uncontrolled_kw + ends(market, 0)
    highest = market.uncontrolled_kw + ends(market, -1)
    over = np.maximum(lowest - market.import_kw, 0)
    under = np.maximum(-market.export_kw - highest, 0)
    said = outcome.dso.record["forecast_overload_kw"]
    np.testing.assert_allclose(said, over + under, atol=TOLERANCE_KW)


# --- G3: envelopes suffice ----------------------------------------------------------


@both
@law
@given(seed=seeds)
def test_g3_any_response_inside_the_envelopes_is_secure(allocation, seed):
    market = draw_market(seed)
    envelopes = negotiate(market, allocation).envelopes.values()
    low = np.stack([it.low_kw for it in envelopes])
    high = np.stack([it.high_kw for it in envelopes])
    rng = np.random.default_rng(seed)

    shares = [np.zeros(low.shape), np.ones(low.shape)]  # all at one end
    shares += [rng.integers(0, 2, low.shape) for _ in range(8)]  # corners
    shares += [rng.random(low.shape) for _ in range(8)]

    fits = must_run_fits(market)
    for share in shares:
        load = market.uncontrolled_kw + (low + share * (high - low)).sum(axis=0)
        assert (load[fits] <= market.import_kw[fits] + TOLERANCE_KW).all()
        assert (load[fits] >= -market.export_kw[fits] - TOLERANCE_KW).all()


# --- G4: commitment -----------------------------------------------------------------


@both
@law
@given(seed=seeds)
def test_g4_without_congestion_every_aggregator_gets_what_it_chose_freely(
    allocation, seed
):
    market = draw_market(seed)
    plenty = np.full(market.areas, 1e3)
    market = replace(market, import_kw=plenty, export_kw=plenty)

    outcome = negotiate(market, allocation)

    for name, aggregator in outcome.aggregators.items():
        record = aggregator.record
        assert record.cleared_kw.tolist() == outcome.offers[name].plan_kw.tolist()
    assert not outcome.dso.record["congestion_price"].any()


@law
@given(seed=seeds)
def test_g4_with_congestion_no_secure_point_is_cheaper(seed):
    market = draw_market(seed)
    assume(must_run_fits(market).all())
    outcome = negotiate(market)
    names = list(market.books)
    records = [outcome.aggregators[name].record for name in names]

    cost = sum(
        cleared_cost_dkk(outcome.offers[name], record.cleared_kw)
        for name, record in zip(names, records, strict=True)
    )

    low = np.stack([record.offer_low_kw for record in records])
    high = np.stack([record.offer_high_kw for record in records])
    rng = np.random.default_rng(seed)
    for _ in range(40):
        at = np.stack([record.cleared_kw for record in records])
        at = np.clip(at + rng.normal(0, 10 ** rng.uniform(-2, 1), at.shape), low, high)
        load = market.uncontrolled_kw + at.sum(axis=0)
        if (load <= market.import_kw).all() and (load >= -market.export_kw).all():
            other = sum(
                cleared_cost_dkk(outcome.offers[name], row)
                for name, row in zip(names, at, strict=True)
            )
            assert other >= cost - indifference_dkk(market)


def cleared_cost_dkk(offer, power_kw):
    """Cost of bids and imbalance at an aggregator's power per area."""
    total = 0.0
    for slope, width, base, at in zip(
        offer.slopes_dkk_per_kwh, offer.widths_kw, offer.base_kw, power_kw, strict=True
    ):
        corners = np.concatenate([[0.0], width.cumsum()])
        total += np.interp(at - base, corners, np.append(0.0, (slope * width).cumsum()))
    return STEP_H * (total + imbalance_dkk_per_h(power_kw.sum(), offer.target_kw))


def imbalance_dkk_per_h(power_kw, target_kw):
    if target_kw is None:
        return 0.0
    off = power_kw - target_kw
    return IMBALANCE.above_dkk_per_kwh * max(off, 0) + (
        IMBALANCE.below_dkk_per_kwh * max(-off, 0)
    )


# --- G5: monotone -------------------------------------------------------------------


@law
@given(seed=seeds, tighter=st.floats(0, 1))
def test_g5_a_tighter_limit_never_raises_what_is_cleared_in_its_area(seed, tighter):
    market = draw_market(seed)
    factor = np.array([tighter, 1.0])

    loose = negotiate(market)
    tight = negotiate(replace(market, import_kw=factor * market.import_kw))

    sums = [
        sum(aggregator.record.cleared_kw[0] for aggregator in it.aggregators.values())
        for it in (loose, tight)
    ]
    assert sums[1] <= sums[0] + TOLERANCE_KW


@law
@given(seed=seeds, tighter=st.floats(0, 1))
def test_g5_a_tighter_limit_never_raises_what_runs_in_its_area(seed, tighter):
    market = draw_market(seed, aggregators=1, sold=0.0)

    loose = negotiate(market).sums_kw(market)
    tight_market = replace(market, import_kw=tighter * market.import_kw)
    tight = negotiate(tight_market).sums_kw(market)

    assert (tight <= loose + TOLERANCE_KW).all()


@law
@given(seed=seeds, rise=st.floats(0, 5))
def test_g5_a_higher_price_never_raises_a_sites_power(seed, rise):
    rng = np.random.default_rng(seed)
    book = draw_book(rng, 2)
    dearer = replace(book, cost_dkk=book.cost_dkk + STEP_H * rise * book.power_kw)
    rules = AggregatorRules(2, STEP_H, IMBALANCE, 60, False, False)

    before, after = (
        Aggregator(rules, Solver()).hear_fleets({"fleet": it})["fleet"].power_kw
        for it in (book, dearer)
    )

    assert (after <= before + TOLERANCE_KW).all()


# --- G6: near-exact -----------------------------------------------------------------


def clear_exactly(books, limit_kw, target_kw):
    """Return power and cost of the mixed-integer clearing: every option yes or no."""
    problem = pulp.LpProblem("exact", pulp.LpMinimize)
    power, cost = [], []
    for b, book in enumerate(books):
        for i, (powers, costs) in enumerate(
            zip(book.power_kw, book.cost_dkk, strict=True)
        ):
            taken = [
                problem.add_variable(f"take_{b}_{i}_{j}", 0, 1, pulp.LpBinary)
                for j in range(powers.size)
            ]
            problem += pulp.lpSum(taken) == 1
            power += [p * it for p, it in zip(powers.tolist(), taken, strict=True)]
            cost += [c * it for c, it in zip(costs.tolist(), taken, strict=True)]
    total = pulp.lpSum(power)
    problem += total <= limit_kw
    if target_kw is not None:
        above, below = problem.add_variable("a", 0), problem.add_variable("b", 0)
        problem += total == target_kw + above - below
        cost.append(STEP_H * IMBALANCE.above_dkk_per_kwh * above)
        cost.append(STEP_H * IMBALANCE.below_dkk_per_kwh * below)
    problem += pulp.lpSum(cost)
    stats = problem.solve(pulp.getSolver("HiGHS", msg=False, threads=1, gapRel=0))
    assert stats.status == pulp.LpSolveStatus.Optimal
    return total.value(), problem.objective.value()


def site_cost_dkk(book, power_kw):
    """Cost of each site: between options what their mix costs, the cheapest first."""
    total = 0.0
    for powers, costs, at in zip(book.power_kw, book.cost_dkk, power_kw, strict=True):
        best = np.inf
        for low, c in zip(powers, costs, strict=True):
            for high, d in zip(powers, costs, strict=True):
                if low - 1e-9 <= at <= high + 1e-9:
                    part = (at - low) / (high - low) if high > low else 0.0
                    best = min(best, c + part * (d - c))
        total += best
    return total


@settings(deadline=None, max_examples=80)
@given(seed=seeds)
def test_g6_power_and_cost_are_those_of_the_exact_clearing_but_for_one_option(seed):
    market = draw_market(seed, areas=1, aggregators=1)
    name, books = next(iter(market.books.items()))
    limit = market.import_kw[0] - market.uncontrolled_kw[0]
    market = replace(market, export_kw=np.full(1, 1e3))
    assume(must_run_fits(market).all())
    target = market.schedule_kw.get(name)

    outcome = negotiate(market)

    offer = outcome.offers[name]
    cleared = outcome.aggregators[name].record.cleared_kw[0]
    slopes, widths = offer.slopes_dkk_per_kwh[0], offer.widths_kw[0]
    corners = offer.base_kw[0] + widths.cumsum()
    marginal = min(
        int(np.searchsorted(corners, cleared - 1e-9)), max(widths.size - 1, 0)
    )
    width = widths[marginal] if widths.size else 0.0
    # what leaving the whole width out changes of the imbalance: it may cross the target
    imbalance = imbalance_dkk_per_h(cleared - width, target)
    imbalance -= imbalance_dkk_per_h(cleared, target)
    power = sum(outcome.power_kw[fleet].sum() for fleet in books)
    cost = sum(site_cost_dkk(it, outcome.power_kw[f]) for f, it in books.items())
    cost += STEP_H * imbalance_dkk_per_h(power, target)
    exact_kw, exact_dkk = clear_exactly(books.values(), limit, target)
    assert abs(power - exact_kw) <= width + TOLERANCE_KW
    saved = width * slopes[marginal] if widths.size else 0.0
    allowed = STEP_H * max(imbalance - saved, 0)
    assert cost - exact_dkk <= allowed + indifference_dkk(market)


def test_g6_the_exact_clearing_may_run_another_machine_instead_of_the_one_left_out():
    book = BidBook(
        np.zeros(2, np.int64),
        np.array([[0.0, 5.0], [0.0, 2.0]]),
        np.array([[0.0, -5.0], [0.0, -1.0]]),
        np.zeros((2, 1), np.bool_),
        np.zeros(2),
        NOW,
    )
    market = Market(
        {"one": {"fleet": book}}, np.zeros(1), np.full(1, 3.0), np.zeros(1), {}
    )

    power = negotiate(market).power_kw["fleet"]

    assert power.tolist() == [0, 0]
    assert clear_exactly([book], 3.0, None) == (2.0, -1.0)


# --- G7: private --------------------------------------------------------------------


@law
@given(seed=seeds)
def test_g7_the_dso_hears_of_areas_and_of_segments_and_never_of_a_site(seed):
    market = draw_market(seed)

    offers = negotiate(market).offers

    for offer in offers.values():
        for sums in (offer.plan_kw, offer.base_kw, offer.reactive_max_kvar):
            assert sums.shape == (market.areas,)
        assert len(offer.slopes_dkk_per_kwh) == market.areas
        assert len(offer.widths_kw) == market.areas


# --- G8: reproducible ---------------------------------------------------------------


@both
@law
@given(seed=seeds)
def test_g8_the_order_in_which_messages_arrive_changes_nothing(allocation, seed):
    market = draw_market(seed)
    turned = replace(
        market,
        books={
            name: dict(reversed(books.items()))
            for name, books in reversed(market.books.items())
        },
    )

    first, second = (negotiate(it, allocation).power_kw for it in (market, turned))

    assert {name: power.tolist() for name, power in first.items()} == {
        name: power.tolist() for name, power in second.items()
    }
