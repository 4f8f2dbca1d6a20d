"""How every stage is solved: one PuLP problem, optimal or an error one can look into."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulp

from mosaik_bottomup.errors import StageError


@dataclass(frozen=True, slots=True)
class Solver:
    """Which PuLP solver to use, and whether to keep what it was given."""

    name: str = "HiGHS"
    """Any name of ``pulp.listSolvers(onlyAvailable=True)``."""
    lp_folder: Path | None = None
    """Where each problem is written as an LP file; None: only failed ones are."""

    def options(self) -> dict[str, Any]:
        """Return what the solver is called with: quiet, and one thread for HiGHS."""
        return {"msg": False} | ({"threads": 1} if self.name == "HiGHS" else {})


def solve(problem: pulp.LpProblem, stage: str, step: int, solver: Solver) -> None:
    """Solve ``problem`` in place.

    Raises
    ------
    StageError
        If the solver does not end with an optimum; names the LP file written.
    """
    if solver.lp_folder is not None:
        _write(problem, stage, step, solver.lp_folder)
    stats = problem.solve(pulp.getSolver(solver.name, **solver.options()))
    if stats.status != pulp.LpSolveStatus.Optimal:
        folder = solver.lp_folder or Path(tempfile.mkdtemp(prefix="mosaik-bottomup-"))
        written = _write(problem, stage, step, folder)
        raise StageError(stage, step, stats.status_str, written)


def _write(problem: pulp.LpProblem, stage: str, step: int, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stage}-{step}.lp"
    problem.writeLP(str(path))
    return path
