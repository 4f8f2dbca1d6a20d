"""Writes a run into its results file, step by step, safe against being killed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results.checking import (
    checked_entities,
    checked_static,
    checked_values,
    in_utc,
    refuse_names,
)
from mosaik_bottomup.results.container import (
    AttrValue,
    Header,
    create,
    missing,
    places,
)
from mosaik_bottomup.results.layout import (
    FORMAT_VERSION,
    LAYOUT,
    REQUIRED_ATTRS,
    Variable,
)
from mosaik_bottomup.results.reader import read
from mosaik_bottomup.results.versions import package_versions


@dataclass(frozen=True, slots=True, eq=False)
class _Slot:
    """Where one series goes: rows in memory, and a place in the file."""

    variable: Variable
    rows: NDArray[Any]
    """Steps not yet in the file, shape (flush_every, entity) or (flush_every,)."""
    place: int
    """Byte at which the series begins."""


class ResultsWriter:
    """One results file while its run goes; see ``container`` for why it is safe.

    Killed at any moment, it leaves a file that opens, says ``complete`` 0 and
    ``steps_written``, and lacks the last ``flush_every`` steps at most; `resume` goes
    on with it.

    Parameters
    ----------
    path
        The file; its folder is made.
    attrs
        Root attributes; at least :data:`~.layout.REQUIRED_ATTRS`.
    start_utc
        Start of the first step, with a zone (ISO 8601 if text).
    step_s
        Length of a step in seconds.
    steps
        How many steps the run will have.
    entities
        Names by group. A group left out, or without names, is not in the file;
        ``market`` is always there.
    static
        One value per entity, by group and variable: all the layout has.
    flush_every
        After how many steps they go to the file; more than one saves little.
    overwrite
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If there is such a file and it must not be overwritten.
    OSError
        If the file cannot be written there.
    ValueError
        If an argument cannot be used.
    InvariantError
        If static values are missing, unknown, of wrong length or not finite.
    """

    def __init__(
        self,
        path: str | Path,
        attrs: Mapping[str, AttrValue],
        start_utc: datetime | str,
        step_s: int,
        steps: int,
        entities: Mapping[str, Sequence[str]],
        static: Mapping[str, Mapping[str, ArrayLike]],
        flush_every: int = 1,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        start = in_utc(start_utc)
        if step_s < 1 or steps < 1 or flush_every < 1:
            raise ValueError(
                f"step_s, steps and flush_every must be at least 1, "
                f"not {step_s}, {steps} and {flush_every}"
            )
        lacking = [name for name in REQUIRED_ATTRS if name not in attrs]
        if lacking:
            raise ValueError(f"attributes are missing: {', '.join(lacking)}")
        if self.path.exists() and not overwrite:
            raise FileExistsError(f"{self.path} exists and is not overwritten")
        names = checked_entities(entities)
        header = Header(
            attrs={
                **attrs,
                **package_versions(),
                "Conventions": "CF-1.11",
                "format_version": FORMAT_VERSION,
                "start": start.isoformat(),
                "step_s": step_s,
                "steps": steps,
                "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
                "complete": 0,
            },
            time_s=int(start.timestamp()) + step_s * np.arange(steps, dtype=np.int64),
            entities=names,
            static=checked_static(names, static),
            steps_written=0,
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        create(self.path, header)
        self._open(names, steps, flush_every, done=0)

    @classmethod
    def resume(cls, path: str | Path, done: int, flush_every: int = 1) -> Self:
        """Go on with the file of a run that was stopped.

        Parameters
        ----------
        path
            The file.
        done
            Steps that are kept; what lies beyond is missing again.
        flush_every
            After how many steps they go to the file, now as before.

        Raises
        ------
        FileNotFoundError, InputError
            If there is no such results file.
        InvariantError
            If it has not so many steps, or the run has ended well.
        """
        held = read(path)
        if held.complete or held.steps_written < done:
            raise InvariantError(
                f"{path} cannot go on from step {done}: it holds {held.steps_written} "
                f"of {held.steps} steps"
            )
        writer = cls.__new__(cls)  # there is a file already: nothing is to be made
        writer.path = held.path
        writer._open(held.entities, held.steps, flush_every, done)
        writer._miss(min(held.steps_written + flush_every, held.steps))
        return writer

    def _open(
        self,
        names: Mapping[str, Sequence[str]],
        steps: int,
        flush_every: int,
        done: int,
    ) -> None:
        where = places(self.path, names)
        self._steps = steps
        self._flush_every = flush_every
        self._done = done
        self._waiting = 0
        self._counter_place = where["steps_written"]
        self._slots = {
            group: {
                variable.name: _Slot(
                    variable,
                    np.empty(
                        (flush_every, len(of_group))
                        if LAYOUT[group].dimension
                        else (flush_every,),
                        variable.dtype,
                    ),
                    where[f"{group}/{variable.name}"],
                )
                for variable in LAYOUT[group].series
            }
            for group, of_group in names.items()
        }
        self._file = self.path.open("r+b")

    def append(self, step: Mapping[str, Mapping[str, ArrayLike]]) -> None:
        """Add one step.

        Parameters
        ----------
        step
            By group and variable: a value per entity, in the order of the entities'
            names; one number in the group ``market``.

        Raises
        ------
        InvariantError
            If a variable is missing, unknown, of wrong length or not finite, or the run
            has more steps than it was to have.
        """
        number = self._done + self._waiting
        if number >= self._steps:
            raise InvariantError(f"the run was to have {self._steps} steps only")
        self._refuse_unknown_groups(step, number)
        for group, slots in self._slots.items():
            given = step.get(group, {})
            if given.keys() != slots.keys():
                refuse_names(group, given, slots, f"step {number}")
            for name, slot in slots.items():
                slot.rows[self._waiting] = checked_values(
                    slot.variable, given[name], slot.rows[0].shape, group, number
                )
        self._waiting += 1
        if self._waiting == self._flush_every:
            self.flush()

    def flush(self) -> None:
        """Hand the waiting steps to the operating system, then count them."""
        if not self._waiting:
            return
        for slots in self._slots.values():
            for slot in slots.values():
                self._file.seek(slot.place + self._done * slot.rows[0].nbytes)
                self._file.write(slot.rows[: self._waiting].tobytes())
        self._file.flush()
        self._done += self._waiting
        self._waiting = 0
        # Only now: a step that is counted is there in full.
        self._count()

    def sync(self) -> None:
        """Hand all steps to the disk: they outlast even the machine's sudden end."""
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what still waits and let go of the file; ``complete`` stays 0."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _count(self) -> None:
        self._file.seek(self._counter_place)
        self._file.write(np.array(self._done, "<i8").tobytes())
        self._file.flush()

    def _miss(self, end: int) -> None:
        """Let the steps from the last one counted up to ``end`` be missing again."""
        self._count()
        for slots in self._slots.values():
            for slot in slots.values():
                row = np.full_like(slot.rows[0], missing(slot.variable))
                self._file.seek(slot.place + self._done * row.nbytes)
                self._file.write((end - self._done) * row.tobytes())
        self._file.flush()

    def _refuse_unknown_groups(
        self, step: Mapping[str, Mapping[str, ArrayLike]], number: int
    ) -> None:
        for group in step.keys() - self._slots.keys():
            if group not in LAYOUT or any(map(np.size, step[group].values())):
                raise InvariantError(
                    f"step {number}: there is no group {group!r} in this file"
                )
