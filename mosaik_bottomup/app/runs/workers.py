"""Work in several processes: every task as soon as what it needs is there.

Each process imports once and lives for many tasks. One that dies takes its own task
with it and nothing else. Nothing here knows what the tasks are.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, NoReturn, Self

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""Processes share the machine; threads of their own would only be in each other's
way."""
PATIENCE_S = 5.0
"""How long a process may take to end when asked to."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a process is to do; a function of a module, and what can be pickled."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What a task has come to."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a task has come to nothing."""

    error: str
    trace: str = ""


type Outcome = Done | Failed


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to be done."""

    key: Hashable
    begin: Callable[[Mapping[Hashable, Any]], Call | Done]
    """Told what the tasks it needs have come to, says what a process is to do, or what
    has been done already. Called in this process, and to be quick."""
    needs: tuple[Hashable, ...] = ()
    """Keys of tasks that must be done before."""


def run_all(
    tasks: Sequence[Task],
    workers: int,
    on_outcome: Callable[[Task, Outcome], None] = lambda task, outcome: None,
) -> dict[Hashable, Outcome]:
    """Do all tasks that can be done; earlier ones first, if there is a choice.

    Parameters
    ----------
    tasks
        With different keys; what they need is among them.
    workers
        How many processes there may be. None is started that is not needed.
    on_outcome
        Told of every outcome when it is there.

    Returns
    -------
    outcomes
        By key, in the order of the tasks. A task that needs a failed one has failed.
    """
    outcomes: dict[Hashable, Outcome] = {}
    waiting = {task.key: task for task in tasks}

    def settle(task: Task, outcome: Outcome) -> None:
        outcomes[task.key] = outcome
        on_outcome(task, outcome)

    with _Pool(workers) as pool:
        while waiting or pool.busy:
            task = next(
                (it for it in waiting.values() if _is_ready(it, outcomes)), None
            )
            if task is not None and pool.has_room:
                del waiting[task.key]
                first = _begun(task, outcomes)
                if isinstance(first, Call):
                    pool.start(task, first)
                else:
                    settle(task, first)
            elif pool.busy:
                for ended, outcome in pool.ended():
                    settle(ended, outcome)
            else:
                lacking = ", ".join(map(str, waiting))
                raise ValueError(f"tasks that wait for each other: {lacking}")
    return {task.key: outcomes[task.key] for task in tasks}


def _is_ready(task: Task, outcomes: Mapping[Hashable, Outcome]) -> bool:
    return all(need in outcomes for need in task.needs)


def _begun(task: Task, outcomes: Mapping[Hashable, Outcome]) -> Call | Outcome:
    found: dict[Hashable, Any] = {}
    for need in task.needs:
        outcome = outcomes[need]
        if isinstance(outcome, Failed):
            return Failed(f"needs {need}, which failed: {outcome.error}")
        found[need] = outcome.value
    try:
        return task.begin(found)
    except Exception as error:
        return _failure(error)


class _Pool:
    """As many processes as are needed, at most so many."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._idle: list[_Worker] = []
        self._busy: dict[Connection, tuple[_Worker, Task]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._busy)

    @property
    def has_room(self) -> bool:
        return len(self._busy) < self._workers

    def start(self, task: Task, call: Call) -> None:
        worker = self._idle.pop() if self._idle else _Worker()
        if not worker.process.is_alive():  # it had died with nothing to do
            worker.end()
            worker = _Worker()
        self._busy[worker.connection] = worker, task
        worker.connection.send(call)

    def ended(self) -> list[tuple[Task, Outcome]]:
        """Wait until something has ended, and return it."""
        found = []
        ready = wait(list(self._busy))
        for connection in [it for it in self._busy if it in ready]:
            worker, task = self._busy.pop(connection)
            try:
                outcome = worker.connection.recv()
            except (EOFError, ConnectionError):
                outcome = Failed(f"its process has died ({worker.last_words()})")
            else:
                self._idle.append(worker)
            found.append((task, outcome))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker, _ in self._busy.values():
            worker.process.terminate()
        for worker in self._idle:
            worker.connection.close()
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.end()


class _Worker:
    """One process, and the line to it."""

    def __init__(self) -> None:
        # a fork would share the threads and locks of what is imported here
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def end(self) -> None:
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()
        self.process.close()

    def last_words(self) -> str:
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}; is there enough memory?"
        return f"exit code {code}"


def _serve(connection: Connection) -> None:
    """Do what comes, in a process of its own, until nobody is there to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us decides what it means
    signal.signal(signal.SIGTERM, _leave)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    os.dup2(2, 1)  # standard output belongs to the command's result
    while True:
        try:
            call: Call = connection.recv()
        except EOFError:
            return
        try:
            outcome: Outcome = Done(call.function(*call.arguments))
        except Exception as error:
            outcome = _failure(error)
        connection.send(outcome)


def _leave(number: int, frame: object) -> NoReturn:
    """End in good order: what is half done is cleared away on the way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # asyncio would tell of every task
    raise SystemExit(number)


def _failure(error: Exception) -> Failed:
    words = str(error) or type(error).__name__
    return Failed(words, "".join(traceback.format_exception(error)))
