"""What a run carries from one step into the next, kept so that it can go on from there.

No mosaik world can be restored. But a run is a function of its scenario and of what
its parties carry over the boundary between two steps, when nothing is under way. So
every simulator writes its part as it begins a step; the recorder, which hears of a step
when all others have begun it, writes the last part and so completes the checkpoint. A
later world, whose first step is that one, begins with it. Simulators may be processes
of their own that share a file system.

A checkpoint is a folder of files, one by simulator. It is ``STEP.part`` while it is
being written, and ``STEP`` once it is complete; then those before it are removed.
"""

import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

UNFINISHED = ".part"
IDENTITY = "identity"


class Party(Protocol):
    """Anything that carries something from one step into the next."""

    CARRIES: ClassVar[tuple[str, ...]]
    """Names of the attributes that are carried; all others are made anew."""


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of one run, and the one it begins with."""

    folder: str = ""
    every_steps: int = 0
    """A checkpoint is written so often; 0 is never."""
    first: int = 0
    """The run begins with this step: its own first, or that of a checkpoint."""
    identity: str = ""
    """What tells the run from every other."""

    def keep(self, sid: str, step: int, parties: Mapping[str, Party]) -> None:
        """Write a simulator's part of a checkpoint, if one is due.

        Parameters
        ----------
        sid
            Of the simulator.
        step
            The one it is about to begin.
        parties
            Those whose state it keeps, by name.
        """
        if not self.is_due(step):
            return
        carried = {
            name: {key: getattr(party, key) for key in party.CARRIES}
            for name, party in parties.items()
        }
        folder = self._unfinished(step)
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{sid}{UNFINISHED}"
        with aside.open("wb") as file:
            pickle.dump(carried, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(folder / sid)

    def complete(self, step: int) -> None:
        """Let a checkpoint count, if one is due and all its parts are written."""
        if not self.is_due(step):
            return
        unfinished = self._unfinished(step)
        (unfinished / IDENTITY).write_text(self.identity, encoding="utf-8")
        unfinished.rename(Path(self.folder, str(step)))
        for older in _complete(Path(self.folder)):
            if older < step:
                shutil.rmtree(Path(self.folder, str(older)))

    def take_up(self, sid: str, parties: Mapping[str, Party]) -> None:
        """Give parties what they carried, where the run goes on from a checkpoint.

        Raises
        ------
        FileNotFoundError
            If the simulator has no part in it.
        """
        if not self.first:
            return
        part = Path(self.folder, str(self.first), sid)
        for name, carried in pickle.loads(part.read_bytes()).items():
            for key, value in carried.items():
                setattr(parties[name], key, value)

    def remove(self) -> None:
        """Remove all checkpoints: the run is complete, or begins anew."""
        if self.folder and Path(self.folder).exists():
            shutil.rmtree(self.folder)

    def is_due(self, step: int) -> bool:
        """Return whether a checkpoint is written at the start of a step."""
        return bool(
            self.every_steps and step > self.first and step % self.every_steps == 0
        )

    def _unfinished(self, step: int) -> Path:
        return Path(self.folder, f"{step}{UNFINISHED}")


NO_CHECKPOINTS = Checkpoints()


def last(folder: Path) -> tuple[int, str] | None:
    """Return the step of the last complete checkpoint, and whose it is, if any."""
    step = max(_complete(folder), default=None)
    if step is None:
        return None
    return step, Path(folder, str(step), IDENTITY).read_text(encoding="utf-8")


def _complete(folder: Path) -> list[int]:
    return [int(it.name) for it in folder.glob("*") if it.name.isdecimal()]
