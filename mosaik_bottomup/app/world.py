"""One run of a scenario: a mosaik world is made, wired, and run to its end."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import mosaik
from mosaik.async_scenario import SimConfig
from mosaik_api_v3.connection import RemoteException
from mosaik_components.bottomup.checkpoint import NO_CHECKPOINTS, Checkpoints
from mosaik_components.bottomup.setting import settle
from mosaik_components.bottomup.watch import OnProgress

from mosaik_bottomup.app.wiring import MODULES, Wiring
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.scenario import Scenario

PACKAGE = "mosaik_components.bottomup"
START_TIMEOUT_S = 120.0
"""A process of its own imports everything and builds the case before it answers."""


def run(
    scenario: Scenario,
    out: str | Path,
    on_progress: OnProgress = lambda done, total: None,
    *,
    overwrite: bool = True,
    processes: bool = False,
    set_points: Path | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> None:
    """Run a scenario and leave a sealed results file.

    Parameters
    ----------
    scenario
        What to run.
    out
        The results file.
    on_progress
        Told after every step: the steps done, and the steps in all.
    overwrite
        Whether to replace an existing file.
    processes
        Whether every simulator is a process of its own: slower, same numbers.
    set_points
        File of what sites are told to do, for the strategy that tells them.
    checkpoints
        Which the run keeps, and which it goes on from; see `app.resuming`.

    Raises
    ------
    InputError
        If a file the scenario names cannot be used; nothing is written.
    FileExistsError
        If there is such a file, and it must not be overwritten.
    StageError, InvariantError
        If the run has to stop; the file holds the steps so far. From a process of its
        own, every error is a ``RuntimeError``.
    """
    text = scenario.to_toml()
    setting = settle(text, checkpoints=asdict(checkpoints))
    with mosaik.World(
        _simulators(processes),
        mosaik_config={"start_timeout": START_TIMEOUT_S},
        max_loop_iterations=setting.max_loop_iterations,
        skip_greetings=True,
        configure_logging=False,
    ) as world:
        wiring = Wiring(
            world, setting.case, text, setting.step_size, set_points, checkpoints
        )
        wiring.connect_all(Path(out), overwrite, on_progress)
        if not checkpoints.first:
            checkpoints.remove()
        with _tidied(world), _kept():
            world.run(until=setting.until, print_progress=False)
            _raise_what_stopped(world)
    checkpoints.remove()


def _simulators(processes: bool) -> SimConfig:
    if processes:
        cmd = "%(python)s -m {}.{} %(addr)s"
        return {name: {"cmd": cmd.format(PACKAGE, name)} for name in MODULES}
    return {name: {"python": f"{PACKAGE}.{name}:Simulator"} for name in MODULES}


@contextmanager
def _tidied(world: mosaik.World) -> Iterator[None]:
    """End what mosaik leaves waiting when a simulator stops the run."""
    lasting = asyncio.all_tasks(world.loop)
    try:
        yield
    finally:
        waiting = asyncio.all_tasks(world.loop) - lasting
        for task in waiting:
            task.cancel()
        if waiting:
            world.loop.run_until_complete(asyncio.wait(waiting))


@contextmanager
def _kept() -> Iterator[None]:
    """Spare the garbage collector all that lives to the end: a tenth of the time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _raise_what_stopped(world: mosaik.World) -> None:
    """Raise the error of a simulator in another process: mosaik only logs it."""
    for runner in world.compile(use_cache=True).values():
        error = runner.task.exception() if runner.task.done() else None
        if isinstance(error, RemoteException):
            raise RuntimeError(f"{runner.sid}: {error.remote_msg}") from error
        if error is not None:
            raise error
    if not all(runner.task.done() for runner in world.compile(use_cache=True).values()):
        raise InvariantError("the run has stopped before its end")
