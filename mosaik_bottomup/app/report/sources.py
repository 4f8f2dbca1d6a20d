"""Reads what a page is made of, and reports all that is wrong with it at once."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mosaik_bottomup.app.evidence.file import FILE as EVIDENCE_FILE
from mosaik_bottomup.app.evidence.file import FORMAT as EVIDENCE_FORMAT
from mosaik_bottomup.app.report.runs import Evidence, Failure, Run, settings
from mosaik_bottomup.app.report.style import REFERENCE
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.metrics.evaluate import evaluate
from mosaik_bottomup.metrics.relative import relative
from mosaik_bottomup.results import Results, read

PERCENT = 100.0
EQUAL_SHARES_PERCENT = 0.05
"""Forgives rounding where a limit is the same share of each area's peak."""
INPUT_SECTIONS = (
    "grid",
    "sites",
    "aggregators",
    "weather",
    "pv",
    "prices",
    "tariff",
    "households",
)
"""What runs on one page have in common, with the days of section ``run``."""
MAY_DIFFER = {
    "run": {"seed", "strategy"},
    "grid": {"loading_limit_percent", "engine"},
}


def gather(paths: Sequence[Path]) -> Evidence:
    """Read results files and folders with evidence.

    Raises
    ------
    InputError
        With every problem: what is no results file, a folder without evidence, runs of
        different scenarios, the same run twice.
    """
    problems: list[Problem] = []
    runs: list[Run] = []
    single: list[Run] = []
    failures: list[Failure] = []
    commands: list[str] = []
    for path in dict.fromkeys(path.resolve() for path in paths):
        try:
            if path.is_dir():
                found = _read_folder(path)
                runs += found.runs
                failures += found.failures
                commands += found.commands
            else:
                single.append(_read_file(path))
        except InputError as error:
            problems += error.problems
    problems = problems or list(_mixed([*runs, *single]))
    if not problems:
        runs = _once(runs) + _judged(single, runs)
        problems = list(_repeated(runs))
    if problems:
        raise InputError(problems)
    return Evidence(tuple(runs), tuple(failures), tuple(commands))


def _read_folder(folder: Path) -> Evidence:
    file = folder / EVIDENCE_FILE
    if not file.is_file():
        raise _refusal(
            folder,
            f"has no {EVIDENCE_FILE}; `mosaik-bottomup compare --out` makes one, "
            "or name results files",
        )
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["format"] != EVIDENCE_FORMAT:
            raise _refusal(file, f"must be of format {EVIDENCE_FORMAT}")
        failures = tuple(
            Failure(
                str(each["strategy"]),
                int(each["seed"]),
                each["limit_percent"],
                str(each["error"]),
                bool(each.get("infeasible", False)),
            )
            for each in told["failures"]
        )
        commands = (str(told["command"]),)
        entries = list(told["runs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise _refusal(file, f"must be what compare writes; {_words(error)}") from error
    runs: list[Run] = []
    problems: list[Problem] = []
    for entry in entries:
        try:
            runs.append(_entry(folder, file, entry))
        except InputError as error:
            problems += error.problems
    if not (runs or problems):
        raise _refusal(file, "holds no run that ended well")
    if problems:
        raise InputError(problems)
    return Evidence(tuple(runs), failures, commands)


def _entry(folder: Path, file: Path, entry: Any) -> Run:
    try:
        run = Run(
            str(entry["strategy"]),
            int(entry["seed"]),
            entry["limit_percent"],
            _read_file(folder / entry["file"]).results,
            {name: float(figure) for name, figure in entry["metrics"].items()},
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(file, f"must be what compare writes; {_words(error)}") from error
    return run if run.results.complete else replace(run, metrics={})


def _read_file(path: Path) -> Run:
    try:
        results = read(path)
    except FileNotFoundError as error:
        raise _refusal(path, "there is no such file or folder") from error
    except (OSError, KeyError) as error:
        raise _refusal(path, f"cannot be read: {_words(error)}") from error
    if results.steps_written == 0:
        raise _refusal(path, "holds no step: the run was stopped at its start")
    attrs = results.attrs
    return Run(str(attrs["strategy"]), int(attrs["seed"]), None, results, {})


def _judged(single: Sequence[Run], others: Sequence[Run]) -> list[Run]:
    """Give runs without evidence their metrics and their limit's share."""
    references = {
        run.seed: run
        for run in (*others, *single)
        if run.strategy == REFERENCE and run.results.complete
    }
    judged = []
    for run in single:
        if not run.results.complete:
            judged.append(run)
            continue
        figures = evaluate(run.results)
        limit = None
        if reference := references.get(run.seed):
            figures |= relative(run.results, reference.results)
            if run.strategy != REFERENCE:
                limit = _share_percent(run.results, reference.results)
        judged.append(replace(run, limit_percent=limit, metrics=figures))
    return judged


def _share_percent(run: Results, reference: Results) -> float | None:
    """Return the limit in percent of the reference's peaks, if one for all areas."""
    areas = run.static["areas"]
    peak_percent = reference.series("transformers", "loading").max(1)
    share = PERCENT * PERCENT * areas["limit"] / areas["rating"] / peak_percent
    if len(share) < 2 or np.ptp(share) > EQUAL_SHARES_PERCENT:
        return None
    return round(float(share[0]), 1)


def _mixed(runs: Sequence[Run]) -> Iterable[Problem]:
    first = runs[0]
    wanted = _input(first.results)
    for run in runs[1:]:
        given = _input(run.results)
        differing = sorted(
            key
            for key in wanted.keys() | given.keys()
            if wanted.get(key) != given.get(key)
        )
        if differing:
            yield Problem(
                "report",
                "PATH",
                str(run.results.path),
                f"is of another scenario than {first.results.path} "
                f"({', '.join(differing)} differ); make a page of each",
            )


def _input(results: Results) -> dict[str, Any]:
    """Return what a run met, by dotted key."""
    scenario = settings(results)
    return {
        f"{section}.{key}": value
        for section in ("run", *INPUT_SECTIONS)
        for key, value in scenario.get(section, {}).items()
        if key not in MAY_DIFFER.get(section, ())
    }


def _once(runs: Sequence[Run]) -> list[Run]:
    """Leave out runs that several folders have: one name is one run."""
    first: dict[tuple[str, float | None, str], Run] = {}
    for run in runs:
        name = run.results.path.name
        first.setdefault((run.strategy, run.limit_percent, name), run)
    return list(first.values())


def _repeated(runs: Sequence[Run]) -> Iterable[Problem]:
    seen: dict[tuple[str, int, float | None], Path] = {}
    for run in runs:
        which = (run.strategy, run.seed, run.limit_percent)
        if which in seen:
            yield Problem(
                "report",
                "PATH",
                str(run.results.path),
                f"is the same strategy, seed and limit as {seen[which]}; name one",
            )
        seen[which] = run.results.path


def _refusal(path: Path, remedy: str) -> InputError:
    return InputError([Problem("report", "PATH", str(path), remedy)])


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error)
