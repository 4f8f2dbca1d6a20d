"""Which versions of the packages that shape the numbers a run was made with."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from mosaik_bottomup import __version__

PACKAGES = (
    "demandlib",
    "h5py",
    "highspy",
    "mosaik",
    "numpy",
    "pandapower",
    "power-grid-model",
    "pulp",
    "pvlib",
    "scipy",
)


@cache
def package_versions() -> dict[str, str]:
    """Return attributes ``version_<package>``; a package not installed is absent."""
    found = {"version_mosaik_bottomup": __version__}
    for package in PACKAGES:
        try:
            found[f"version_{package.replace('-', '_')}"] = version(package)
        except PackageNotFoundError:
            continue
    return found
