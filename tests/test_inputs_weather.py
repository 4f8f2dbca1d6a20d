"""The reference year keeps its energy at any step, and its facts."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from pvlib.solarposition import get_solarposition

from mosaik_bottomup.inputs import weather
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts

ROSTOCK = 2
CENTRAL_EUROPE_TIME_REGION = 1


def local_days(start: str, days: int, step_s: int = 3600) -> Clock:
    begin = pd.Timestamp(start, tz="Europe/Copenhagen").tz_convert("UTC")
    return Clock(begin, step_s, days * 86400 // step_s)


def rows_of_file(region: int, month: int, day: int) -> np.ndarray:
    """Hourly temperature, beam and diffuse of one day, as they stand in the file."""
    spec = importlib.util.find_spec("demandlib")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "vdi/resources_weather"
    text = (folder / f"TRY2010_{region:02d}_Jahr.dat").read_text(encoding="utf-8")
    table = np.loadtxt(text.split("***\n")[1].splitlines())
    return table[(table[:, 2] == month) & (table[:, 3] == day)][:, [8, 13, 14]].T


@given(start=st.integers(0, 366 * 24), region=st.sampled_from([1, ROSTOCK]))
@settings(max_examples=10, deadline=None)
def test_weather_is_the_same_at_any_resolution(start: int, region: int) -> None:
    begin = pd.Timestamp("2016-01-01T00:00Z") + pd.Timedelta(hours=start)
    coarse = weather.read_try(region, Clock(begin, 3600, 24))

    for step_s in (300, 900):
        fine = weather.read_try(region, Clock(begin, step_s, 24 * 3600 // step_s))
        for name in ("ambient_c", "global_w_m2", "diffuse_w_m2", "wind_m_s"):
            mean = mean_of_parts(getattr(fine, name), 3600 // step_s)
            # the equation of time moves by up to 30 s at midnight of each day
            assert_allclose(mean, getattr(coarse, name), atol=0.2, rtol=1e-3)


@pytest.mark.parametrize("step_s", [300, 900, 3600])
@pytest.mark.parametrize("day", ["2016-01-04", "2016-06-21"])
def test_a_day_has_the_radiation_of_the_file(step_s: int, day: str) -> None:
    date = pd.Timestamp(day)
    _, beam, diffuse = rows_of_file(ROSTOCK, date.month, date.day)

    read = weather.read_try(ROSTOCK, local_days(day, 1, step_s))

    hours = step_s / 3600
    assert read.global_w_m2.sum() * hours == pytest.approx(beam.sum() + diffuse.sum())
    assert read.diffuse_w_m2.sum() * hours == pytest.approx(diffuse.sum())


@pytest.mark.parametrize("step_s", [300, 900, 3600])
def test_each_hour_has_the_radiation_of_the_file_where_it_gives_zone_time(
    step_s: int,
) -> None:
    _, beam, diffuse = rows_of_file(CENTRAL_EUROPE_TIME_REGION, 3, 14)

    read = weather.read_try(
        CENTRAL_EUROPE_TIME_REGION, local_days("2016-03-14", 1, step_s)
    )

    hourly = mean_of_parts(read.global_w_m2, 3600 // step_s)
    assert_allclose(hourly, beam + diffuse, atol=1e-9)


def test_true_solar_noon_comes_when_the_sun_is_south_of_the_station() -> None:
    # 10 February at 12.083 deg E: mean sun 11.7 min late, apparent sun 14.2 min more
    clock = local_days("2016-02-10", 1, 300)

    read = weather.read_try(ROSTOCK, clock)

    _, beam, diffuse = rows_of_file(ROSTOCK, 2, 10)
    before_noon = (beam + diffuse)[:12].sum()
    so_far = np.cumsum(read.global_w_m2) / 12
    noon_h = np.interp(before_noon, so_far, (np.arange(288) + 1) / 12)
    assert noon_h == pytest.approx(12 + (11.7 + 14.2) / 60, abs=0.01)


@pytest.mark.parametrize(
    ("region", "latitude_deg", "longitude_deg"), [(1, 53.53, 8.58), (2, 54.18, 12.08)]
)
@pytest.mark.parametrize("day", ["2016-02-12", "2016-06-21", "2016-11-05"])
def test_radiation_within_an_hour_follows_the_sun(
    region: int, latitude_deg: float, longitude_deg: float, day: str
) -> None:
    clock = local_days(day, 1, 300)
    middle = clock.index + pd.Timedelta(seconds=150)
    sun = get_solarposition(middle, latitude_deg, longitude_deg)
    height = np.sin(np.radians(sun["elevation"].to_numpy()))
    up = height > np.sin(np.radians(5.0))

    global_w_m2 = weather.read_try(region, clock).global_w_m2

    # the ratio changes where the hour does, and nowhere else
    ratio = global_w_m2[up] / height[up]
    assert np.quantile(np.abs(np.diff(ratio)), 0.75) < 0.01 * ratio.mean()


def test_the_fourth_of_january_is_cold_and_dark() -> None:
    read = weather.read_try(ROSTOCK, local_days("2016-01-04", 1, 900))

    assert read.ambient_c.mean() == pytest.approx(-5.3, abs=0.05)
    assert read.global_w_m2.mean() * 24 == pytest.approx(1039.0, abs=1.0)


def test_the_year_is_that_of_the_baltic_coast() -> None:
    read = weather.read_try(ROSTOCK, local_days("2016-01-01", 366))

    assert read.ambient_c.mean() == pytest.approx(9.52, abs=0.01)
    assert read.ambient_c.min() == pytest.approx(-8.0, abs=0.1)
    assert read.ambient_c.max() == pytest.approx(31.4, abs=0.1)
    assert read.global_w_m2.sum() / 1000 == pytest.approx(1050.5, abs=0.1)
    assert read.wind_m_s.max() <= 25.0


def test_the_temperature_is_that_of_the_file_in_the_middle_of_each_hour() -> None:
    ambient_c, _, _ = rows_of_file(ROSTOCK, 1, 4)
    clock = local_days("2016-01-04", 1, 300)

    read = weather.read_try(ROSTOCK, clock)

    steps = read.ambient_c.reshape(24, 12)
    assert_allclose(steps[:, 5:7].mean(axis=1), ambient_c, atol=0.15)
    # the line between two hours passes their average at the full hour
    full_hour = (steps[:-1, -1] + steps[1:, 0]) / 2
    assert_allclose(full_hour, (ambient_c[:-1] + ambient_c[1:]) / 2)


def test_the_leap_day_repeats_the_day_before() -> None:
    read = weather.read_try(1, local_days("2016-02-28", 2))

    assert_allclose(read.global_w_m2[:24], read.global_w_m2[24:], rtol=0.05)
    assert_allclose(read.ambient_c[2:22], read.ambient_c[26:46])


@pytest.mark.parametrize(
    ("start", "same"), [("2016-12-31", "2015-12-31"), ("2017-01-01", "2016-01-01")]
)
def test_a_clock_past_the_year_wraps_to_the_same_days(start: str, same: str) -> None:
    read = weather.read_try(ROSTOCK, local_days(start, 3))
    expected = weather.read_try(ROSTOCK, local_days(same, 3))

    assert_allclose(read.ambient_c, expected.ambient_c)
    assert_allclose(read.global_w_m2, expected.global_w_m2, atol=2.0)


def test_an_offset_moves_the_temperature_and_nothing_else() -> None:
    clock = local_days("2016-01-04", 1)

    usual, colder = (weather.read_try(ROSTOCK, clock, offset) for offset in (0.0, -5.0))

    assert_allclose(colder.ambient_c, usual.ambient_c - 5.0)
    assert_allclose(colder.global_w_m2, usual.global_w_m2)


@pytest.mark.parametrize("region", [0, 16])
def test_a_region_that_does_not_exist_is_refused(region: int) -> None:
    with pytest.raises(ValueError, match=f"region {region}; take 1 to 15"):
        weather.read_try(region, local_days("2016-01-04", 1))


def test_the_users_weather_is_read_by_column_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "weather.csv"
    path.write_text(
        "time,wind [m s-1],ambient [degC],global [W m-2],diffuse [W m-2]\n"
        "2016-01-04T00:00Z,3,-4,100,40\n2016-01-04T01:00Z,5,-2,0,1\n"
    )

    read = weather.read_csv(path, Clock(pd.Timestamp("2016-01-04T00:00Z"), 1800, 4), -5)

    assert read.wind_m_s.tolist() == [3, 3, 5, 5]
    assert read.ambient_c.tolist() == [-9, -9, -7, -7]
    assert read.global_w_m2.tolist() == [100, 100, 0, 0]
    assert read.diffuse_w_m2.tolist() == [40, 40, 0, 0]
