"""What can go wrong, typed by whose fault it is.

Bad arguments of a function raise plain ``ValueError``.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what the user gave: where, what, and how to mend it."""

    source: str
    """File (or option) the value came from."""
    key: str
    """Dotted key or column."""
    value: str
    """What stands there."""
    remedy: str
    """What would be right."""

    def __str__(self) -> str:
        return f"{self.source}: {self.key} = {self.value}: {self.remedy}"


class InputError(ValueError):
    """What the user gave cannot be used: all problems, not just the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class StageError(RuntimeError):
    """A coordination stage found no optimal solution.

    Parameters
    ----------
    stage
        Name of the stage.
    step
        Time step, counted from the start of the run.
    status
        What the solver said, e.g. ``"Infeasible"``.
    lp_file
        The problem as it was given to the solver.
    """

    def __init__(self, stage: str, step: int, status: str, lp_file: Path) -> None:
        super().__init__(
            f"{stage}, step {step}: solver stopped with status {status!r}; "
            f"the problem is in {lp_file}"
        )
        self.stage = stage
        self.step = step
        self.status = status
        self.lp_file = lp_file

    @property
    def infeasible(self) -> bool:
        """Whether nothing keeps all rules: an answer, and no fault of the solver."""
        return self.status == "Infeasible"


class InvariantError(RuntimeError):
    """The parties broke a rule of the mechanism: a fault in wiring or code."""
