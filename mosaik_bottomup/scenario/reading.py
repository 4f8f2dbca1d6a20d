"""From TOML text and overrides to a scenario, or to all that is wrong with them."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mosaik_bottomup import data
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario.checks import findings
from mosaik_bottomup.scenario.grid_checks import file_problems
from mosaik_bottomup.scenario.remedies import remedy, shown
from mosaik_bottomup.scenario.sections import Scenario

PATH_KEYS = {
    ("grid", "file"),
    ("weather", "file"),
    ("prices", "file"),
    ("households", "file"),
    ("settlement", "imbalance_price_file"),
    ("activations", "file"),
    ("solver", "write_lp"),
}
OVERRIDE = "--set"

type Table = dict[str, Any]


def load(
    scenario: str | Path,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    strategy: str | None = None,
) -> Scenario:
    """Read a scenario file or a packaged scenario.

    Parameters
    ----------
    scenario
        Path of a TOML file, or the name of a packaged one (``"two_areas"``).
    overrides
        Texts ``section.key=value`` laid over the file, later ones winning. Values are
        TOML; what is not is taken as a string.
    seed, strategy
        Shorter ways to say ``run.seed`` and ``run.strategy``.

    Raises
    ------
    InputError
        With every problem of file and overrides.
    """
    path = _find(scenario)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            [Problem("scenario", "file", str(path), f"must be UTF-8 text: {error}")]
        ) from error
    return parse(text, str(path), path.parent, overrides, seed, strategy)


def parse(
    text: str,
    source: str = "(text)",
    folder: Path | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    strategy: str | None = None,
) -> Scenario:
    """Make a scenario of TOML text; see `load`.

    Parameters
    ----------
    source
        What problems call the text.
    folder
        What paths in the text are relative to; the working directory if left out.
        Paths in overrides are always relative to the working directory.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            [Problem(source, "syntax", str(error), "must be TOML, see https://toml.io")]
        ) from error
    raw.setdefault("name", re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).stem))
    _resolve_paths(raw, folder or Path.cwd())

    problems, sources = _lay_over(raw, overrides)
    for name, value in (("seed", seed), ("strategy", strategy)):
        if value is not None and isinstance(raw.setdefault("run", {}), dict):
            raw["run"][name] = value
            sources["run", name] = f"--{name}"

    scenario, found = _validate(raw)
    for key, why in found.items():
        by = next((at for k, at in sources.items() if _same_branch(k, key)), source)
        written = _at(raw, key)
        if written is None:  # what does not fit is the default
            written = _at(scenario.model_dump(), key)
        problems.append(Problem(by, ".".join(key), shown(written), why))
    if ("grid", "file") not in found:
        problems += file_problems(scenario.grid)
    if problems:
        raise InputError(problems)
    return scenario


def _find(scenario: str | Path) -> Path:
    path = Path(scenario)
    if path.is_file():
        return path
    if path.name == str(scenario) and not path.suffix:
        try:
            return data.packaged_scenario(str(scenario))
        except ValueError as error:
            reason = f"there is no such file, and {error}"
    else:
        reason = "there is no such file"
    raise InputError([Problem("scenario", "file", str(scenario), reason)])


def _resolve_paths(raw: Table, folder: Path) -> None:
    for section, key in PATH_KEYS:
        table = raw.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
            table[key] = str((folder / table[key]).resolve())


def _lay_over(
    raw: Table, overrides: Sequence[str]
) -> tuple[list[Problem], dict[tuple[str, ...], str]]:
    problems: list[Problem] = []
    sources: dict[tuple[str, ...], str] = {}
    for override in overrides:
        dotted, equals, text = override.partition("=")
        key = tuple(part.strip() for part in dotted.split("."))
        if not (equals and all(key)):
            problems.append(
                Problem(OVERRIDE, override, "", "must read section.key=value")
            )
            continue
        table = raw
        for part in key[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                problems.append(
                    Problem(OVERRIDE, dotted, text, f"{part} is a value, not a table")
                )
                break
        else:
            table[key[-1]] = _value(text.strip())
            sources[key] = OVERRIDE
            if key in PATH_KEYS:
                _resolve_paths({key[0]: table}, Path.cwd())
    return problems, sources


def _value(text: str) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _validate(raw: Table) -> tuple[Scenario, dict[tuple[str, ...], str]]:
    """Find every problem; the scenario has defaults where there are any."""
    sound: Table = {k: dict(v) if isinstance(v, dict) else v for k, v in raw.items()}
    found: dict[tuple[str, ...], str] = {}
    while True:
        try:
            scenario = Scenario.model_validate(sound)
            break
        except ValidationError as error:
            for details in error.errors():
                key = _written_key(raw, details["loc"])
                found.setdefault(key, remedy(details, key))
                section, *rest = key
                if rest and isinstance(sound.get(section), dict):
                    sound[section].pop(rest[0], None)
                else:
                    sound.pop(section, None)
    unsound = frozenset(".".join(key[:2]) for key in found)
    for dotted, why in findings(scenario, unsound):
        found.setdefault(tuple(dotted.split(".")), why)
    return scenario, found


def _written_key(raw: Table, location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Follow a pydantic location as far as the user has written names."""
    key: list[str] = []
    at: object = raw
    for part in location:
        if isinstance(at, Mapping) and part in at:
            at = at[part]
        elif isinstance(at, list) and part in range(len(at)):
            at = at[int(part)]
        else:
            break
        key.append(str(part))
    return tuple(key)


def _same_branch(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _at(raw: Table, key: tuple[str, ...]) -> object:
    at: object = raw
    for part in key:
        if isinstance(at, list):
            at = at[int(part)]
        else:
            at = at.get(part) if isinstance(at, Mapping) else None
    return at
