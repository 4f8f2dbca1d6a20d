"""Whether results can be written where they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mosaik_bottomup.errors import Problem


def output_problems(file: Path, force: bool) -> "list[Problem]":
    """Look for what is in the way, and leave no trace."""
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario.checks import cannot_write

    remedy = cannot_write(file.parent)
    if file.is_dir():
        remedy = "is a folder; name a file in it"
    elif file.exists() and not force:
        remedy = "exists already; --force overwrites it, --out names another"
    return [Problem("--out", "file", str(file), remedy)] if remedy else []


def folder_problems(folder: Path) -> "list[Problem]":
    """Look for what keeps files from a folder, and leave no trace."""
    from mosaik_bottomup.errors import Problem
    from mosaik_bottomup.scenario.checks import cannot_write

    remedy = cannot_write(folder)
    return [Problem("--out", "folder", str(folder), remedy)] if remedy else []


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder, and unmake it if nothing came into it."""
    new = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for part in new:
            with suppress(OSError):  # it is not empty
                part.rmdir()
