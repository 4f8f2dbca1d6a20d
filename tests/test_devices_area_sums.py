"""Sites are summed over their areas, however many and in whatever order they stand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.area_sums import area_means, area_sums
from mosaik_bottomup.devices.chunks import CHUNK_SITES

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=20)
@given(
    seed=seeds,
    n=st.integers(0, 3 * CHUNK_SITES),
    areas=st.integers(1, 300),
    in_order=st.booleans(),
)
def test_sums_and_means_are_those_of_the_sites_of_each_area(seed, n, areas, in_order):
    rng = np.random.default_rng(seed)
    area = rng.integers(0, areas, n)
    area = np.sort(area) if in_order else area
    series, weights = rng.uniform(-1, 1, (n, 3)), rng.uniform(0.5, 2, n)

    sums = area_sums(series, area, areas)
    means, weight = area_means(series[:, 0], weights, area, areas)

    expected = np.zeros((areas, 3))
    np.add.at(expected, area, series)
    np.testing.assert_allclose(sums, expected, atol=1e-9)
    np.testing.assert_allclose(weight, np.bincount(area, weights, areas))
    weighted = np.bincount(area, weights * series[:, 0], areas)
    np.testing.assert_allclose(means * weight, weighted, atol=1e-9)


def test_an_area_without_sites_sums_to_nothing():
    area = np.array([0, 2])

    sums = area_sums(np.array([3.0, 4.0]), area, 4)
    means, weight = area_means(np.array([3.0, 4.0]), np.ones(2), area, 4)

    np.testing.assert_array_equal(sums, [3, 0, 4, 0])
    np.testing.assert_array_equal(means, [3, 0, 4, 0])
    np.testing.assert_array_equal(weight, [1, 0, 1, 0])
