"""How figures stand beside those of a baseline."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_bottomup.errors import InputError, Problem

GROUPS = ("ratios", "imports", "command", "parts", "fleets", "slopes", "year", "sweep")
"""What is compared."""
CAME_FROM = ("machine", "commit", "created_utc")
"""What is told of a baseline."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure."""

    name: str
    baseline: float | None
    """None: it is new."""
    now: float

    @property
    def ratio(self) -> float | None:
        """Now to baseline; None without one, or where that is nothing."""
        return self.now / self.baseline if self.baseline else None


def compared(
    baseline: Mapping[str, Any], now: Mapping[str, Any]
) -> tuple[Compared, ...]:
    """Return every figure taken now beside that of the baseline."""
    before = dict(_figures(baseline))
    return tuple(
        Compared(name, before.get(name), value) for name, value in _figures(now)
    )


def read(file: Path) -> dict[str, Any]:
    """Return the figures kept in a file.

    Raises
    ------
    InputError
        If it cannot be read as such.
    """
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problem = Problem("--compare", "FILE", str(file), f"must be JSON: {error}")
        raise InputError([problem]) from error
    if not isinstance(figures, dict) or not figures.keys() >= set(CAME_FROM):
        remedy = "must be figures that --json has kept"
        raise InputError([Problem("--compare", "FILE", str(file), remedy)])
    return figures


def _figures(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for group in GROUPS:
        yield from _numbers(group, figures.get(group, {}))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers(f"{name} / {key}", each)
    else:
        yield name, value
