"""Declares a results file complete: compressed, with its certificate."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results.container import Header, create
from mosaik_bottomup.results.reader import read


def seal(
    path: str | Path,
    certificate: Mapping[str, Mapping[str, Any]],
    wall_time_s: float,
    step_times_ms: Sequence[float],
) -> None:
    """Write a finished run's file again: chunked, compressed, ``complete`` 1.

    The old file stays until the new one takes its place in one move; a process killed
    meanwhile leaves the old one, with all its steps.

    Parameters
    ----------
    path
        A file whose writer is closed.
    certificate
        The checks, by name; kept as JSON in the attribute ``certificate``.
    wall_time_s
        How long the run took.
    step_times_ms
        How long each step took, shape (steps,).

    Raises
    ------
    InvariantError
        If the file lacks steps, or has been sealed before.
    """
    results = read(path)
    if results.complete:
        raise InvariantError(f"{path} is complete already")
    if results.steps_written != results.steps:
        raise InvariantError(
            f"{path} holds {results.steps_written} of {results.steps} steps"
        )
    header = Header(
        attrs={
            **results.attrs,
            "certificate": json.dumps(certificate),
            "wall_time_s": float(wall_time_s),
            "step_time_ms_median": float(np.median(step_times_ms)),
            "step_time_ms_max": float(np.max(step_times_ms)),
            "complete": 1,
        },
        time_s=results.time_s,
        entities=results.entities,
        static=results.static,
        steps_written=results.steps_written,
    )
    create(Path(path), header, results.blocks)
