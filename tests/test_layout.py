"""The checkout's folders and the installed packages are the same code, once."""

import ast
import configparser
from pathlib import Path

from mosaik_bottomup.data import packaged_scenario

ROOT = Path(__file__).resolve().parents[1]
HOMES = {
    "mosaik_bottomup": "mosaik_bottomup",
    "simulators": "mosaik_components.bottomup",
}
KNOWS_MOSAIK = ("app",)


def test_every_package_is_listed_in_setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")

    found = {
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for folder, name in HOMES.items()
        for init in (ROOT / folder).rglob("__init__.py")
    }

    assert set(config["options"]["packages"].split()) == found


def test_every_folder_with_code_is_a_package():
    for folder in HOMES:
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


def test_nothing_imports_the_adapters_by_their_folder_name():
    for path in ROOT.glob("[mst]*/**/*.py"):
        assert "simulators" not in _imported(path), path


def test_the_shared_namespace_has_no_init():
    assert not (ROOT / "mosaik_components").exists()


def test_the_library_does_not_import_mosaik():
    library = ROOT / "mosaik_bottomup"

    for path in library.rglob("*.py"):
        if path.relative_to(library).parts[0] not in KNOWS_MOSAIK:
            imported = _imported(path)
            assert not imported & {"mosaik", "mosaik_api_v3", "mosaik_components"}, path


def test_the_visible_scenario_is_the_packaged_one():
    visible = ROOT / "scenarios" / "two_areas.toml"

    assert visible.read_bytes() == packaged_scenario("two_areas").read_bytes()


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module)
    return {name.split(".")[0] for name in names}
