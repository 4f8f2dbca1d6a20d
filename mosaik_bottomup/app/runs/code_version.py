"""Which code makes a run: a hash of all that shapes its numbers."""

import hashlib
import json
import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from mosaik_bottomup.results.versions import package_versions

PACKAGES = ("mosaik_bottomup", "mosaik_components.bottomup")
SUFFIXES = (".py", ".h5", ".toml")
APP_THAT_RUNS = ("world.py", "wiring.py", "optimum_run.py", "evidence/measuring.py")
"""Of `mosaik_bottomup.app` only this makes runs and their figures; the rest shows
them, and a new word in a table should cost nobody his runs."""
FURTHER_PACKAGES = ("mosaik-api-v3", "numba", "pandas", "transformer-thermal-model")
"""They shape numbers, and a results file does not name them."""


@cache
def code_version() -> str:
    """Return the hash of sources, packaged data and versions of packages (hex)."""
    whole = hashlib.sha256()
    for name, file in sorted(_sources()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{name} {content}\n".encode())
    whole.update(json.dumps(_versions(), sort_keys=True).encode())
    return whole.hexdigest()


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield files with a name that is the same on every machine."""
    for package in PACKAGES:
        spec = find_spec(package)
        for place in (spec and spec.submodule_search_locations) or ():
            folder = Path(place)
            for file in folder.rglob("*"):
                name = file.relative_to(folder)
                if file.suffix in SUFFIXES and _counts(package, name):
                    yield f"{package}/{name.as_posix()}", file


def _counts(package: str, name: Path) -> bool:
    in_app = package == "mosaik_bottomup" and name.parts[0] == "app"
    return not in_app or name.as_posix().removeprefix("app/") in APP_THAT_RUNS


def _versions() -> dict[str, str]:
    found = {**package_versions(), "python": platform.python_version()}
    for package in FURTHER_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
