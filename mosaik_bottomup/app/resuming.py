"""From where a run goes on that was stopped before its end, and whether it may.

Its checkpoints lie in a folder beside its results file. Only the same scenario and the
same code go on to the same numbers.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from mosaik_components.bottomup.checkpoint import Checkpoints, last

from mosaik_bottomup.app.runs.run_store import identity
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.results import read
from mosaik_bottomup.scenario import Scenario

SUFFIX = ".checkpoints"
OPTION = "--resume"


def folder_of(out: Path) -> Path:
    """Return where the checkpoints of a results file are."""
    return out.with_name(out.name + SUFFIX)


def checkpoints(
    scenario: Scenario, out: Path, every_h: float, resume: bool
) -> Checkpoints:
    """Return which checkpoints a run keeps, and which it goes on from.

    Parameters
    ----------
    scenario
        What is run.
    out
        Its results file.
    every_h
        Hours between two checkpoints, rounded up to whole steps; 0 is none.
    resume
        Whether it goes on from the last one.

    Raises
    ------
    InputError
        If it is to go on and there is no checkpoint, or one of another run.
    """
    folder = folder_of(out)
    every_steps, this = scenario.run.steps_in(every_h), identity(scenario)
    first = _first(scenario, out, folder, this) if resume else 0
    return Checkpoints(str(folder), every_steps, first, this)


def _first(scenario: Scenario, out: Path, folder: Path, this: str) -> int:
    found = last(folder)
    if found is None or not out.exists():
        remedy = "has no checkpoint to go on from: run it without --resume"
        if out.exists() and read(out).complete:
            remedy = "is complete: there is nothing to go on with"
        raise InputError([Problem(OPTION, "file", str(out), remedy)])
    step, begun = found
    if begun != this:
        raise InputError(list(_differences(scenario, out)))
    return step


def _differences(scenario: Scenario, out: Path) -> Iterator[Problem]:
    """Say why a scenario would not go on to the numbers that a run was to have."""
    begun = tomllib.loads(str(read(out).attrs["scenario"]))
    wanted = tomllib.loads(scenario.to_toml())
    if wanted == begun:
        remedy = (
            "was begun by another version of this package or of those it needs, or "
            "a file that the scenario names has changed: begin anew with --force"
        )
        yield Problem(OPTION, "file", str(out), remedy)
    was, now = _flat(begun), _flat(wanted)
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key):
            remedy = f"the run was begun with {was.get(key)!r}"
            yield Problem(OPTION, key, repr(now.get(key)), remedy)


def _flat(tables: dict[str, object]) -> dict[str, object]:
    """Return all values of a scenario by section and key."""
    flat: dict[str, object] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            flat[name] = value
    return flat
