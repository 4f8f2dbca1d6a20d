"""Orders in a CSV: what is read, and everything that can be wrong with it."""

from datetime import datetime
from pathlib import Path

import pytest

from mosaik_bottomup.errors import InputError
from mosaik_bottomup.inputs import orders

FRAME = orders.Frame(
    ("one", "two"), ("A", "B"), datetime.fromisoformat("2016-01-04T00:00+01:00"), 900, 8
)
HEAD = "product,aggregator,area,delta_kw,start,ramp_min,duration_min\n"
GOOD = "mFRR, one, , -80, 2016-01-04T00:30+01:00, 12.5, 60\n"


def problems(path: Path, text: str) -> list[tuple[str, str, str]]:
    path.write_text(text)
    with pytest.raises(InputError) as error:
        orders.read_csv(path, FRAME)
    assert all(at.source == str(path) for at in error.value.problems)
    return [(at.key, at.value, at.remedy) for at in error.value.problems]


def test_an_order_becomes_steps_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        HEAD + GOOD + "own,two,B,40,2016-01-03T23:15Z,0,15\n"
    )

    first, second = orders.read_csv(tmp_path / "orders.csv", FRAME)

    one = orders.activation(first, 1, FRAME)
    assert (one.identifier, one.area, one.delta_kw) == ("mFRR-1", None, -80)
    assert (one.start, one.end) == (2, 6)
    assert one.ramp_steps == pytest.approx(12.5 / 15)
    other = orders.activation(second, 2, FRAME)
    assert (other.identifier, other.area, other.start, other.end) == ("own-2", 1, 1, 2)


def test_an_end_says_the_same_as_a_duration(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(HEAD + GOOD)
    (expected,) = orders.read_csv(path, FRAME)
    path.write_text(
        HEAD.replace("duration_min", "end")
        + GOOD.replace(" 60", "2016-01-04T01:30+01:00")
    )

    assert orders.read_csv(path, FRAME) == [expected]


@pytest.mark.parametrize(
    ("good", "bad", "key", "value", "remedy"),
    [
        ("mFRR", "", "product", "", "name the product"),
        ("one", "six", "aggregator", "six", "must be one of one, two"),
        (" , -80", "C, -80", "area", "C", "must be one of A, B, or empty"),
        ("-80", "much", "delta_kw", "'much'", "must be a number"),
        ("-80", "0", "delta_kw", "0.0", "must be a number: below 0 less"),
        ("-80", "nan", "delta_kw", "nan", "must be a number: below 0 less"),
        ("00:30+01", "00:37+01", "start", "2016", "whole step of 900 s"),
        ("+01:00", "", "start", "'2016-01-04T00:30'", "with its offset from UTC"),
        ("01-04", "01-05", "start", "2016-01-05", "must be within the run"),
        ("01-04", "01-03", "start", "2016-01-03", "must be within the run"),
        (" 60", "105", "duration_min", "105.0", "must end before the run does"),
        (" 60", "20", "duration_min", "20.0", "whole steps of 15 min"),
        (" 60", "-15", "duration_min", "-15.0", "whole steps of 15 min"),
        ("12.5", "75", "ramp_min", "75.0", "from 0 to the whole duration"),
        ("12.5", "-1", "ramp_min", "-1.0", "from 0 to the whole duration"),
        ("12.5", "", "ramp_min", "''", "must be a number"),
    ],
)
def test_a_fault_is_said_with_its_line_value_and_remedy(
    tmp_path: Path, good: str, bad: str, key: str, value: str, remedy: str
) -> None:
    found = problems(tmp_path / "o.csv", HEAD + GOOD + GOOD.replace(good, bad))

    assert found[0][0] == key
    assert found[0][1].startswith(value)
    assert found[0][1].endswith("(line 3)")
    assert remedy in found[0][2]


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    text = HEAD + GOOD.replace("one", "six") + GOOD.replace("12.5", "99")

    found = problems(tmp_path / "o.csv", text)

    assert [at[0] for at in found] == ["aggregator", "ramp_min"]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    found = problems(tmp_path / "o.csv", "product,area,delta_kw,start\n")

    assert [at[0] for at in found] == ["aggregator", "ramp_min", "duration_min"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.csv: file .* give a readable CSV"):
        orders.read_csv(tmp_path / "no.csv", FRAME)
