"""The runs a page is made of, and which of them its pictures show."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from mosaik_bottomup.app.report.style import HIGHLIGHT, REFERENCE, order
from mosaik_bottomup.results import Results

PAPER_LIMIT_PERCENT = 73.0
"""Peak loading the paper reaches, of that without coordination: 27 % less."""
UNLIMITED = (
    REFERENCE,
    "price-only-spread",
    "thermostat",
    "stage-one",
    "packet-unlimited",
)
"""Strategies that know no limit: one run stands for all limits."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One results file and what it stands for."""

    strategy: str
    seed: int
    limit_percent: float | None
    """Limit in percent of the seed's price-only peak; None: the scenario's own."""
    results: Results
    metrics: dict[str, float]
    """Empty if the run has not ended well."""

    @property
    def label(self) -> str:
        """Strategy, with a mark if the run has not ended well."""
        done = self.results
        if done.complete:
            return self.strategy
        return (
            f"{self.strategy} (unfinished: {done.steps_written} of {done.steps} steps)"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """A run there should be and is not."""

    strategy: str
    seed: int
    limit_percent: float | None
    error: str
    infeasible: bool
    """Nobody can keep this limit: an answer, and no fault."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All runs of a page, of one scenario."""

    runs: tuple[Run, ...]
    failures: tuple[Failure, ...] = ()
    commands: tuple[str, ...] = ()
    """What made the runs, where that is known."""

    @property
    def strategies(self) -> list[str]:
        """Names, in the order of every table and legend."""
        return sorted({run.strategy for run in self.runs}, key=order)

    @property
    def limits(self) -> list[float | None]:
        """Limits of the strategies that know one, the widest first."""
        of_limited = {r.limit_percent for r in self.runs if r.strategy not in UNLIMITED}
        found = of_limited or {run.limit_percent for run in self.runs}
        return sorted(found, key=lambda limit: -(limit or float("inf")))

    @property
    def shown_limit(self) -> float | None:
        """Limit of the pictures of one day: the nearest to the paper's."""
        numbered = [limit for limit in self.limits if limit is not None]
        if not numbered:
            return None
        return min(numbered, key=lambda limit: abs(limit - PAPER_LIMIT_PERCENT))

    @property
    def shown_seed(self) -> int:
        """Seed of the pictures of one day: the first with most strategies."""
        by_seed: dict[int, set[str]] = {}
        for run in self.runs:
            by_seed.setdefault(run.seed, set()).add(run.strategy)
        return min(by_seed, key=lambda seed: (-len(by_seed[seed]), seed))

    @property
    def main(self) -> Run:
        """The run in the foreground: two-stage, or what is there instead."""
        shown = self.shown()
        for wanted in (HIGHLIGHT, *(run.strategy for run in shown[::-1])):
            for run in shown:
                if run.strategy == wanted and wanted != REFERENCE:
                    return run
        return shown[0]

    def shown(self) -> list[Run]:
        """Return one run of each strategy, of the shown seed and limit."""
        found = (
            self._find(strategy, self.shown_seed, self.shown_limit)
            for strategy in self.strategies
        )
        return [run for run in found if run]

    def at(self, strategy: str, limit: float | None) -> list[Run]:
        """Return the runs of a strategy at a limit that ended well, one per seed."""
        seeds = sorted({run.seed for run in self.runs})
        found = (self._find(strategy, seed, limit) for seed in seeds)
        return [run for run in found if run and run.results.complete]

    def reference(self, run: Run) -> Run | None:
        """Return the price-only run of the same seed, if it ended as far as the run."""
        found = self._find(REFERENCE, run.seed, run.limit_percent)
        if found and found.results.steps_written >= run.results.steps_written:
            return found
        return None

    def _find(self, strategy: str, seed: int, limit: float | None) -> Run | None:
        mine = [r for r in self.runs if (r.strategy, r.seed) == (strategy, seed)]
        for run in mine:
            if run.limit_percent == limit:
                return run
        return mine[0] if mine and strategy in UNLIMITED else None


def values(runs: Sequence[Run], metric: str) -> list[float]:
    """Return a metric of the runs that have it."""
    return [run.metrics[metric] for run in runs if metric in run.metrics]


def settings(results: Results) -> dict[str, Any]:
    """Return the scenario of a run as tables."""
    return tomllib.loads(str(results.attrs["scenario"]))


def zone(results: Results) -> timezone:
    """Return the zone of the scenario's clock: that of its start."""
    start = settings(results).get("run", {}).get("start")
    offset = start.utcoffset() if isinstance(start, datetime) else None
    return timezone(offset if offset is not None else timedelta(0))


def limit_name(limit: float | None) -> str:
    """Return how a limit is called."""
    if limit is None:
        return "the scenario's own limit"
    return f"limit at {limit:.4g} % of the price-only peaks"
