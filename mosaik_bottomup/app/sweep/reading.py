"""From a sweep file to a sweep, or to all that is wrong with it."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from mosaik_bottomup.app.sweep.axes import (
    Axis,
    Levels,
    Range,
    Span,
    Steps,
    is_whole,
    levels,
    span_problems,
    steps_problems,
)
from mosaik_bottomup.app.sweep.sampling import IN_POWERS_OF_TWO, Sampling, count
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import StrategyName
from mosaik_bottomup.scenario.reading import PATH_KEYS
from mosaik_bottomup.scenario.remedies import remedy, shown
from mosaik_bottomup.scenario.values import Section, Word, as_tuple

MOST_RUNS = 1_000_000
"""More is taken for a slip of the hand."""
TAKEN = {"run.seed": "seeds", "run.strategy": "strategies"}
"""Keys that are no axes, for the sweep file says them elsewhere."""
FORMS = (
    "must be a list of values, {start, stop, num[, log]}, or for samples "
    "{low, high[, log]}"
)

type Keep = Literal["all", "failed", "none"]
type Seed = Annotated[int, Field(ge=0, lt=2**63)]
type Raw = dict[str, Any]


class SweepFile(Section):
    """A sweep file, its axes as they were written."""

    name: Word
    """Folder of the results, in ``results/``."""
    scenario: str = "two_areas"
    """A packaged scenario, or a file, relative to the sweep file."""
    strategies: Annotated[
        tuple[StrategyName, ...], BeforeValidator(as_tuple), Field(min_length=1)
    ]
    """Each is run at every point."""
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    """Each is run at every point."""
    keep: Keep = "all"
    """Results files that stay: of all runs, of failed ones only, of none."""
    axes: dict[str, Any] = Field(min_length=1)
    """Values by key of the scenario, written ``"section.key"``."""
    sampling: Sampling = Sampling()
    """Which points of the axes are run."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be run, and what stays of it."""

    source: Path
    """The sweep file."""
    name: str
    scenario: str
    """A packaged one's name, or a path."""
    strategies: tuple[StrategyName, ...]
    seeds: tuple[int, ...]
    keep: Keep
    axes: tuple[Axis, ...]
    sampling: Sampling


def read_sweep(file: Path) -> Sweep:
    """Read a sweep file.

    Raises
    ------
    InputError
        With every problem of the file; points are checked by `plan.plan`.
    """
    raw = _raw(file)
    found, problems = _validated(file, raw)
    axes: list[Axis] = []
    for key, written in found.axes.items():
        axis, wrong = _axis(key, written, file.parent)
        problems += [Problem(str(file), at, shown(v), why) for at, v, why in wrong]
        axes += [axis] if axis else []
    if not problems:
        problems = [
            Problem(str(file), key, value, why)
            for key, value, why in _misfits(found, axes)
        ]
    if problems:
        raise InputError(problems)
    scenario = found.scenario
    beside = file.parent / scenario
    return Sweep(
        file,
        found.name,
        str(beside.resolve()) if beside.is_file() else scenario,
        found.strategies,
        found.seeds,
        found.keep,
        tuple(axes),
        found.sampling,
    )


def _raw(file: Path) -> Raw:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        remedy_ = "must be TOML, see https://toml.io"
        raise InputError([Problem(str(file), "syntax", str(error), remedy_)]) from error
    except (OSError, UnicodeDecodeError) as error:
        words = f"must be a file of UTF-8 text: {error}"
        raise InputError([Problem("sweep", "file", str(file), words)]) from error


def _validated(file: Path, raw: Raw) -> tuple[SweepFile, list[Problem]]:
    """Find every problem; what is wrong stands at something harmless."""
    harmless: Raw = {
        "name": "sweep",
        "strategies": ["two-stage"],
        "seeds": [1],
        "axes": {"run.duration_h": [24.0]},
    }
    sound, problems = dict(raw), list[Problem]()
    while True:
        try:
            return SweepFile.model_validate(sound), problems
        except ValidationError as error:
            for details in error.errors():
                key = tuple(str(part) for part in details["loc"])
                dotted = ".".join(key)
                why = (
                    _unknown(key)
                    if details["type"] == "extra_forbidden"
                    else "is missing"
                    if details["type"] == "missing"
                    else remedy(details, ())
                )
                value = "" if why == "is missing" else shown(details["input"])
                problems.append(Problem(str(file), dotted, value, why))
                sound.pop(key[0], None)
                if key[0] in harmless:
                    sound[key[0]] = harmless[key[0]]


def _unknown(key: tuple[str, ...]) -> str:
    model: type[BaseModel] = Sampling if key[0] == "sampling" else SweepFile
    near = difflib.get_close_matches(key[-1], model.model_fields, n=1)
    if near:
        return f"unknown key; did you mean '{'.'.join((*key[:-1], near[0]))}'?"
    return f"unknown key; there are {', '.join(model.model_fields)}"


def _axis(
    key: str, written: object, folder: Path
) -> tuple[Axis | None, list[tuple[str, object, str]]]:
    """Return an axis, or parts of it that are wrong: key, value, remedy."""
    at = f'axes."{key}"'
    if key in TAKEN:
        return None, [(at, written, f"is no axis: write {TAKEN[key]} = [...] instead")]
    if "." not in key:
        why = 'must be written "section.key" = ..., in quotation marks'
        return None, [(at, written, why)]
    if isinstance(written, list):
        values = _with_paths(key, written, folder)
        twice = [v for row, v in enumerate(values) if v in values[:row]]
        if not values or twice:
            why = "has a value twice" if twice else "needs at least one value"
            return None, [(at, written, why)]
        return Levels(key, tuple(values)), []
    if not isinstance(written, Mapping):
        return None, [(at, written, FORMS)]
    model: type[Steps] | type[Span]
    model = Span if {"low", "high"} & written.keys() else Steps
    try:
        made = model.model_validate(dict(written))
    except ValidationError as error:
        return None, [_form_problem(at, written, it) for it in error.errors()]
    parts = (
        steps_problems(key, made)
        if isinstance(made, Steps)
        else span_problems(key, made)
    )
    wrong = [(f"{at}.{part}", getattr(made, part), why) for part, why in parts]
    if wrong:
        return None, wrong
    if isinstance(made, Steps):
        return levels(key, made), []
    return Range(key, made.low, made.high, made.log, is_whole(key)), []


def _form_problem(
    at: str, written: Mapping[str, Any], details: Mapping[str, Any]
) -> tuple[str, object, str]:
    part = ".".join(map(str, details["loc"]))
    if details["type"] in ("missing", "extra_forbidden"):
        return at, written, FORMS
    return f"{at}.{part}", details["input"], remedy(details, ())


def _with_paths(key: str, values: list[Any], folder: Path) -> list[Any]:
    """Make paths what they are relative to: the folder of the sweep file."""
    if tuple(key.split(".")) not in PATH_KEYS:
        return values
    return [
        str((folder / value).resolve()) if isinstance(value, str) and value else value
        for value in values
    ]


def _misfits(sweep: SweepFile, axes: list[Axis]) -> Iterator[tuple[str, str, str]]:
    """Yield what does not fit together: key, value, remedy."""
    sampling = sweep.sampling
    method, samples = sampling.method, sampling.samples
    for key in ("strategies", "seeds"):
        values = getattr(sweep, key)
        if len({*values}) < len(values):
            yield key, shown(values), "has one twice"
    if method == "grid":
        if samples is not None:
            why = 'belongs to a method that samples; method = "grid" runs every point'
            yield "sampling.samples", str(samples), why
        for axis in axes:
            if isinstance(axis, Range):
                why = (
                    "is a range to sample: set a method in [sampling], or write "
                    "{start, stop, num}"
                )
                yield f'axes."{axis.key}"', f"{axis.low:g} to {axis.high:g}", why
                return
    elif samples is None:
        yield "sampling.samples", "", f"is missing; {method} draws so many points"
        return
    elif method in IN_POWERS_OF_TWO and samples & (samples - 1):
        near = 2 ** round(samples.bit_length() - 0.5)
        why = f"must be a power of two for {method}, such as {near}"
        yield "sampling.samples", str(samples), why
    runs = count(axes, sampling) * len(sweep.strategies) * len(sweep.seeds)
    if runs > MOST_RUNS:
        yield "axes", f"{runs} runs", f"are more than {MOST_RUNS}"
