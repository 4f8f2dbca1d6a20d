"""mosaik adapter that tells somebody how far the recorder has come.

Event-based. What it calls is a Python function, so that it only works in the process
that starts it, by ``PythonStarter(Simulator, args=(on_progress, steps))``.
"""

from collections.abc import Callable
from typing import Any

import mosaik_api_v3
from mosaik_api_v3.types import CreateResult, InputData, Meta

type OnProgress = Callable[[int, int], None]
"""Called with the steps done and the steps in all."""

META: Meta = {
    "api_version": "3.0",
    "type": "event-based",
    "models": {"Watch": {"public": True, "params": [], "attrs": ["steps_done"]}},
}


class Simulator(mosaik_api_v3.Simulator):
    """Steps whenever there is something to tell."""

    def __init__(self, on_progress: OnProgress, steps: int) -> None:
        super().__init__(META)
        self._on_progress = on_progress
        self._steps = steps

    def create(self, num: int, model: str, **params: Any) -> list[CreateResult]:
        return [{"eid": model, "type": model}]

    def step(self, time: int, inputs: InputData, max_advance: int) -> None:
        for done in inputs["Watch"]["steps_done"].values():
            self._on_progress(done, self._steps)
