"""What the command line says of a ledger."""

import json

import pytest
import typer.testing

from mosaik_bottomup.app import cli
from mosaik_bottomup.app.ledger_table import sums_dkk
from mosaik_bottomup.results import read
from mosaik_bottomup.settlement import HEADINGS, RULES, settle


def call(*words):
    return typer.testing.CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.fixture
def settled(small_run):
    return small_run({"heat_pumps/bill_dkk": 1.5}, certificate={}, settled=True)


def test_the_ledger_is_shown_with_sums_of_zero(settled):
    result = call("show", settled, "--ledger")

    assert result.exit_code == 0
    assert "-12.00" in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.startswith("│")]
    assert len(lines) == len(HEADINGS) + 1
    assert all(line.split("│")[-2].strip() == "0.00" for line in lines)
    assert "a home paid in all [DKK]: least " in result.stdout


def test_the_ledger_as_json_has_customers_as_one_and_their_spread(settled):
    result = call("show", settled, "--ledger", "--json")

    told = json.loads(result.stdout)[str(settled)]
    assert told["received_dkk"]["customers"]["retail"] == -12.0
    assert told["received_dkk"]["sum"]["sum"] == 0.0
    # 4 homes · 0.125 kWh · 2 DKK in each of 4 steps; two of them 6 DKK beside
    assert told["customer_paid_dkk"]["least"] == 1.0
    assert told["customer_paid_dkk"]["most"] == 7.0


def test_of_a_stopped_run_it_says_that_there_is_none(small_run):
    file = small_run()

    result = call("show", file, "--ledger")

    assert result.exit_code == 0
    assert f"{file}: no ledger: the run did not end well" in result.stdout
    assert json.loads(call("show", file, "--ledger", "--json").stdout) == {
        str(file): None
    }


@pytest.mark.parametrize("reference", [False, True])
def test_the_rules_stand_side_by_side(settled, reference):
    more = ["--reference", settled] if reference else []

    text = call("settle", settled, *more)
    told = json.loads(call("settle", settled, *more, "--json").stdout)[str(settled)]

    assert text.exit_code == 0
    for rule in RULES:
        assert rule in text.stdout
        assert (told[rule]["burden"] is not None) == reference
    assert ("worse off" in text.stdout) == reference


def test_runs_that_cannot_be_held_against_each_other_are_bad_input(
    settled, small_run, tmp_path
):
    other = small_run(steps=3, path=tmp_path / "other.h5")

    result = call("settle", settled, "--reference", other)

    assert result.exit_code == 2
    assert "not the same steps" in result.stderr
    assert call("settle", tmp_path / "nothing.h5").exit_code == 2
    assert call("show", "--ledger", tmp_path / "nothing.h5").exit_code == 2


def test_the_edge_of_the_table_sums_what_stands_in_it(settled):
    sums = sums_dkk(settle(read(settled)))

    for heading in HEADINGS:
        assert sum(sums[party][heading] for party in sums if party != "sum") == 0.0
