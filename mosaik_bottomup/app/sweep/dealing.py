"""Which run a worker gets next: if it can be, one with the homes of its last.

Homes, their input and their warm-up are made once in each process as long as runs with
the same ones follow each other there.
"""

from collections import deque
from collections.abc import Iterable

from mosaik_bottomup.app.sweep.plan import SweepRun


class Dealer:
    """Runs that have yet to begin."""

    def __init__(self, runs: Iterable[SweepRun]) -> None:
        self._waiting: dict[str, deque[SweepRun]] = {}
        for run in runs:
            self._waiting.setdefault(run.homes, deque()).append(run)
        self._homes_at: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def next_for(self, worker: str) -> SweepRun:
        """Return a run that a worker is to begin with now; there must be one."""
        homes = self._homes_at.get(worker)
        if homes not in self._waiting:
            taken = {*self._homes_at.values()}
            free = (each for each in self._waiting if each not in taken)
            most = max(self._waiting, key=lambda each: len(self._waiting[each]))
            homes = next(free, most)
        self._homes_at[worker] = homes
        run = self._waiting[homes].popleft()
        if not self._waiting[homes]:
            del self._waiting[homes]
        return run
