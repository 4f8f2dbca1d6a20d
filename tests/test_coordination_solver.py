"""A stage ends with an optimum, or with an error and the problem to look into."""

import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pulp
import pytest

from mosaik_bottomup.coordination.solver import (
    HIGHS,
    Solver,
    duals,
    solve,
    values,
)
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.errors import InvariantError, StageError

OTHER_SOLVERS = [s for s in pulp.listSolvers(onlyAvailable=True) if s != "HiGHS"]


def make_problem(least, most):
    problem = pulp.LpProblem("test", pulp.LpMinimize)
    power = problem.add_variable("power", 0)
    problem += 3 * power
    problem += power >= least, "least"
    problem += power <= most, "most"
    return problem, power


def clear_one(solver):
    curve = (np.array([0.1, 0.8]), np.array([2.0, 3.0]))
    unbound = np.full(1, np.inf)
    price = Imbalance(0.5, 0.5)
    return clear([curve], np.ones(1), -unbound, unbound, 4.0, price, 1.0, 3, solver)


@pytest.fixture
def failed():
    problem, _ = make_problem(2, 1)
    with pytest.raises(StageError) as caught:
        solve(problem, "stage_nought", 12, Solver())
    yield caught.value
    shutil.rmtree(caught.value.lp_file.parent)


def test_an_infeasible_stage_says_which_and_when_and_how(failed):
    assert (failed.stage, failed.step) == ("stage_nought", 12)
    assert "infeasible" in failed.status.lower()
    for said in ("stage_nought", "step 12", failed.status, str(failed.lp_file)):
        assert said in str(failed)


def test_its_problem_is_there_to_be_read(failed):
    text = failed.lp_file.read_text()

    assert re.search(r"least: *power >= 2", text)
    assert failed.lp_file.suffix == ".lp"


def test_an_unbounded_stage_is_an_error_as_well(tmp_path):
    problem = pulp.LpProblem("test", pulp.LpMaximize)
    problem += problem.add_variable("power", 0)

    with pytest.raises(StageError) as caught:
        solve(problem, "stage", 0, Solver(lp_folder=tmp_path))

    assert caught.value.lp_file.parent == tmp_path


def test_a_failed_problem_is_written_once(tmp_path):
    with pytest.raises(StageError):
        solve(make_problem(2, 1)[0], "stage", 0, Solver(lp_folder=tmp_path))

    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_written_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    clear_one(Solver())

    assert not list(tmp_path.iterdir())


def test_every_problem_is_written_on_request_and_none_over_another(tmp_path):
    folder = tmp_path / "made" / "when needed"

    for _ in range(3):
        clear_one(Solver(lp_folder=folder))

    assert sorted(path.name for path in folder.iterdir()) == [
        "stage_one-3-1.lp",
        "stage_one-3-2.lp",
        "stage_one-3-3.lp",
    ]


def test_many_at_once_write_a_file_each(tmp_path):
    def write(number):
        solve(make_problem(number, 99)[0], "stage", 0, Solver(lp_folder=tmp_path))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))

    texts = {path.read_text() for path in tmp_path.iterdir()}
    assert len(texts) == 16


def test_names_in_the_file_read_like_the_problem(tmp_path):
    clear_one(Solver(lp_folder=tmp_path))

    text = next(tmp_path.iterdir()).read_text()
    for name in ("power_0", "power_1", "imbalance_above", "imbalance_below"):
        assert name in text
    assert "schedule:" in text


def test_values_and_duals_are_what_the_solver_found():
    problem, power = make_problem(2, 5)

    solve(problem, "stage", 0, Solver())

    assert values([power]) == [2.0]
    assert duals(problem) == {"least": 3.0, "most": 0.0}


def test_what_was_not_solved_has_neither():
    problem, power = make_problem(2, 5)

    with pytest.raises(InvariantError, match="power"):
        values([power])
    with pytest.raises(InvariantError, match="least"):
        duals(problem)


def test_highs_runs_on_one_thread_and_every_solver_is_quiet():
    assert Solver().options() == {"msg": False} | HIGHS
    assert Solver(presolve=False).options() == Solver().options() | {"presolve": "off"}
    assert HIGHS["threads"] == 1
    assert Solver("COIN_CMD", presolve=False).options() == {"msg": False}


FIRST_SOLVE = """
import pulp
from mosaik_bottomup.coordination.solver import Solver, solve
problem = pulp.LpProblem("test")
power = problem.add_variable("power", 0)
problem += power
problem += power >= 2, "least"
solve(problem, "stage_one", 0, Solver())
"""


def test_not_even_the_first_solve_of_a_process_says_anything():
    done = subprocess.run(
        [sys.executable, "-c", FIRST_SOLVE], check=True, capture_output=True
    )

    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.skipif(not OTHER_SOLVERS, reason="PuLP finds no solver beside HiGHS")
@pytest.mark.parametrize("name", OTHER_SOLVERS)
def test_another_solver_finds_the_same(name):
    np.testing.assert_allclose(clear_one(Solver(name)), clear_one(Solver()), atol=1e-6)


def test_the_folder_of_a_failed_stage_is_its_own(failed):
    assert Path(failed.lp_file).parent.name.startswith("mosaik-bottomup-")
