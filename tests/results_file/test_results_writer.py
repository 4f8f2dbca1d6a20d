"""The writer: what goes in comes out, and what does not belong is refused."""

from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mosaik_bottomup.errors import InputError, InvariantError
from mosaik_bottomup.results import (
    BY_AREA,
    LAYOUT,
    layout_markdown,
    read,
    seal,
)
from mosaik_bottomup.results.sealing import create

GROUPS = [group for group in LAYOUT.values() if not group.name.endswith(BY_AREA)]
"""Of a file that keeps sites."""
CASES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def hold_same_series(one: Path, other: Path) -> bool:
    first, second = read(one), read(other)
    return all(
        np.array_equal(
            first.series(group.name, variable.name),
            second.series(group.name, variable.name),
            equal_nan=True,
        )
        for group in GROUPS
        for variable in group.series
    )


@CASES
@given(steps=st.integers(1, 12), flush_every=st.integers(1, 5), seed=st.integers(0, 99))
def test_what_is_appended_is_read_back(small_run, steps, flush_every, seed):
    rng = np.random.default_rng(seed)
    series = {
        "transformers/loading": rng.uniform(0, 120, (2, steps)),
        "heat_pumps/on": rng.integers(0, 2, (2, steps)),
        "market/import_price": rng.uniform(0, 3, steps),
        "households/power_kw": rng.uniform(0, 3, (4, steps)),
    }

    path = small_run(series, steps=steps, flush_every=flush_every, overwrite=True)

    results = read(path)
    assert results.steps_written == results.steps == steps
    for name, values in series.items():
        np.testing.assert_array_equal(results.series(*name.split("/")), values)


def test_single_precision_is_kept_for_buses_and_lines_only(small_run):
    results = read(small_run({"buses/voltage": 1.0123456789}))

    assert results.series("buses", "voltage")[0, 0] == np.float32(1.0123456789)


def test_sealing_changes_no_value(small_run, tmp_path):
    rng = np.random.default_rng(1)
    series = {"transformers/loading": rng.uniform(0, 120, (2, 9))}

    flat = small_run(series, steps=9)
    sealed = small_run(series, steps=9, certificate={}, path=tmp_path / "sealed.h5")

    assert hold_same_series(flat, sealed)
    one, other = read(flat), read(sealed)
    assert one.entities == other.entities
    for group, values in one.static.items():
        for name in values:
            np.testing.assert_array_equal(values[name], other.static[group][name])
    assert (
        other.attrs.items()
        >= {
            k: v for k, v in one.attrs.items() if k not in ("complete", "created_utc")
        }.items()
    )


def test_long_series_are_sealed_in_several_chunks(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr("mosaik_bottomup.results.container.CHUNK_BYTES", 48)
    rng = np.random.default_rng(1)
    series = {"transformers/loading": rng.uniform(0, 120, (2, 10))}

    flat = small_run(series, steps=10)
    sealed = small_run(series, steps=10, certificate={}, path=tmp_path / "sealed.h5")

    assert hold_same_series(flat, sealed)
    with h5py.File(sealed) as file:
        assert file["transformers/loading"].chunks == (3, 2)


def test_every_stored_variable_has_units_and_meaning(small_run):
    with h5py.File(small_run(certificate={})) as file:
        variables: list[h5py.Dataset] = []
        file.visititems(
            lambda _, item: (
                variables.append(item) if isinstance(item, h5py.Dataset) else None
            )
        )

        # The names of dimensions that have no coordinate would be listed here too.
        assert len(variables) > 90
        for variable in variables:
            assert variable.attrs["units"]
            assert variable.attrs["long_name"]


def test_a_sealed_series_is_chunked_compressed_and_shuffled(small_run):
    with h5py.File(small_run(certificate={}, steps=9)) as file:
        series = file["heat_pumps/air_c"]

        assert series.chunks == (9, 2)
        assert series.compression == "gzip"
        assert series.shuffle


@pytest.mark.parametrize("certificate", [None, {}], ids=["running", "sealed"])
def test_xarray_reads_time_names_and_missing_steps(small_writer, steps_of, certificate):
    with small_writer(steps=6) as writer:
        for step in steps_of(6)[: 6 if certificate is not None else 4]:
            writer.append(step)
    if certificate is not None:
        seal(writer.path, certificate, 1.0, [1.0])

    with xr.open_datatree(writer.path, engine="h5netcdf") as tree:
        assert set(tree.children) == {g.name for g in GROUPS if not g.derived}
        homes = tree["heat_pumps"].to_dataset()
        assert homes["air_c"].dims == ("time", "site")
        assert list(homes["site"].values) == ["HP-A", "HP-B"]
        assert homes["time"].values[1] == np.datetime64("2016-01-03T23:15:00")
        there = homes["air_c"].sel(site="HP-A").notnull().sum()
        assert there == (6 if certificate is not None else 4)
        assert homes["on"].notnull().sum() == 2 * there
        assert int(tree["steps_written"]) == there
        assert tree.attrs["complete"] == int(certificate is not None)


def test_the_file_follows_the_rules_of_netcdf(small_run):
    with h5netcdf.File(small_run(certificate={}, settled=True), "r") as file:
        for group in GROUPS:
            for variable in group.series:
                stored = file[group.name][variable.name]
                over = (group.dimension,) if group.dimension else ()
                assert stored.dimensions == ("time", *over)


def test_the_attributes_tell_where_a_run_came_from(small_run):
    attrs = read(small_run()).attrs

    assert attrs["format_version"] == 1
    assert attrs["start"] == "2016-01-03T23:00:00+00:00"
    assert attrs["step_s"] == 900
    assert attrs["seed"] == 7
    assert attrs["complete"] == 0
    assert attrs["version_h5py"] == h5py.__version__
    assert str(attrs["created_utc"]).endswith("+00:00")


def test_a_running_file_can_be_read(small_writer, steps_of):
    steps = steps_of(6)
    with small_writer(steps=6, flush_every=2) as writer:
        for step in steps[:5]:
            writer.append(step)

        results = read(writer.path)

        assert not results.complete
        assert results.steps_written == 4
        assert results.series("heat_pumps", "air_c").shape == (2, 4)
    assert read(writer.path).steps_written == 5


def test_a_missing_variable_is_named(small_writer, steps_of):
    step = steps_of()[0]
    del step["transformers"]["loading"]

    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match="step 0: missing: transformers/loading"),
    ):
        writer.append(step)


def test_a_missing_group_is_named_by_its_variables(small_writer, steps_of):
    step = steps_of()[0]
    del step["buses"]

    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match="missing: buses/voltage"),
    ):
        writer.append(step)


def test_an_unknown_variable_is_named(small_writer, steps_of):
    step = steps_of()[0]
    step["buses"]["temperature"] = [1.0, 2.0]

    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match="unknown: buses/temperature"),
    ):
        writer.append(step)


def test_an_unknown_group_is_named(small_writer, steps_of):
    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match="no group 'trees'"),
    ):
        writer.append(steps_of()[0] | {"trees": {}})


def test_a_group_without_entities_may_send_nothing_but_nothing_else(
    small_writer, steps_of
):
    step = steps_of()[0]
    sent = step.pop("heat_pumps")

    with small_writer(without=("heat_pumps",)) as writer:
        writer.append(step)
        writer.append(step | {"heat_pumps": {name: [] for name in sent}})
        with pytest.raises(InvariantError, match="no group 'heat_pumps'"):
            writer.append(step | {"heat_pumps": sent})

    assert "heat_pumps" not in read(writer.path).entities


def test_too_few_values_are_refused(small_writer, steps_of):
    step = steps_of()[0]
    step["buses"]["voltage"] = [1.0]

    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match=r"buses/voltage, step 0: shape"),
    ):
        writer.append(step)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_at_its_step(small_writer, steps_of, value):
    step = steps_of()[0]

    with small_writer() as writer:
        writer.append(step)
        step["buses"]["voltage"] = [1.0, value]
        with pytest.raises(InvariantError, match="buses/voltage, step 1: entry 1"):
            writer.append(step)


def test_what_may_be_missing_may_be_nan_but_not_infinite(small_writer, steps_of):
    step = steps_of()[0]

    with small_writer() as writer:
        step["portfolios"]["envelope_low_kw"] = [np.nan, 1.0]
        writer.append(step)
        step["portfolios"]["envelope_low_kw"] = [-np.inf, np.nan]
        with pytest.raises(InvariantError, match="entry 0"):
            writer.append(step)


def test_half_a_flag_is_refused(small_writer, steps_of):
    step = steps_of()[0]
    step["heat_pumps"]["on"] = [1.0, 0.5]

    with (
        small_writer() as writer,
        pytest.raises(InvariantError, match="heat_pumps/on, step 0: must be whole"),
    ):
        writer.append(step)


def test_a_refused_step_leaves_the_steps_before_it_whole(small_writer, steps_of):
    step = steps_of()[0]

    with small_writer(flush_every=1) as writer:
        writer.append(step)
        step["lines"]["current"] = [np.nan, 0.0]
        with pytest.raises(InvariantError):
            writer.append(step)

    assert read(writer.path).steps_written == 1


def test_a_step_too_many_is_refused(small_writer, steps_of):
    with small_writer(steps=1) as writer:
        writer.append(steps_of()[0])
        with pytest.raises(InvariantError, match="1 steps only"):
            writer.append(steps_of()[0])


def test_an_existing_file_is_kept_unless_told_otherwise(small_run, small_writer):
    path = small_run()
    before = path.read_bytes()

    with pytest.raises(FileExistsError):
        small_writer()

    assert path.read_bytes() == before
    small_writer(overwrite=True).close()
    assert read(path).steps_written == 0


def test_the_folder_is_made(small_writer, tmp_path):
    path = tmp_path / "deep" / "down" / "run.h5"

    small_writer(path=path).close()

    assert [each.name for each in path.parent.iterdir()] == ["run.h5"]


def test_a_place_that_cannot_be_written_is_an_oserror_and_leaves_nothing(
    small_writer, tmp_path
):
    (tmp_path / "a file").write_text("")

    with pytest.raises(OSError, match="a file"):
        small_writer(path=tmp_path / "a file" / "run.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "at least 1"),
        ({"step_s": 0}, "at least 1"),
        ({"flush_every": 0}, "at least 1"),
        ({"start_utc": "2016-01-04T00:00:00"}, "needs a zone"),
        ({"attrs": {"seed": 1}}, "attributes are missing: scenario, scenario_name"),
        ({"entities": {"trees": ["oak"]}}, "unknown groups: trees"),
        ({"entities": {"areas": ["A", "A"]}}, "areas: names must be unique"),
        ({"entities": {"areas": [""]}}, "areas: names must be unique"),
        ({"entities": {"market": ["A"]}}, "market: has no entities"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    small_writer, tmp_path, change, message
):
    with pytest.raises(ValueError, match=message):
        small_writer(**change)

    assert not list(tmp_path.iterdir())


def test_missing_static_values_are_named(small_writer):
    with pytest.raises(InvariantError, match="missing: areas/limit, areas/rating"):
        small_writer(static=None, entities={"areas": ["A"]}, without=("areas",))


def test_the_start_may_be_in_any_zone(small_writer):
    small = small_writer(start_utc="2016-01-04T00:00:00+01:00", step_s=3600)
    small.close()

    with h5py.File(small.path) as file:
        assert file["time"][0] == 1451862000
        assert file["time"][1] == 1451865600


def test_an_unfinished_run_is_not_sealed(small_writer, steps_of):
    with small_writer() as writer:
        writer.append(steps_of()[0])

    with pytest.raises(InvariantError, match="holds 1 of 4 steps"):
        seal(writer.path, {}, 1.0, [1.0])


def test_a_file_is_sealed_once(small_run):
    path = small_run(certificate={})

    with pytest.raises(InvariantError, match="complete already"):
        seal(path, {}, 1.0, [1.0])


def test_sealing_that_fails_leaves_the_file_as_it_was(small_run, monkeypatch):
    path = small_run()

    def fail_late(where, header, blocks):
        def broken(group, variable):
            yield from blocks(group, variable)
            raise OSError("disk full")

        create(where, header, broken)

    monkeypatch.setattr("mosaik_bottomup.results.sealing.create", fail_late)
    before = path.read_bytes()

    with pytest.raises(OSError, match="disk full"):
        seal(path, {}, 1.0, [1.0])

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_reading_refuses_what_is_no_results_file(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    foreign = tmp_path / "foreign.h5"
    h5py.File(foreign, "w").close()

    with pytest.raises(InputError, match=r"text\.h5: content"):
        read(text)
    with pytest.raises(InputError, match=r"foreign\.h5: format_version = None"):
        read(foreign)
    with pytest.raises(FileNotFoundError, match=r"none\.h5"):
        read(tmp_path / "none.h5")


def test_the_description_for_users_lists_every_variable():
    readme = Path(__file__).parents[2] / "results" / "README.md"

    assert layout_markdown() in readme.read_text(encoding="utf-8")


def test_an_unknown_series_is_a_keyerror(small_run):
    with pytest.raises(KeyError, match="height"):
        read(small_run()).series("buses", "height")
