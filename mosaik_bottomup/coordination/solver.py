"""How every stage is solved: one PuLP problem, an optimum or an error to look into."""

import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulp

from mosaik_bottomup.errors import InvariantError, StageError

HIGHS = {"threads": 1, "dual_feasibility_tolerance": 1e-10}
"""One thread; and slopes that differ by less than HiGHS tells apart by itself, 1e-7,
are not alike: which of them is taken would hang on the last bit of a limit."""


@dataclass(frozen=True, slots=True)
class Solver:
    """Which PuLP solver to use, and whether to keep what it was given."""

    name: str = "HiGHS"
    """Any name of ``pulp.listSolvers(onlyAvailable=True)``."""
    lp_folder: Path | None = None
    """Where each problem is written as an LP file; None: only failed ones are."""
    presolve: bool = True
    """Whether HiGHS looks for a smaller problem before it solves one."""

    def options(self) -> dict[str, Any]:
        """Return what the solver is called with: quiet, and `HIGHS` for HiGHS."""
        if self.name != "HiGHS":
            return {"msg": False}
        return {"msg": False} | HIGHS | ({} if self.presolve else {"presolve": "off"})


def solve(problem: pulp.LpProblem, stage: str, step: int, solver: Solver) -> None:
    """Solve ``problem`` in place.

    Raises
    ------
    StageError
        If the solver does not end with an optimum; names the LP file written.
    """
    stats, written = _run(problem, stage, step, solver)
    if stats.status != pulp.LpSolveStatus.Optimal:
        if written is None:
            folder = Path(tempfile.mkdtemp(prefix="mosaik-bottomup-"))
            written = _write(problem, stage, step, folder)
        raise StageError(stage, step, stats.status_str, written)


def is_solved(problem: pulp.LpProblem, stage: str, step: int, solver: Solver) -> bool:
    """Solve ``problem`` in place if it has an optimum; return whether it has."""
    stats, _ = _run(problem, stage, step, solver)
    return bool(stats.status == pulp.LpSolveStatus.Optimal)


def _run(
    problem: pulp.LpProblem, stage: str, step: int, solver: Solver
) -> tuple[pulp.LpSolveStats, Path | None]:
    written = None
    if solver.lp_folder is not None:
        written = _write(problem, stage, step, solver.lp_folder)
    return problem.solve(pulp.getSolver(solver.name, **solver.options())), written


def values(variables: Iterable[pulp.LpVariable]) -> list[float]:
    """Return what the solver found for each variable.

    Raises
    ------
    InvariantError
        If the solver said that it is done and left one out.
    """
    return [_found(at.name, at.value()) for at in variables]


def duals(problem: pulp.LpProblem) -> dict[str, float]:
    """Return by how much the objective grows per unit of each row's right-hand side.

    Raises
    ------
    InvariantError
        If the solver does not tell.
    """
    return {row.name: _found(row.name, row.pi) for row in problem.constraints()}


def _found(name: str, value: float | None) -> float:
    if value is None:
        raise InvariantError(f"the solver says nothing of {name}; use another one")
    return value


def _write(problem: pulp.LpProblem, stage: str, step: int, folder: Path) -> Path:
    """Write an LP file beside those of the same stage and step, never over one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = folder / f"{stage}-{step}-{number}.lp"
        try:
            path.touch(exist_ok=False)  # who makes it owns it, in whatever process
        except FileExistsError:
            continue
        break
    problem.writeLP(str(path))
    return path
