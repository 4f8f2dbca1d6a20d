"""A folder of finished runs: what a run's identity is, and whether it is there.

A file has its name only once its run is complete; while a run goes, its file has
another one, and whoever makes it holds a lock that ends with its process. So a killed
process leaves nothing that looks finished, and two commands on one folder wait for each
other instead of making the same run twice.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_bottomup.app.runs.code_version import code_version
from mosaik_bottomup.errors import InputError, InvariantError
from mosaik_bottomup.results import read
from mosaik_bottomup.scenario import Scenario

DIGITS = 16
"""Of the hash, in a run's identity: 64 bits."""
UNFINISHED = ".unfinished.h5"
FAILED = ".failed.h5"
FAILURE = ".failure"
"""What the record of a failed run is called, after its identity."""


def identity(scenario: Scenario, against: str = "") -> str:
    """Return what tells a run from every other: strategy, seed and a hash.

    Parameters
    ----------
    scenario
        All of it counts, and the content of the files it names; so does the code.
    against
        Identity of the run whose limits and end state it has to keep, if any.
    """
    parts = {
        "scenario": scenario.to_toml(),
        "files": _file_hashes(scenario),
        "code": code_version(),
        "against": against,
    }
    whole = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{scenario.run.strategy}-{scenario.run.seed}-{whole[:DIGITS]}"


@dataclass(frozen=True, slots=True)
class RunStore:
    """Runs in one folder, each a results file and figures beside it."""

    folder: Path

    def file(self, run_id: str) -> Path:
        """Return where a run's results are, or would be."""
        return self.folder / f"{run_id}.h5"

    def has(self, run_id: str) -> bool:
        """Return whether a run is there and complete."""
        try:
            return read(self.file(run_id)).complete
        except (OSError, KeyError, InputError):
            return False

    def make(
        self,
        run_id: str,
        write: Callable[[Path], None],
        keeps_unfinished: bool = False,
    ) -> None:
        """Let ``write(file)`` make a run, and give the file its name when it is done.

        Call it while `claimed`. What a failed run has written is removed, or left to
        `note_failure`.

        Raises
        ------
        InvariantError
            If it does not make a complete run.
        """
        unfinished = self.folder / f"{run_id}{UNFINISHED}"
        try:
            write(unfinished)
            if not read(unfinished).complete:
                raise InvariantError(f"{run_id} has ended before it was complete")
            unfinished.replace(self.file(run_id))
        finally:
            if not keeps_unfinished:
                unfinished.unlink(missing_ok=True)

    def note_failure(self, run_id: str, why: dict[str, Any], keeps_file: bool) -> None:
        """Keep why a run failed, and the file of the steps it has written or not.

        The file is left alone if somebody has begun the run anew meanwhile.
        """
        self.keep(f"{run_id}{FAILURE}", why)
        unfinished = self.folder / f"{run_id}{UNFINISHED}"
        with self._unless_claimed(run_id) as free:
            if free and keeps_file and unfinished.exists():
                unfinished.replace(self.folder / f"{run_id}{FAILED}")
            elif free:
                unfinished.unlink(missing_ok=True)

    def forget_failure(self, run_id: str) -> None:
        """Remove what `note_failure` has kept."""
        for ending in (f"{FAILURE}.json", FAILED):
            (self.folder / f"{run_id}{ending}").unlink(missing_ok=True)

    def figures(self, name: str) -> dict[str, Any] | None:
        """Return what `keep` has kept, or None."""
        try:
            text = (self.folder / f"{name}.json").read_text(encoding="utf-8")
            figures: dict[str, Any] = json.loads(text)
        except (FileNotFoundError, ValueError):
            return None
        return figures

    def keep(self, name: str, figures: dict[str, Any]) -> None:
        """Keep figures of a run beside it."""
        text = json.dumps(figures, indent=1, allow_nan=False) + "\n"
        write_whole(self.folder / f"{name}.json", text)

    @contextmanager
    def claimed(self, run_id: str) -> Iterator[None]:
        """Keep everybody else from making a run; wait until they have made it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{run_id}.lock"
        descriptor = _locked(path, wait=True)
        assert descriptor is not None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            _let_go(descriptor)

    def tidy(self) -> None:
        """Remove what killed processes have left; what is being made stays."""
        for file in self.folder.glob(f"*{UNFINISHED}*"):
            self._remove(file.name.partition(UNFINISHED)[0], file)
        for lock in self.folder.glob("*.lock"):
            self._remove(lock.stem, lock)

    def _remove(self, run_id: str, file: Path) -> None:
        with self._unless_claimed(run_id) as free:
            if free:
                file.unlink(missing_ok=True)

    @contextmanager
    def _unless_claimed(self, run_id: str) -> Iterator[bool]:
        """Claim a run and yield True, or yield False if somebody else has."""
        lock = self.folder / f"{run_id}.lock"
        descriptor = _locked(lock, wait=False)
        try:
            yield descriptor is not None
        finally:
            if descriptor is not None:
                lock.unlink(missing_ok=True)
                _let_go(descriptor)


def write_whole(file: Path, text: str) -> None:
    """Write a text file so that nobody ever sees a part of it."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _locked(path: Path, wait: bool) -> int | None:
    """Return the descriptor of a lock file that is ours now, or None if it is not."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # its last owner may have removed the file while we waited for it
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass  # removed between the two looks at it
        os.close(descriptor)


def _let_go(descriptor: int) -> None:
    # closing alone would leave the lock to a process forked meanwhile
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _file_hashes(scenario: Scenario) -> dict[str, str]:
    files = {
        name: getattr(section, "file", "") for name, section in scenario if section
    }
    files["settlement"] = scenario.settlement.imbalance_price_file
    return {
        name: hashlib.sha256(Path(file).read_bytes()).hexdigest()
        for name, file in files.items()
        if file
    }
