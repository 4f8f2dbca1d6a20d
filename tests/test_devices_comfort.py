"""The guard foresees what a house does and offers what keeps the band, if any."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.comfort import (
    TOLERANCE_K,
    admissible,
    breach_k,
    build_guard,
    locked_breach_k,
)
from mosaik_bottomup.devices.house import Houses

ROUNDING_K = 1e-9
N, STATES, STEPS = 3, 4, 5

seeds = st.integers(0, 2**32 - 1)


class Case:
    """Random houses in random weather, and their guard."""

    def __init__(self, seed, ahead=8):
        self.rng = rng = np.random.default_rng(seed)
        self.ahead = ahead
        self.response = house.discretise(
            Houses(
                rng.uniform(0.1, 0.25, N),
                rng.uniform(0.5, 0.7, N),
                rng.uniform(2, 4, N),
                rng.uniform(4, 8, N),
            ),
            0.25,
        )
        self.ambient_c = rng.uniform(-12, 15, STEPS + ahead)
        self.gains_kw = rng.uniform(0.3, 2, (N, STEPS + ahead))
        self.heat_kw = rng.uniform(4, 9, N)
        self.low_c = rng.uniform(20, 20.5, N)
        self.high_c = self.low_c + rng.uniform(0.5, 2, N)
        self.guard = build_guard(
            self.response,
            self.ambient_c,
            self.gains_kw,
            self.heat_kw,
            self.low_c,
            self.high_c,
            ahead,
        )

    def states(self):
        """Return states in, near and beside the band."""
        air = self.low_c[:, None] + self.rng.uniform(-0.5, 2.5, (N, STATES))
        floor = air + self.rng.uniform(-2, 10, (N, STATES))
        return np.stack([air, floor], axis=2)

    def step(self, at, temperature_c, heat_kw):
        """Return the states after a step."""
        return house.advance(
            self.response,
            temperature_c,
            float(self.ambient_c[at]),
            self.gains_kw[:, at],
            heat_kw,
        )

    def course(self, at, temperature_c, part, ahead):
        """Return air temperatures while heating at a part of full power."""
        air = [temperature_c[:, 0]]
        for k in range(ahead):
            temperature_c = self.step(at + k, temperature_c, part * self.heat_kw)
            air.append(temperature_c[:, 0])
        return np.array(air)

    def simulated_breach_k(self, at, temperature_c, ahead=None):
        """Return what the guard should foresee."""
        ahead = self.ahead if ahead is None else ahead
        coldest = self.course(at, temperature_c, 1.0, ahead).min(axis=0)
        warmest = self.course(at, temperature_c, 0.0, ahead).max(axis=0)
        below = np.maximum(self.low_c - coldest, 0)
        return below + np.maximum(warmest - self.high_c, 0)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, at=st.integers(0, STEPS - 1), ahead=st.integers(0, 12))
def test_the_breach_is_what_heating_or_idling_throughout_would_come_to(seed, at, ahead):
    case = Case(seed, ahead)
    states = case.states()

    breach = breach_k(case.guard, at, states)

    for j in range(STATES):
        simulated = case.simulated_breach_k(at, states[:, j])
        np.testing.assert_allclose(breach[:, j], simulated, atol=ROUNDING_K)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, at=st.integers(0, STEPS - 1))
def test_where_the_guard_sees_a_breach_nothing_keeps_the_band(seed, at):
    case = Case(seed)
    state = case.states()[:, 0]
    lost = breach_k(case.guard, at, state[:, None])[:, 0] > ROUNDING_K
    air = [state[:, 0]]

    for k in range(case.ahead):
        heat = case.heat_kw * case.rng.choice([0.0, 0.5, 1.0], N)
        state = case.step(at + k, state, heat)
        air.append(state[:, 0])

    outside = (np.array(air) < case.low_c) | (np.array(air) > case.high_c)
    assert outside.any(axis=0)[lost].all()


@settings(deadline=None, max_examples=25)
@given(
    seed=seeds,
    at=st.integers(0, 1),
    locked=st.integers(0, 3),
    ahead=st.sampled_from([1, 8]),
)
def test_a_locked_option_is_judged_by_all_it_must_sit_out(seed, at, locked, ahead):
    case = Case(seed, ahead)
    states = case.states()
    heat = case.heat_kw[:, None] * case.rng.choice([0.0, 0.5, 1.0], (N, STATES))
    locked_steps = case.rng.integers(0, locked + 1, (N, STATES))

    breach = locked_breach_k(case.guard, at, states, heat, locked_steps)

    for i in range(N):
        for j in range(STATES):
            state, worst = states[:, j], 0.0
            for k in range(locked_steps[i, j]):
                air = state[i, 0]
                worst = max(worst, case.low_c[i] - air, air - case.high_c[i])
                state = case.step(at + k, state, heat[:, j])
            sat_out = locked_steps[i, j]
            left = max(ahead - sat_out, 0)
            then = case.simulated_breach_k(at + sat_out, state, left)[i]
            assert breach[i, j] == pytest.approx(worst + then, abs=ROUNDING_K)


def test_only_offered_options_that_keep_the_band_are_admissible():
    breach = np.array([[0.0, 0.0, 0.3], [0.2, TOLERANCE_K, 0.0]])
    offered = np.array([[True, False, True], [True, True, True]])

    good = admissible(breach, offered)

    np.testing.assert_array_equal(good, [[True, False, False], [False, True, True]])


def test_where_nothing_keeps_the_band_only_the_least_bad_offer_is_admissible():
    breach = np.array([[0.1, 0.3, 0.2], [0.5, 2 * TOLERANCE_K, 0.4]])
    offered = np.array([[False, True, True], [True, True, True]])

    good = admissible(breach, offered)

    np.testing.assert_array_equal(good, [[False, False, True], [False, True, False]])


def test_a_guard_is_not_asked_beyond_what_it_covers():
    case = Case(0)
    states, heat = case.states(), np.zeros((N, STATES))
    long = np.full((N, STATES), case.ahead + 2)

    breach_k(case.guard, STEPS, states)
    with pytest.raises(ValueError, match="guard of 13 steps"):
        breach_k(case.guard, STEPS + 1, states)
    with pytest.raises(ValueError, match="asked for 4 to 14"):
        locked_breach_k(case.guard, 4, states, heat, long)
