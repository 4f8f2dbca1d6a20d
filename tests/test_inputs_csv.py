"""The user's files: resampled without loss, and refused with all their faults."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.inputs import csv_series
from mosaik_bottomup.inputs.clock import Clock, mean_of_parts

PRICE = csv_series.Column("price", {"DKK kWh-1": 1.0, "EUR MWh-1": 7.46e-3})
POWER = csv_series.Column("power", {"kW": 1.0}, low=0.0, high=100.0)
START = pd.Timestamp("2016-01-04T00:00Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "own.csv"


def times(count: int, step_s: int = 3600) -> list[str]:
    index = pd.date_range(START, periods=count, freq=f"{step_s}s")
    return [time.isoformat() for time in index]


def write(path: Path, rows: list[str], heading: str = "power [kW]") -> None:
    path.write_text("\n".join([f"time,{heading}", *rows]) + "\n")


def problems(
    path: Path, clock: Clock | None = None, *columns: csv_series.Column
) -> list[Problem]:
    with pytest.raises(InputError) as refused:
        csv_series.read(path, columns or (POWER,), clock or Clock(START, 3600, 3))
    assert all(problem.source == str(path) for problem in refused.value.problems)
    return refused.value.problems


@given(
    file_step_s=st.sampled_from([300, 720, 900, 1800, 3600]),
    step_s=st.sampled_from([300, 900, 1200, 3600]),
    late=st.integers(0, 3),
    values=st.lists(st.floats(0.0, 100.0), min_size=48, max_size=48),
)
def test_energy_is_kept_whatever_the_steps_of_file_and_clock(
    tmp_path_factory: pytest.TempPathFactory,
    file_step_s: int,
    step_s: int,
    late: int,
    values: list[float],
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    count = 4 * 3600 // file_step_s
    write(
        path,
        [f"{t},{v!r}" for t, v in zip(times(count, file_step_s), values, strict=False)],
    )
    begin = START + pd.Timedelta(hours=late)
    clock = Clock(begin, step_s, (4 - late) * 3600 // step_s)

    (read,) = csv_series.read(path, [POWER], clock)

    hourly = mean_of_parts(np.array(values[:count]), 3600 // file_step_s)[late:]
    assert_allclose(mean_of_parts(read, 3600 // step_s), hourly, atol=1e-9)


def test_a_finer_clock_holds_and_a_coarser_one_averages(path: Path) -> None:
    write(path, [f"{t},{v}" for t, v in zip(times(4, 900), (1, 2, 3, 6), strict=True)])

    fine = csv_series.read(path, [POWER], Clock(START, 450, 8))[0]
    coarse = csv_series.read(path, [POWER], Clock(START, 1800, 2))[0]

    assert fine.tolist() == [1, 1, 2, 2, 3, 3, 6, 6]
    assert coarse.tolist() == [1.5, 4.5]


def test_a_clock_between_the_rows_takes_its_share_of_each(path: Path) -> None:
    rows = ["2016-01-04T00:20Z,3", "2016-01-04T01:20Z,6", "2016-01-04T02:20Z,9"]
    write(path, rows)
    clock = Clock(pd.Timestamp("2016-01-04T01:00Z"), 3600, 2)

    (read,) = csv_series.read(path, [POWER], clock)

    assert_allclose(read, [(3 + 2 * 6) / 3, (6 + 2 * 9) / 3])


def test_the_offset_of_each_row_counts(path: Path) -> None:
    # the hour doubled in October is told apart by its offset
    rows = ["2016-10-30T02:00+02:00,1", "2016-10-30T02:00+01:00,2"]
    write(path, rows)
    clock = Clock(pd.Timestamp("2016-10-30T00:00Z"), 3600, 2)

    assert csv_series.read(path, [POWER], clock).tolist() == [[1, 2]]


def test_units_are_converted_and_other_columns_ignored(path: Path) -> None:
    rows = [f"{time},100,x" for time in times(3)]
    write(path, rows, "price [EUR MWh-1],note")

    read = csv_series.read(path, [PRICE], Clock(START, 3600, 3))

    assert_allclose(read, 0.746)


def test_a_gap_is_named_with_its_ends_and_line(path: Path) -> None:
    rows = [f"{time},1" for time in times(5)]
    del rows[2]
    write(path, rows)

    (problem,) = problems(path)

    assert problem.key == "time"
    assert problem.value == ("2016-01-04T01:00Z followed by 2016-01-04T03:00Z (line 4)")
    assert problem.remedy == "fill the gap: there must be a row every 3600 s"


def test_a_step_that_changes_is_named(path: Path) -> None:
    write(path, [f"{t},1" for t in (*times(4), "2016-01-04T03:20Z")])

    (problem,) = problems(path)

    assert "2016-01-04T03:00Z followed by 2016-01-04T03:20Z (line 6)" in problem.value
    assert problem.remedy == "keep the step of 3600 s throughout"


@pytest.mark.parametrize("step_s", [1000, 86400])
def test_a_step_that_does_not_divide_an_hour_is_refused(
    path: Path, step_s: int
) -> None:
    write(path, [f"{time},1" for time in times(30, step_s)])

    (problem,) = problems(path)

    assert problem.value == f"steps of {step_s} s"
    assert "divides an hour" in problem.remedy


def test_a_time_given_twice_is_named(path: Path) -> None:
    rows = [f"{time},1" for time in times(4)]
    write(path, [*rows[:2], rows[1], *rows[2:]])

    (problem,) = problems(path)

    assert problem.value.endswith("(line 4)")
    assert problem.remedy == "sort the times and give each once"


def test_descending_times_are_refused(path: Path) -> None:
    write(path, [f"{time},1" for time in reversed(times(4))])

    assert "ascending" in problems(path)[0].remedy


def test_a_wrong_unit_is_answered_with_the_right_ones(path: Path) -> None:
    write(path, [f"{time},1" for time in times(3)], "price [DKK MWh]")

    (problem,) = problems(path, None, PRICE)

    assert problem.key == "price [DKK kWh-1]"
    assert problem.value == "found price [DKK MWh]"
    assert problem.remedy == ("name one column price [DKK kWh-1] or price [EUR MWh-1]")


def test_a_missing_column_is_answered_with_its_name(path: Path) -> None:
    write(path, [f"{time},1" for time in times(3)], "load")

    (problem,) = problems(path)

    assert problem.value == "no such column"
    assert problem.remedy == "name one column power [kW]"


def test_many_columns_that_lack_alike_are_one_problem(path: Path) -> None:
    homes = [csv_series.Column(f"home_{row}", {"kW": 1.0}) for row in range(20)]
    write(
        path,
        [f"{time},1,1,bad" for time in times(3)],
        "home_0 [kW],home_1 [W],home_2 [kW]",
    )

    lacking, unit, value = sorted(
        problems(path, None, *homes), key=lambda p: -len(p.key)
    )

    assert lacking.key == "home_3 [kW] to home_19 [kW] (17 columns)"
    assert unit.value == "found home_1 [W]"
    assert value.key == "home_2 [kW]"


def test_a_column_given_in_two_units_is_refused(path: Path) -> None:
    rows = [f"{time},1,1" for time in times(3)]
    write(path, rows, "price [DKK kWh-1],price [EUR MWh-1]")

    (problem,) = problems(path, None, PRICE)

    assert problem.value == "found price [DKK kWh-1], price [EUR MWh-1]"


@pytest.mark.parametrize("value", ["", "n/a", "many", "inf"])
def test_a_value_that_is_no_number_is_named_with_its_line(
    path: Path, value: str
) -> None:
    first, second, third = times(3)
    write(path, [f"{first},1", f"{second},{value}", f"{third},1"])

    (problem,) = problems(path)

    assert problem.key == "power [kW]"
    assert "(line 3)" in problem.value
    assert problem.remedy == "give a number in every row"


@pytest.mark.parametrize("value", [-1, 101])
def test_a_value_out_of_bounds_is_named_with_its_line(path: Path, value: int) -> None:
    first, second, third = times(3)
    write(path, [f"{first},1", f"{second},1", f"{third},{value}"])

    (problem,) = problems(path)

    assert problem.value.startswith(str(value))
    assert "(line 4)" in problem.value
    assert problem.remedy == "expected 0 to 100: is the unit right?"


def test_times_without_a_zone_are_refused(path: Path) -> None:
    write(path, [f"2016-01-04T0{hour}:00,1" for hour in range(3)])

    (problem,) = problems(path)

    assert problem.value == "'2016-01-04T00:00' (line 2, 3 lines in all)"
    assert problem.remedy == "add the offset from UTC, as in 2016-01-04T00:00+01:00"


def test_what_is_no_time_is_named(path: Path) -> None:
    write(path, [f"{times(1)[0]},1", "4 Jan 16,1", ",1"])

    (problem,) = problems(path)

    assert problem.value == "'4 Jan 16' (line 3, 2 lines in all)"


def test_too_short_a_span_is_told_with_the_span_needed(path: Path) -> None:
    write(path, [f"{time},1" for time in times(3)])

    for clock in (
        Clock(START, 3600, 4),
        Clock(START - pd.Timedelta(hours=1), 3600, 2),
    ):
        (problem,) = problems(path, clock)
        assert problem.value == "2016-01-04T00:00Z to 2016-01-04T03:00Z"
        assert f"needs {clock.start:%Y-%m-%dT%H:%MZ} to " in problem.remedy
        assert f"to {clock.end:%Y-%m-%dT%H:%MZ}, " in problem.remedy


def test_all_problems_are_told_at_once(path: Path) -> None:
    first, second, _, fourth, fifth = times(5)
    rows = [f"{first},x,1", f"{second},1,1", f"{fourth},1,1", f"{fifth},-5,1"]
    write(path, rows, "power [kW],price [EUR]")

    found = problems(path, Clock(START, 3600, 24), POWER, PRICE)

    assert [problem.key for problem in found] == [
        "time",  # the gap
        "time",  # the span
        "power [kW]",  # no number
        "power [kW]",  # out of bounds
        "price [DKK kWh-1]",  # the unit
    ]


def test_a_file_without_times_is_refused(path: Path) -> None:
    path.write_text("when,power [kW]\n2016,1\n")

    (problem,) = problems(path)

    assert problem.key == "time"
    assert problem.value == "no such column"


def test_one_row_has_no_step(path: Path) -> None:
    write(path, [f"{times(1)[0]},1"])

    assert problems(path)[0].value == "one row"


@pytest.mark.parametrize("content", [None, "", "time,power [kW]\n", 'a,b\n"1,2\n3'])
def test_a_file_that_cannot_be_read_is_refused(path: Path, content: str | None) -> None:
    if content is not None:
        path.write_text(content)

    assert problems(path)[0].key in {"file", "time"}


def test_no_columns_give_no_rows(path: Path) -> None:
    write(path, [f"{time},1" for time in times(3)])

    assert csv_series.read(path, [], Clock(START, 3600, 3)).shape == (0, 3)
