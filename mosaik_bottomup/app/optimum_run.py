"""The optimum as a run: found against another run, then lived through like any."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from mosaik_components.bottomup.setting import case_of

from mosaik_bottomup import optimum as best
from mosaik_bottomup import parties, results, set_points
from mosaik_bottomup.app import world
from mosaik_bottomup.case import Case
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.results import Results
from mosaik_bottomup.scenario import Scenario, parse

type OnProgress = Callable[[int, int], None]


def bound_dkk(run: Results, limited: bool) -> float:
    """Return what perfect foresight would have paid for what a run delivered.

    Parameters
    ----------
    run
        A complete run. The bound starts in its states and ends with no less.
    limited
        Whether the bound keeps the limits that the DSO set in the run, as far as the
        run itself kept them.

    Raises
    ------
    ValueError
        If the run is not complete, or nobody set limits in it.
    StageError
        If nothing keeps comfort, end state and limits.
    """
    case = case_of(str(run.attrs["scenario"]))
    room = best.room(run, as_used=True) if limited else None
    return _against(case, run, room).cost_dkk


def kept_anyhow_dkk(run: Results) -> float:
    """Return the least cost of keeping a run's limits, whatever is left at the end.

    Raises
    ------
    StageError
        If nothing keeps comfort and limits.
    """
    case = case_of(str(run.attrs["scenario"]))
    lives = best.ending_anyhow(case, best.lived(case, run))
    solver = parties.solver(case.scenario)
    return best.optimum(case, lives, best.room(run), solver).cost_dkk


def run_optimum(
    scenario: Scenario,
    out: str | Path,
    against: str | Path,
    on_progress: OnProgress = lambda done, total: None,
    *,
    overwrite: bool = True,
) -> None:
    """Replay the optimum through mosaik and the power flow; leave a results file.

    Parameters
    ----------
    scenario
        What is run, under whatever strategy.
    out
        The results file.
    against
        Results of a run of the same scenario in which the DSO set limits: the optimum
        keeps them, and ends with no less in any house or battery.
    on_progress, overwrite
        As in `mosaik_bottomup.app.world.run`.

    Raises
    ------
    InputError
        If the other run is of another scenario.
    ValueError, StageError
        As in `bound_dkk`.
    """
    run = results.read(against)
    told = scenario.with_strategy("optimum")
    other = parse(str(run.attrs["scenario"]))
    if other.with_strategy("optimum") != told:
        remedy = "must be a run of the same scenario, but for its strategy"
        raise InputError([Problem(str(against), "scenario", told.name, remedy)])
    on_off = scenario.alternatives.optimum_on_off
    found = _against(case_of(told.to_toml()), run, best.room(run), on_off)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set_points.h5"
        set_points.write(file, found.power_kw)
        world.run(told, out, on_progress, overwrite=overwrite, set_points=file)


def run_both(
    scenario: Scenario,
    out: str | Path,
    on_progress: OnProgress = lambda done, total: None,
    *,
    overwrite: bool = True,
) -> None:
    """Run two-stage coordination out of sight, and then its optimum.

    Parameters and errors are those of `run_optimum`.
    """
    steps = scenario.run.steps
    with tempfile.TemporaryDirectory() as folder:
        against = Path(folder) / "two-stage.h5"
        secured = scenario.with_strategy("two-stage")
        world.run(secured, against, lambda done, _: on_progress(done, 2 * steps))
        run_optimum(
            scenario,
            out,
            against,
            lambda done, _: on_progress(steps + done, 2 * steps),
            overwrite=overwrite,
        )


def _against(
    case: Case, run: Results, room: best.FlexibleRoom | None, on_off: bool = False
) -> best.Optimum:
    if not run.complete:
        raise ValueError(f"{run.path} was stopped before its end; run it again")
    lived, solver = best.lived(case, run), parties.solver(case.scenario)
    return best.optimum(case, lived, room, solver, on_off=on_off)
