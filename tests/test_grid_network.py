"""The network is SimBench's, area by area, with a meter at every home."""

from dataclasses import astuple, fields, is_dataclass

import h5py
import numpy as np
import pytest

from mosaik_bottomup.data import simbench_file
from mosaik_bottomup.grid.network import NO_AREA, Network, alike, build, take

TWO_AREAS = {"A": "LV2.101", "B": "LV3.101"}
OWN_KVA = [250.0, 400.0]  # SimBench's own transformers


def test_every_bus_is_reached_on_exactly_one_path():
    network = build(TWO_AREAS, OWN_KVA)
    lines, transformers = network.lines, network.transformers

    found = {0}
    ends = [
        *zip(lines.from_bus, lines.to_bus, strict=True),
        *zip(transformers.hv_bus, transformers.lv_bus, strict=True),
    ]
    while fresh := {b for a, b in ends if a in found} | {
        a for a, b in ends if b in found
    }:
        if fresh <= found:
            break
        found |= fresh

    assert found == set(range(len(network.bus_names)))
    assert len(ends) == len(found) - 1


def test_nothing_crosses_from_one_area_into_another():
    network = build(TWO_AREAS, OWN_KVA)

    assert (network.bus_area[network.lines.from_bus] == network.line_area).all()
    assert (network.bus_area[network.lines.to_bus] == network.line_area).all()
    assert (network.bus_area[network.transformers.lv_bus] == [0, 1]).all()
    assert (network.bus_area[network.home_bus] == network.home_area).all()
    assert network.bus_names[0] == "MV"
    assert network.bus_area[0] == NO_AREA


def test_homes_are_numbered_area_by_area_and_named_after_simbench():
    network = build(TWO_AREAS, OWN_KVA)

    assert np.bincount(network.home_area).tolist() == [92, 113]
    assert (np.diff(network.home_area) >= 0).all()
    with h5py.File(simbench_file()) as file:
        loads = file["grids/LV3.101/loads"]
        home = np.flatnonzero(loads["is_home"][:])[7]
        load_id = loads["id"].asstr()[home]
        bus_id = file["grids/LV3.101/buses/id"].asstr()[loads["bus"][home]]
    assert network.home_names[92 + 7] == load_id.replace("LV3.101 Load ", "B-Home-")
    bus_name = network.bus_names[network.home_bus[92 + 7]]
    assert bus_name == bus_id.replace("LV3.101 Bus ", "B-Bus-")


def test_every_name_is_given_once_and_holds_no_slash():
    network = build({"A": "LV2.101", "B": "LV2.101", "C": "LV3.101"}, [160.0] * 3)

    names = [
        *network.bus_names,
        *network.line_names,
        *network.transformer_names,
        *network.home_names,
    ]
    assert len(set(names)) == len(names)
    assert not any("/" in name for name in names)


def test_another_rating_keeps_the_percentages_and_scales_the_iron_losses():
    own = build(TWO_AREAS, OWN_KVA).transformers
    small = build(TWO_AREAS, [125.0, 100.0]).transformers

    assert own.pfe_kw == pytest.approx([0.88, 1.2], rel=1e-3)
    assert small.pfe_kw == pytest.approx(own.pfe_kw / [2.0, 4.0])
    for name in ("vk_percent", "vkr_percent", "i0_percent"):
        assert (getattr(small, name) == getattr(own, name)).all()
    assert small.rating_kva.tolist() == [125.0, 100.0]


def test_areas_are_alike_if_grid_and_rating_are():
    codes = ("LV3.101", "LV2.101", "LV3.101", "LV3.101", "LV2.101")
    areas = {f"a{row}": code for row, code in enumerate(codes)}
    network = build(areas, [100.0, 100.0, 100.0, 160.0, 100.0])

    representatives, kind = alike(network)

    assert representatives.tolist() == [0, 1, 3]
    assert kind.tolist() == [0, 1, 0, 2, 1]


def test_all_areas_taken_are_the_network():
    network = build(TWO_AREAS, [125.0, 100.0])

    taken = take(network, np.array([0, 1]))

    for field in fields(Network):
        one, other = getattr(network, field.name), getattr(taken, field.name)
        if is_dataclass(one):
            one, other = astuple(one), astuple(other)
        np.testing.assert_equal(other, one)


def test_an_area_taken_is_as_if_it_stood_alone():
    areas = {"A": "LV2.101", "B": "LV3.101", "C": "LV2.101"}

    taken = take(build(areas, [160.0, 125.0, 100.0]), np.array([1]))

    alone = build({"B": "LV3.101"}, [125.0])
    assert taken.home_names == alone.home_names
    assert (taken.home_bus == alone.home_bus).all()
    assert (taken.lines.to_bus == alone.lines.to_bus).all()
    assert taken.transformers.rating_kva.tolist() == [125.0]


@pytest.mark.parametrize(
    ("networks", "transformer_kva", "says"),
    [
        ({}, [], "at least one area"),
        (TWO_AREAS, [160.0], "1 ratings for 2 areas"),
        (TWO_AREAS, [160.0, 0.0], r"above 0, not \[160.0, 0.0\]"),
        (TWO_AREAS, [np.nan, 160.0], "above 0"),
        ({"A": "LV9.101"}, [160.0], r"\['LV9.101'\].*'LV2.101', 'LV3.101'"),
    ],
)
def test_what_cannot_be_built_is_refused(networks, transformer_kva, says):
    with pytest.raises(ValueError, match=says):
        build(networks, transformer_kva)


@pytest.mark.parametrize("voltage_pu", [0.0, -1.0, np.nan, np.inf])
def test_a_voltage_that_is_none_is_refused(voltage_pu):
    with pytest.raises(ValueError, match="mv_voltage_pu"):
        build(TWO_AREAS, OWN_KVA, voltage_pu)
