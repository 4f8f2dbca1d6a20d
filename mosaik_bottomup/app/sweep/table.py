"""The table of a sweep: a row per run, the same bytes however the runs were made."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_bottomup import __version__
from mosaik_bottomup.app.runs.run_store import write_bytes
from mosaik_bottomup.app.runs.workers import Done, Outcome
from mosaik_bottomup.app.sweep.axes import Value
from mosaik_bottomup.app.sweep.plan import SweepRun
from mosaik_bottomup.app.sweep.reading import Sweep
from mosaik_bottomup.app.sweep.sampling import places
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario.writing import value_text

FORMAT = 1
ABOUT = "sweep.json"
PARQUET = "summary.parquet"
CSV = "summary.csv"
DONE, FAILED = "done", "failed"
"""What the column ``status`` says."""
PLACES = ("point", "strategy", "seed", "run_id", "status", "error")
"""Columns that are neither axes nor metrics."""


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What was asked of a sweep, and its table."""

    name: str
    scenario: str
    axes: tuple[str, ...]
    """Keys of the scenario, columns of the table."""
    method: str
    places: tuple[tuple[float, ...], ...]
    """Of each point in the unit cube of the axes; none of a grid."""
    command: str
    version: str
    table: pd.DataFrame

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return [name for name in self.table if name not in {*PLACES, *self.axes}]


def summary(
    sweep: Sweep, runs: Sequence[SweepRun], outcomes: Mapping[str, Outcome]
) -> pd.DataFrame:
    """Return the table: a row per run, by point, then strategy, then seed.

    Returns
    -------
    table
        Columns ``point``, the axes, ``strategy``, ``seed``, ``run_id``, ``status``,
        ``error``, and every metric that any run has. A value of an axis that is a list
        stands there as in TOML. No time of any clock is in it.
    """
    rows = [_row(sweep, run, outcomes[run.run_id]) for run in runs]
    table = pd.DataFrame(rows)
    for axis in sweep.axes:
        table[axis.key] = _column([row[axis.key] for row in rows])
    return table


def write_table(
    folder: Path, sweep: Sweep, table: pd.DataFrame, command: str
) -> tuple[Path, Path]:
    """Write the table as Parquet and CSV, and what was asked; return both tables."""
    parquet, csv = io.BytesIO(), table.to_csv(index=False, lineterminator="\n")
    table.to_parquet(parquet, engine="pyarrow", index=False)
    method = sweep.sampling.method
    drawn = [] if method == "grid" else places(sweep.sampling, len(sweep.axes)).tolist()
    about = {
        "format": FORMAT,
        "name": sweep.name,
        "scenario": Path(sweep.scenario).name,
        "axes": [axis.key for axis in sweep.axes],
        "method": method,
        "places": drawn,
        "command": command,
        "version": __version__,
    }
    write_bytes(folder / ABOUT, (json.dumps(about, indent=1) + "\n").encode())
    write_bytes(folder / PARQUET, parquet.getvalue())
    write_bytes(folder / CSV, csv.encode())
    return folder / PARQUET, folder / CSV


def read_table(folder: Path) -> About:
    """Read what `write_table` has written.

    Raises
    ------
    InputError
        If a file is missing or is of another format.
    """
    try:
        told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise ValueError(f"is not of format {FORMAT}")
        return About(
            told["name"],
            told["scenario"],
            tuple(told["axes"]),
            told["method"],
            tuple(map(tuple, told["places"])),
            told["command"],
            told["version"],
            pd.read_parquet(folder / PARQUET, engine="pyarrow"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"must be a folder that `mosaik-bottomup sweep` has filled: {error}"
        raise InputError([Problem("report", "PATH", str(folder), remedy)]) from error


def _row(sweep: Sweep, run: SweepRun, outcome: Outcome) -> dict[str, Any]:
    done = isinstance(outcome, Done)
    keys = (axis.key for axis in sweep.axes)
    return {
        "point": run.number,
        **dict(zip(keys, run.point, strict=True)),
        "strategy": run.strategy,
        "seed": run.seed,
        "run_id": run.run_id,
        "status": DONE if done else FAILED,
        "error": "" if isinstance(outcome, Done) else outcome.error,
        **(outcome.value if isinstance(outcome, Done) else {}),
    }


def _column(values: list[Value]) -> list[Value]:
    """Return values of one kind, or else as TOML writes them: a column has one type."""
    kinds = {type(value) for value in values}
    if kinds <= {int, float} or kinds in ({bool}, {str}):
        return values
    return [value_text(value) for value in values]
