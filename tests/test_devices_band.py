"""A band kept free can be called in full, for as long as it is sold, both ways."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_bottomup import case as cases
from mosaik_bottomup import scenario
from mosaik_bottomup.devices.pv_battery import (
    PvBatteryFleet,
    battery_limits_kw,
    keep_band,
    most_band_kw,
    stored_kwh,
    take,
)
from mosaik_bottomup.errors import InputError

FLEET = PvBatteryFleet(
    ("a", "b", "c"),
    np.arange(3),
    np.array([0, 1, 0]),
    np.array([5.0, 6.0, 4.0]),
    np.array([6.0, 12.0, 9.0]),
    np.array([3.0, 5.0, 4.0]),
    np.array([0.94, 0.9, 1.0]),
)


@given(
    band=st.floats(0.001, 0.99), hours=st.floats(0.25, 4.0), level=st.floats(0.0, 1.0)
)
def test_from_wherever_the_market_leaves_it_the_band_can_be_called(band, hours, level):
    band_kw = band * most_band_kw(FLEET, hours)
    kept = keep_band(FLEET, band_kw, hours)
    energy = kept.low_kwh + level * (kept.high_kwh - kept.low_kwh)
    each = FLEET.power_max_kw - kept.power_max_kw

    assert each.sum() == pytest.approx(band_kw)
    for way in (-1, 1):
        after = stored_kwh(FLEET, energy, way * each, hours)
        assert (after >= FLEET.low_kwh - 1e-9).all()
        assert (after <= FLEET.high_kwh + 1e-9).all()
        low, high = battery_limits_kw(kept, energy, 0.25)
        beyond = (low if way < 0 else high) + way * each
        assert (np.abs(beyond) <= FLEET.power_max_kw + 1e-9).all()


def test_worked_by_hand():
    kept = keep_band(FLEET, 1.2, 1.0)  # a tenth of 12 kW

    np.testing.assert_allclose(kept.power_max_kw, [2.7, 4.5, 3.6])
    np.testing.assert_allclose(kept.low_kwh, [0.6 + 0.3 / 0.94, 1.2 + 0.5 / 0.9, 1.3])
    np.testing.assert_allclose(kept.high_kwh[2], 8.55 - 0.4)
    np.testing.assert_allclose(take(kept, np.array([2])).low_kwh, [1.3])


def test_without_a_band_the_fleet_is_the_same_object():
    assert keep_band(FLEET, 0.0, 1.0) is FLEET


def test_a_band_that_cannot_be_kept_says_what_could():
    with pytest.raises(ValueError, match="keep less than 10 kW free for 1 h"):
        keep_band(FLEET, 11.9, 1.0)
    with pytest.raises(InputError, match=r"reserve\.band_kw = 5000"):
        cases.build(scenario.load("two_areas", ["reserve.band_kw=5000"]))
