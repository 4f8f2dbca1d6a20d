"""The file that says what a comparison has found, for pages and people after it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_bottomup import __version__
from mosaik_bottomup.app.evidence.campaign import Harvest, Missing, Point, Record
from mosaik_bottomup.app.evidence.variants import REFERENCE
from mosaik_bottomup.app.runs.run_store import write_whole

FORMAT = 1
FILE = "evidence.json"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked."""

    command: str
    """As it would be given again."""
    scenario: str
    variants: tuple[str, ...]
    limits_percent: tuple[float | None, ...]
    seeds: tuple[int, ...]


def write_evidence(folder: Path, question: Question, harvest: Harvest) -> Path:
    """Write what was asked and found into a folder, and return the file."""
    file = folder / FILE
    write_whole(file, json.dumps(as_table(question, harvest), indent=1) + "\n")
    return file


def as_table(question: Question, harvest: Harvest) -> dict[str, Any]:
    """Return what the file says.

    Returns
    -------
    table
        ``runs`` has those asked for and those that they were compared with or computed
        against; a ``limit_percent`` of None stands for the scenario's own limits. Among
        ``failures`` are points that nobody can keep: those are ``infeasible``.
    """
    return {
        "format": FORMAT,
        "command": question.command,
        "scenario": question.scenario,
        "version": __version__,
        "reference": REFERENCE,
        "strategies": list(question.variants),
        "limits_percent": list(question.limits_percent),
        "seeds": list(question.seeds),
        "runs": [
            {**_place(record.point), "file": record.file, "metrics": record.metrics}
            for record in _in_order(harvest.records)
        ],
        "failures": [
            {**_place(it.point), "error": it.error, "infeasible": it.infeasible}
            for it in _in_order(harvest.missing)
        ],
    }


def _place(point: Point) -> dict[str, Any]:
    return {
        "strategy": point.variant,
        "seed": point.seed,
        "limit_percent": point.limit_percent,
    }


def _in_order[T: Record | Missing](things: Sequence[T]) -> list[T]:
    """Sort by limit (the scenario's own first, then the widest), then as they come."""

    def width(thing: T) -> float:
        percent = thing.point.limit_percent
        return float("-inf") if percent is None else -percent

    return sorted(things, key=width)
