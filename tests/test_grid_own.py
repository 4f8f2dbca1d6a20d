"""A pandapower network of one's own becomes areas, or says what keeps it from it."""

from dataclasses import fields, is_dataclass, replace

import h5py
import numpy as np
import pandapower as pp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.app import world
from mosaik_bottomup.case import homes_key
from mosaik_bottomup.case.network import build_network
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.grid.network import Network, build, join
from mosaik_bottomup.grid.own_grid import grids, read_net, zone_names
from mosaik_bottomup.grid.pandapower_engine import to_pandapower
from mosaik_bottomup.grid.power_flow import PowerFlow
from mosaik_bottomup.scenario import load, parse

TWO_AREAS = {"A": "LV2.101", "B": "LV3.101"}
OWN_KVA = [250.0, 400.0]
WRITTEN = 1e-12
"""What decimals in a file may lose of a number, relative."""
AGREED_PU = 1e-9
AGREED_LOADING_PERCENT = 1e-9
AGREED_RUN = 1e-6
BALANCE_KW = 1e-6
"""Mismatch that Newton-Raphson leaves."""
FEW = (
    "sites.heat_pumps=6",
    "sites.pv_batteries=5",
    "run.duration_h=2",
    "run.warm_up_h=1",
    "run.step_s=3600",
    "day_ahead.rounds=1",
)
ZONES = 'grid.areas={A="A", B="B"}'


def write(net, path):
    pp.to_json(net, str(path))
    return path


@pytest.fixture(scope="module")
def packaged_file(tmp_path_factory):
    """Write the two packaged grids as somebody's own."""
    net = to_pandapower(build(TWO_AREAS, OWN_KVA))
    return write(net, tmp_path_factory.mktemp("own") / "mine.json")


@pytest.fixture
def street():
    """Return a small network: zone 1 is two homes behind 250 kVA."""
    net = pp.create_empty_network()
    mv = pp.create_bus(net, 20.0)
    low = pp.create_buses(net, 3, 0.4, zone=1)
    pp.create_ext_grid(net, mv)
    pp.create_transformer(net, mv, low[0], "0.25 MVA 20/0.4 kV")
    for start, end in ((0, 1), (1, 2)):
        pp.create_line(net, low[start], low[end], 0.1, "NAYY 4x150 SE")
        pp.create_load(net, low[end], 0.001)
    return net


def area(net, path, zone="1"):
    file = write(net, path / "net.json")
    return grids(file, read_net(file), [zone])[zone]


def faults_of(net, path, zone="1"):
    with pytest.raises(InputError) as caught:
        area(net, path, zone)
    return {problem.key: problem for problem in caught.value.problems}


def numbers_in(file):
    """Return all series and figures of a results file, by name."""
    found = {}

    def note(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fi":
            found[name] = item[()]

    with h5py.File(file) as opened:
        opened.visititems(note)
    return found


# --- laws ---------------------------------------------------------------------------


def same(one, other, name=""):
    if is_dataclass(one):
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name), field.name)
    elif isinstance(one, np.ndarray) and one.dtype.kind == "f":
        np.testing.assert_allclose(one, other, rtol=WRITTEN, err_msg=name)
    elif not name.endswith("names"):
        np.testing.assert_equal(one, other, err_msg=name)


def test_packaged_grids_written_and_read_again_are_the_same_network(packaged_file):
    scenario = parse("", overrides=[f"grid.file={packaged_file}", ZONES])
    packaged = build(TWO_AREAS, OWN_KVA)

    network = build_network(scenario.grid)

    for field in fields(Network):
        if field.name not in {"grids", "points"}:
            same(
                getattr(packaged, field.name), getattr(network, field.name), field.name
            )
    for one, other in zip(packaged.grids, network.grids, strict=True):
        same(replace(one, name=other.name), other)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_they_carry_the_same_power_flow(packaged_file, seed):
    scenario = parse("", overrides=[f"grid.file={packaged_file}", ZONES])
    rng = np.random.default_rng(seed)
    p_kw = rng.uniform(-5.0, 4.0, 205)
    q_kvar = rng.uniform(-0.2, 0.4, 205) * np.abs(p_kw)

    one = PowerFlow(build(TWO_AREAS, OWN_KVA)).solve(p_kw, q_kvar)
    other = PowerFlow(build_network(scenario.grid)).solve(p_kw, q_kvar)

    for key, within in (
        ("voltage_pu", AGREED_PU),
        ("transformer_loading_percent", AGREED_LOADING_PERCENT),
        ("line_loading_percent", AGREED_LOADING_PERCENT),
        ("transformer_p_kw", BALANCE_KW),
    ):
        assert np.abs(getattr(one, key) - getattr(other, key)).max() < within, key


@pytest.mark.slow
def test_a_run_on_them_is_the_same_run(packaged_file, tmp_path):
    rating = "grid.transformer_kva=[42.0, 58.0]"
    own = load("two_areas", [*FEW, f"grid.file={packaged_file}", ZONES, rating])

    world.run(load("two_areas", [*FEW, rating]), tmp_path / "packaged.h5")
    world.run(own, tmp_path / "own.h5")

    one, other = (numbers_in(tmp_path / f"{it}.h5") for it in ("packaged", "own"))
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(
            other[name], values, AGREED_RUN, AGREED_RUN, err_msg=name
        )


# --- what a zone becomes ------------------------------------------------------------


def test_rows_keep_their_index_as_name_and_their_ratings(street, tmp_path):
    street.line.index = [7, 9]
    street.load.index = [30, 20]

    grid = area(street, tmp_path)

    assert grid.bus_names.tolist() == ["Bus-1", "Bus-2", "Bus-3"]
    assert grid.line_names.tolist() == ["Line-7", "Line-9"]
    assert grid.home_names.tolist() == ["Home-30", "Home-20"]
    assert grid.home_bus.tolist() == [1, 2]
    assert grid.transformer.rating_kva.tolist() == [250.0]
    assert grid.transformer.clock.tolist() == [5]
    assert grid.lines.length_km.tolist() == [0.1, 0.1]
    assert (grid.mv_kv, grid.lv_kv) == (20.0, 0.4)


def test_parallel_lines_are_one_of_less_impedance(street, tmp_path):
    single = area(street, tmp_path).lines
    street.line["parallel"], street.line["df"] = 2, 0.5

    double = area(street, tmp_path).lines

    assert double.r_ohm_per_km == pytest.approx(single.r_ohm_per_km / 2)
    assert double.x_ohm_per_km == pytest.approx(single.x_ohm_per_km / 2)
    assert double.c_nf_per_km == pytest.approx(single.c_nf_per_km * 2)
    assert double.max_i_ka == pytest.approx(single.max_i_ka)


def test_what_is_out_of_service_is_not_there(street, tmp_path):
    spare = pp.create_bus(street, 0.4, zone=1, in_service=False)
    pp.create_line(street, 2, spare, 0.1, "NAYY 4x150 SE")
    pp.create_load(street, 2, 0.001, in_service=False)
    pp.create_sgen(street, 2, 0.001, in_service=False)
    pp.create_transformer(street, 0, 1, "0.25 MVA 20/0.4 kV", in_service=False)

    grid = area(street, tmp_path)

    assert (len(grid.bus_names), len(grid.line_names), len(grid.home_names)) == (
        (3, 2, 2)
    )


def test_closed_switches_join_buses_and_open_ones_cut_lines(street, tmp_path):
    beside = pp.create_bus(street, 0.4, zone=1)
    pp.create_switch(street, 3, beside, "b", closed=True)
    pp.create_load(street, beside, 0.001)
    ring = pp.create_line(street, 1, beside, 0.1, "NAYY 4x150 SE")
    pp.create_switch(street, 1, ring, "l", closed=False)

    grid = area(street, tmp_path)

    assert grid.bus_names.tolist() == ["Bus-1", "Bus-2", "Bus-3"]
    assert grid.home_bus.tolist() == [1, 2, 2]
    assert len(grid.line_names) == 2


def test_an_area_carries_the_flow_that_pandapower_finds_in_the_file(street, tmp_path):
    street.trafo["vn_lv_kv"] = 0.42  # windings need not be at nominal voltage
    street.trafo["tap_pos"] = 1
    pp.runpp(street, trafo_model="pi", numba=False, tolerance_mva=1e-10)
    network = join({"A": area(street, tmp_path)}, [250.0], mv_voltage_pu=1.0)

    result = PowerFlow(network).solve(np.ones(2), np.zeros(2))

    assert result.voltage_pu == pytest.approx(street.res_bus.vm_pu, abs=5e-7)
    loading_percent = street.res_trafo.loading_percent
    assert result.transformer_loading_percent == pytest.approx(loading_percent)


def test_zones_may_be_numbers_or_words(street, tmp_path):
    pp.create_bus(street, 0.4, zone="north side")

    net = read_net(write(street, tmp_path / "net.json"))

    assert zone_names(net) == ("1", "north side")


# --- what is wrong with it ----------------------------------------------------------


def test_everything_wrong_with_a_zone_is_said_at_once(street, tmp_path):
    far = pp.create_bus(street, 0.4)
    pp.create_line(street, 2, far, 0.1, "NAYY 4x150 SE")
    pp.create_sgen(street, 2, 0.001)
    street.line.loc[0, "max_i_ka"] = np.nan
    street.load["in_service"] = False
    street.trafo.loc[0, "shift_degree"] = 140.0

    found = faults_of(street, tmp_path)

    assert found.keys() == {
        "line",
        "line.max_i_ka",
        "load.bus",
        "sgen",
        "trafo.shift_degree",
    }
    assert {each.source for each in found.values()} == {str(tmp_path / "net.json")}
    assert "row 2" in found["line"].value
    assert "leaves its zone" in found["line"].remedy
    assert "nan in row 0" in found["line.max_i_ka"].value


def changed(table, column, value):
    def change(net):
        net[table][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda net: pp.toolbox.drop_trafos(net, [0]), "trafo.lv_bus"),
        (
            lambda net: pp.create_transformer(net, 0, 1, "0.25 MVA 20/0.4 kV"),
            "trafo.lv_bus",
        ),
        (
            lambda net: pp.create_transformer(net, 3, 0, "0.25 MVA 20/0.4 kV"),
            "trafo",
        ),
        (lambda net: pp.create_bus(net, 0.4, zone=1), "bus"),
        (lambda net: pp.create_switch(net, 3, 0, "b"), "switch"),
        (lambda net: pp.create_switch(net, 2, 3, "b", z_ohm=0.1), "switch.z_ohm"),
        (lambda net: pp.create_switch(net, 2, 3, "b"), "line.to_bus"),
        (lambda net: pp.create_ext_grid(net, 3), "ext_grid"),
        (lambda net: pp.create_storage(net, 3, 0.001, 0.01), "storage"),
        (changed("bus", "vn_kv", [20.0, 0.4, 0.4, 0.5]), "bus.vn_kv"),
        (changed("line", "length_km", 0.0), "line.length_km"),
        (changed("line", "g_us_per_km", 1.0), "line.g_us_per_km"),
        (changed("trafo", "vk_percent", np.nan), "trafo.vk_percent"),
        (changed("trafo", "vkr_percent", 50.0), "trafo.vkr_percent"),
        (changed("trafo", "parallel", 2), "trafo.parallel"),
        (changed("trafo", "tap_pos", 0.5), "trafo.tap_pos"),
        (changed("trafo", "tap_pos", 9), "trafo.tap_pos"),
    ],
)
def test_a_zone_that_is_no_area_says_where(street, tmp_path, change, key):
    change(street)

    assert key in faults_of(street, tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [("tap_side", "lv"), ("tap_changer_type", None), ("tap_step_degree", 1.0)],
)
def test_a_tap_that_is_moved_must_be_one_that_is_modelled(
    street, tmp_path, column, value
):
    street.trafo[column] = value
    assert area(street, tmp_path).transformer.tap_pos == [0]

    street.trafo["tap_pos"] = 1

    assert f"trafo.{column}" in faults_of(street, tmp_path)


def test_a_three_winding_transformer_has_no_place_in_a_zone(street, tmp_path):
    high, middle = pp.create_bus(street, 110.0), pp.create_bus(street, 20.0)
    pp.create_transformer3w_from_parameters(
        street, high, middle, 3, 110.0, 20.0, 0.4, 40.0, 25.0, 15.0, 10.0, 11.0, 12.0,
        0.3, 0.3, 0.3, 30.0, 0.1,
    )  # fmt: skip

    assert "trafo3w" in faults_of(street, tmp_path)


@pytest.mark.parametrize(
    ("text", "key"),
    [("no json", "file"), ("[1, 2]", "_class"), ('{"_class": "x"}', "_class")],
)
def test_a_file_that_is_no_network_is_refused(tmp_path, text, key):
    file = tmp_path / "net.json"
    file.write_text(text)

    with pytest.raises(InputError, match=r"pandapower\.to_json") as caught:
        parse("", overrides=[f"grid.file={file}"])

    assert [problem.key for problem in caught.value.problems] == [key]


def test_a_network_without_zones_is_told_how_to_give_them(street, tmp_path):
    street.bus["zone"] = None
    file = write(street, tmp_path / "net.json")

    with pytest.raises(InputError, match=r"bus\.zone.*no bus in service has a zone"):
        parse("", overrides=[f"grid.file={file}"])


# --- in a scenario ------------------------------------------------------------------


def mine(net, path, *overrides):
    write(net, path / "net.json")
    text = '[grid]\nfile = "net.json"\nareas = {town = "1"}\n'
    few = ("sites.heat_pumps=1", "sites.pv_batteries=0", "aggregators.count=1")
    return parse(text, "my.toml", path, (*few, *overrides))


def test_a_file_lies_beside_the_scenario_and_rates_its_transformers(street, tmp_path):
    scenario = mine(street, tmp_path)

    assert scenario.grid.file == str(tmp_path / "net.json")
    assert build_network(scenario.grid).transformers.rating_kva == [250.0]
    assert parse(scenario.to_toml()) == scenario
    other = mine(street, tmp_path, "grid.transformer_kva=100")
    assert build_network(other.grid).transformers.rating_kva == [100.0]


def test_an_unknown_zone_is_told_the_known_ones(street, tmp_path):
    with pytest.raises(InputError) as caught:
        mine(street, tmp_path, 'grid.areas={city="2", town="1"}')

    found = {each.key: each for each in caught.value.problems}
    assert found.keys() == {"grid.areas.city"}
    assert "one of 1" in found["grid.areas.city"].remedy


def test_unknown_zones_and_faults_of_known_ones_are_said_together(street, tmp_path):
    street.line["max_i_ka"] = np.nan

    with pytest.raises(InputError) as caught:
        mine(street, tmp_path, 'grid.areas={town="1", city="2"}')

    keys = {each.key for each in caught.value.problems}
    assert keys == {"grid.areas.city", "line.max_i_ka"}


def test_a_file_that_is_not_there_is_said_once(tmp_path):
    with pytest.raises(InputError) as caught:
        parse("", overrides=[f"grid.file={tmp_path / 'none.json'}"])

    assert [each.key for each in caught.value.problems] == ["grid.file"]


def test_there_must_be_a_home_for_each_site(street, tmp_path):
    with pytest.raises(InputError, match="there are 2 homes"):
        mine(street, tmp_path, "sites.heat_pumps=3")


def test_a_file_that_has_changed_is_read_again_and_has_other_homes(street, tmp_path):
    scenario = mine(street, tmp_path)
    homes, key = build_network(scenario.grid).home_names, homes_key(scenario)
    pp.create_load(street, 3, 0.001)
    write(street, tmp_path / "net.json")

    assert len(build_network(scenario.grid).home_names) == len(homes) + 1
    assert homes_key(scenario) != key
