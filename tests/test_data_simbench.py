"""The packaged data are what SimBench holds, and say where they are."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from mosaik_bottomup import data
from mosaik_bottomup.data.derive import derive
from mosaik_bottomup.grid.low_voltage import packaged

HAS_SIMBENCH = importlib.util.find_spec("simbench") is not None


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File(data.simbench_file()) as opened:
        yield opened


def test_the_two_grids_have_the_homes_of_simbench() -> None:
    grids = packaged(data.network_names())

    homes = {name: len(grid.home_names) for name, grid in grids.items()}
    assert homes == {"LV2.101": 92, "LV3.101": 113}


def test_a_scenario_that_is_not_packaged_is_refused() -> None:
    with pytest.raises(ValueError, match="no scenario 'nowhere'"):
        data.packaged_scenario("nowhere")


def test_the_file_is_small_and_its_licence_lies_beside_it() -> None:
    path = data.simbench_file()

    assert path.stat().st_size < 1e6
    assert "ODbL" in (path.parent / "LICENSE-ODbL.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("network", ["LV2.101", "LV3.101"])
def test_every_bus_is_reached_from_the_transformer_in_one_way(
    file: h5py.File, network: str
) -> None:
    grid = file["grids"][network]
    buses = len(grid["buses/id"])
    ends = np.stack([grid["lines/from_bus"][:], grid["lines/to_bus"][:]])

    reached = {int(grid.attrs["lv_bus"])}
    for _ in range(buses):
        touching = np.isin(ends, list(reached)).any(axis=0)
        reached |= set(ends[:, touching].ravel().tolist())

    assert reached == set(range(buses))
    assert ends.shape[1] == buses - 1


def test_the_transformer_of_the_smaller_grid_is_the_one_simbench_prints(
    file: h5py.File,
) -> None:
    # "0.25 MVA 20/0.4 kV Dyn5 ASEA": short-circuit 6 %, copper 3.3 kW, iron 0.88 kW
    attributes = file["grids/LV2.101"].attrs

    assert attributes["sn_mva"] == 0.25
    assert attributes["vk_percent"] == 6.0
    assert attributes["vkr_percent"] == pytest.approx(3.3 / 250 * 100)
    assert attributes["pfe_kw"] == 0.88
    assert attributes["shift_degree"] == 150
    assert attributes["tap_pos"] == -1


def test_the_main_cable_is_the_one_simbench_prints(file: h5py.File) -> None:
    # NAYY 4x150SE: 0.2067 + j0.0804248 ohm/km, 830 nF/km, 270 A
    lines = file["grids/LV2.101/lines"]
    row = lines["id"].asstr()[:].tolist().index("LV2.101 Line 99")

    assert lines["length_km"][row] == pytest.approx(0.00526195)
    assert lines["r_ohm_per_km"][row] == pytest.approx(0.2067)
    assert lines["x_ohm_per_km"][row] == pytest.approx(0.0804248)
    assert lines["c_nf_per_km"][row] == pytest.approx(830.0, rel=1e-5)
    assert lines["max_i_ka"][row] == pytest.approx(0.27)


def test_the_profiles_cover_a_leap_year_in_quarters(file: h5py.File) -> None:
    profiles = file["households"]

    assert sorted(profiles) == ["H0-B", "H0-C", "H0-G", "H0-L"]
    for profile in profiles.values():
        assert profile.shape == (366 * 96,)
        assert profile[:].min() >= 0.0
        assert profile[:].max() == 1.0


@pytest.mark.skipif(not HAS_SIMBENCH, reason="needs the extra [simbench]")
def test_the_packaged_file_is_what_the_script_makes(
    file: h5py.File, tmp_path: Path
) -> None:
    target = tmp_path / "again.h5"

    derive(target)

    with h5py.File(target) as again:
        assert _content(again) == _content(file)


@pytest.mark.skipif(HAS_SIMBENCH, reason="simbench is installed")
def test_without_simbench_the_script_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"mosaik-bottomup\[simbench\]"):
        derive(tmp_path / "again.h5")


def _content(file: h5py.File) -> dict[str, object]:
    content: dict[str, object] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        content[name] = {key: str(value) for key, value in item.attrs.items()}
        if isinstance(item, h5py.Dataset):
            content[f"{name}:values"] = item[:].tolist()

    file.visititems(note)
    return content
