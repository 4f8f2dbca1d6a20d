"""Photovoltaics obey the sun: geometry, limits, and the yield of the Baltic coast."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.inputs import weather
from mosaik_bottomup.inputs.clock import Clock
from mosaik_bottomup.inputs.solar import generation_kw_per_kwp
from mosaik_bottomup.inputs.weather import Weather

LATITUDE_DEG, LONGITUDE_DEG = 54.18, 12.08


def local_days(start: str, days: int, step_s: int = 900) -> Clock:
    begin = pd.Timestamp(start, tz="Europe/Copenhagen").tz_convert("UTC")
    return Clock(begin, step_s, days * 86400 // step_s)


def yield_of(
    sky: Weather, clock: Clock, tilt_deg: float = 35.0, azimuth_deg: float = 180.0
) -> np.ndarray:
    return generation_kw_per_kwp(
        sky, clock, LATITUDE_DEG, LONGITUDE_DEG, tilt_deg, azimuth_deg
    )


def steady(clock: Clock, global_w_m2: float, diffuse_w_m2: float) -> Weather:
    full = np.ones(clock.steps)
    return Weather(5.0 * full, global_w_m2 * full, diffuse_w_m2 * full, 3.0 * full)


@given(
    share=st.floats(0.0, 1.0),
    global_w_m2=st.floats(0.0, 1200.0),
    tilt_deg=st.floats(0.0, 90.0),
    azimuth_deg=st.floats(90.0, 270.0),
    day=st.integers(0, 364),
)
@settings(max_examples=25, deadline=None)
def test_yield_is_between_nothing_and_the_peak_power(
    share: float, global_w_m2: float, tilt_deg: float, azimuth_deg: float, day: int
) -> None:
    begin = pd.Timestamp("2016-01-01T00:00Z") + pd.Timedelta(days=day)
    clock = Clock(begin, 3600, 24)

    power = yield_of(
        steady(clock, global_w_m2, share * global_w_m2), clock, tilt_deg, azimuth_deg
    )

    assert (power >= 0.0).all()
    assert (power <= 1.0).all()


@pytest.mark.parametrize("day", ["2016-01-04", "2016-06-21"])
def test_a_day_yields_the_same_energy_at_any_resolution(day: str) -> None:
    energy = []
    for step_s in (300, 900, 3600):
        clock = local_days(day, 1, step_s)
        power = yield_of(weather.read_try(2, clock), clock)
        energy.append(power.sum() * clock.step_h)

    assert energy == pytest.approx([energy[0]] * 3, rel=0.005)


def test_a_flat_plane_yields_what_the_formula_says() -> None:
    # plane = global = 200 W/m2, all diffuse; cell 5 + 200 / (25 + 6.84 * 3) = 9.394 C
    # 0.2 * 0.86 * (1 - 0.004 * (9.394 - 25)) = 0.18274 kW
    clock = local_days("2016-06-21", 1)

    power = yield_of(steady(clock, 200.0, 200.0), clock, tilt_deg=0.0)

    assert power == pytest.approx(np.full(clock.steps, 0.18274), abs=1e-5)


def test_a_wall_sees_half_the_sky_and_half_the_ground() -> None:
    # plane = 200 * (1/2 + 0.2/2) = 120 W/m2; cell 5 + 120 / 45.52 = 7.636 C
    # 0.12 * 0.86 * (1 - 0.004 * (7.636 - 25)) = 0.11037 kW
    clock = local_days("2016-06-21", 1)

    power = yield_of(steady(clock, 200.0, 200.0), clock, tilt_deg=90.0)

    assert power == pytest.approx(np.full(clock.steps, 0.11037), abs=1e-5)


def test_a_plane_that_faces_the_noon_sun_gets_its_beam_in_full() -> None:
    # 21 June: declination 23.44; noon height 90 - 54.18 + 23.44 = 59.26 deg, so a beam
    # of 800 W/m2 gives 687.6 horizontally; a south plane at 30.74 deg faces it.
    # Ground: 687.6 * 0.2 * (1 - cos 30.74) / 2 = 9.66; cell 5 + 809.66 / 45.52 = 22.787
    # 0.80966 * 0.86 * (1 - 0.004 * (22.787 - 25)) = 0.70247 kW
    noon = pd.Timestamp("2016-06-21T11:10Z")  # 12.08 deg E: 11:13:30 with eq. of time
    clock = Clock(noon, 300, 1)

    power = yield_of(steady(clock, 687.6, 0.0), clock, tilt_deg=30.74)

    assert power[0] == pytest.approx(0.7025, abs=0.0005)


def test_a_beam_brighter_than_clear_sky_counts_as_diffuse() -> None:
    # at that noon 1300 W/m2 at normal incidence are 1117.4 horizontally, 1000 are 859.5
    clock = Clock(pd.Timestamp("2016-06-21T11:10Z"), 300, 1)

    power = yield_of(steady(clock, 1117.4, 0.0), clock, tilt_deg=90.0)

    clear = yield_of(steady(clock, 1117.4, 1117.4 - 859.5), clock, tilt_deg=90.0)
    assert power == pytest.approx(clear, abs=1e-4)


def test_what_is_recorded_without_sun_counts_as_diffuse() -> None:
    clock = Clock(pd.Timestamp("2016-06-21T23:00Z"), 300, 12)

    power = yield_of(steady(clock, 50.0, 0.0), clock)

    assert power == pytest.approx(yield_of(steady(clock, 50.0, 50.0), clock))


def test_a_wall_with_the_sun_behind_it_sees_only_the_lit_ground() -> None:
    # plane = 500 * 0.2 / 2 = 50 W/m2; cell 5 + 50 / 45.52 = 6.098 C
    # 0.05 * 0.86 * (1 - 0.004 * (6.098 - 25)) = 0.04625 kW
    clock = Clock(pd.Timestamp("2016-06-21T11:10Z"), 300, 1)

    power = yield_of(steady(clock, 500.0, 0.0), clock, tilt_deg=90.0, azimuth_deg=0.0)

    assert power[0] == pytest.approx(0.04625, abs=1e-5)


def test_east_and_west_mirror_each_other_around_solar_noon() -> None:
    # on 15 April the equation of time is 0: noon at 12.08 deg E is 11:11:41 UTC
    clock = Clock(pd.Timestamp("2016-04-15T05:10Z"), 300, 145)
    clear = steady(clock, 300.0, 100.0)

    east, west = (yield_of(clear, clock, 35.0, azimuth) for azimuth in (90.0, 270.0))

    assert east == pytest.approx(west[::-1], abs=0.01)
    assert east[:60].sum() > 2 * west[:60].sum()


def test_at_night_there_is_no_power() -> None:
    clock = local_days("2016-01-04", 1)
    power = yield_of(weather.read_try(2, clock), clock)

    dark = (clock.local().hour < 8) | (clock.local().hour >= 17)
    assert (power[dark] == 0.0).all()


def test_cold_cells_yield_more() -> None:
    clock = local_days("2016-06-21", 1)
    usual, colder = (weather.read_try(2, clock, offset) for offset in (0.0, -10.0))

    gain = yield_of(colder, clock).sum() / yield_of(usual, clock).sum()

    assert gain == pytest.approx(1.04, abs=0.005)


def test_the_fourth_of_january_yields_next_to_nothing() -> None:
    clock = local_days("2016-01-04", 1)

    energy_kwh = yield_of(weather.read_try(2, clock), clock).sum() * clock.step_h

    assert energy_kwh == pytest.approx(3.2, abs=0.1)


def test_the_year_yields_what_the_baltic_coast_yields() -> None:
    clock = local_days("2016-01-01", 366, 3600)

    power = yield_of(weather.read_try(2, clock), clock)

    assert power.sum() == pytest.approx(1056.0, rel=0.01)
    assert power.max() == pytest.approx(0.9, abs=0.02)
