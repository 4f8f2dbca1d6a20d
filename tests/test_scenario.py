"""Scenarios: what is read is what is written, and what is wrong is said at once."""

import tomllib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mosaik_bottomup.case import build_network
from mosaik_bottomup.errors import InputError, Problem
from mosaik_bottomup.scenario import Grid, Run, Scenario, Sites, load, parse
from mosaik_bottomup.scenario.checks import cannot_write
from mosaik_bottomup.scenario.writing import table_text, value_text


def problems_of(*overrides: str, text: str = "") -> list[Problem]:
    with pytest.raises(InputError) as caught:
        parse(text, "my.toml", overrides=overrides)
    return caught.value.problems


def problem_of(*overrides: str, text: str = "") -> Problem:
    (problem,) = problems_of(*overrides, text=text)
    return problem


# --- laws ---------------------------------------------------------------------------

quantities = st.floats(0.01, 99).map(lambda x: float(f"{x:.3g}"))
ranges = st.tuples(quantities, quantities).map(lambda pair: tuple(sorted(pair)))
scenarios = st.builds(
    Scenario,
    name=st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True)
    .filter(str.isascii)
    .filter(lambda name: any(letter.isalnum() for letter in name)),
    run=st.builds(
        Run,
        start=st.integers(0, 366 * 24).flatmap(
            lambda hour: st.integers(-12, 12).map(
                lambda zone: (
                    datetime(2016, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
                ).astimezone(timezone(timedelta(hours=zone)))
            )
        ),
        step_s=st.sampled_from([60, 300, 900, 3600]),
        duration_h=st.integers(1, 100).map(float),
        seed=st.integers(0, 2**63 - 1),
        strategy=st.sampled_from(["two-stage", "price-only"]),
    ),
    grid=st.lists(quantities, min_size=1, max_size=3).map(
        lambda ratings: Grid.model_validate(
            {
                "areas": {f"area-{row}": "LV2.101" for row in range(len(ratings))},
                "transformer_kva": ratings,
            }
        )
    ),
    sites=st.builds(Sites, heat_pumps=st.integers(2, 92), pv_batteries=st.just(0)),
)


@given(scenario=scenarios)
def test_a_scenario_written_out_loads_back_as_itself(scenario):
    again = parse(scenario.to_toml())

    assert again == scenario
    assert again.run.start.utcoffset() == scenario.run.start.utcoffset()
    assert again.grid.area_names == scenario.grid.area_names


plain = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
)


@given(
    table=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.one_of(plain, st.lists(plain), st.dictionaries(st.text("aé. "), plain)),
    )
)
def test_text_is_toml_of_the_same_values(table):
    assert tomllib.loads(table_text(table)) == table


@given(
    step_s=st.one_of(
        st.integers(60, 86_400), st.integers(1, 60).map(lambda parts: 3600 // parts)
    )
)
@example(step_s=2400)
@example(step_s=7200)
def test_a_step_divides_an_hour(step_s):
    fits = 3600 % step_s == 0
    overrides = (f"run.step_s={step_s}", "planning.every_h=24")

    if fits:
        assert parse("", overrides=overrides).run.step_s == step_s
    else:
        assert problem_of(*overrides).key == "run.step_s"


@given(hours=st.integers(1, 100), step_s=st.sampled_from([60, 300, 900, 3600]))
def test_steps_cover_the_duration_exactly(hours, step_s):
    run = Run(duration_h=float(hours), step_s=step_s)

    assert run.steps * run.step_h == pytest.approx(hours)


# --- defaults -----------------------------------------------------------------------


def test_the_packaged_default_is_the_default_of_every_key():
    assert load("two_areas") == Scenario()


def test_the_packaged_default_shows_every_key():
    text = Path(__file__).parents[1].joinpath("scenarios/two_areas.toml").read_text()
    shown = tomllib.loads(text)

    every = Scenario().model_dump()

    assert shown.keys() == every.keys()
    for section, table in every.items():
        if isinstance(table, dict):
            assert shown[section].keys() == table.keys()


def test_the_default_is_the_day_the_papers_case_is_played_on():
    scenario = load("two_areas")

    assert scenario.start_utc() == datetime(2016, 1, 3, 23, tzinfo=UTC)
    assert (scenario.run.steps, scenario.run.warm_up_steps) == (96, 96)
    assert scenario.grid.transformer_kva == (160.0, 160.0)
    assert (scenario.sites.heat_pumps, scenario.sites.pv_batteries) == (80, 70)


def test_every_key_is_described():
    for section, field in Scenario.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and hasattr(model, "model_fields"):
            for key, inner in model.model_fields.items():
                assert inner.description, f"{section}.{key}"


def test_a_scenario_without_a_name_is_called_by_its_file(tmp_path):
    file = tmp_path / "my winter.toml"
    file.write_text("[run]\nseed = 7\n")

    assert load(file).name == "my-winter"


def test_half_a_step_more_needs_a_whole_step_more():
    run = Run(step_s=3600)

    assert run.steps_in(0.25) == 1
    assert run.steps_in(1.5) == 2
    assert run.steps_in(0.0) == 0


# --- areas --------------------------------------------------------------------------


def test_one_number_holds_for_every_area():
    scenario = parse("", overrides=["grid.transformer_kva=250"])

    assert scenario.grid.transformer_kva == (250.0, 250.0)


def test_one_area_alone_needs_no_lists():
    overrides = ['grid.areas={town = "LV3.101"}', "sites.heat_pumps=30"]
    scenario = load("two_areas", overrides)

    assert scenario.grid.area_names == ("town",)
    assert scenario.grid.loading_limit_percent == (100.0,)


def test_a_list_of_the_wrong_length_names_the_areas():
    problem = problem_of("grid.transformer_kva=[100, 100, 100]")

    assert problem.key == "grid.transformer_kva"
    assert "A, B" in problem.remedy


def test_copies_of_an_area_are_numbered_and_rated_like_it():
    scenario = parse("", overrides=["grid.copies=3", "grid.transformer_kva=[160, 250]"])

    assert scenario.grid.area_names == ("A-1", "A-2", "A-3", "B-1", "B-2", "B-3")
    assert scenario.grid.networks["A-3"] == "LV2.101"
    assert scenario.grid.transformer_kva == (160.0,) * 3 + (250.0,) * 3
    assert scenario.grid.loading_limit_percent == (100.0,) * 6
    assert parse(scenario.to_toml()) == scenario


def test_each_copy_may_have_a_rating_of_its_own():
    ratings = "grid.transformer_kva=[100, 125, 160, 250]"
    scenario = parse("", overrides=["grid.copies=2", ratings])

    assert scenario.grid.transformer_kva == (100.0, 125.0, 160.0, 250.0)


def test_copies_bring_homes_for_more_devices():
    many = ["sites.heat_pumps=1000", "sites.pv_batteries=1000"]

    assert parse("", overrides=["grid.copies=10", *many]).sites.heat_pumps == 1000
    problem = problem_of("grid.copies=9", *many)
    assert problem.key == "sites.heat_pumps"
    assert "1845 homes" in problem.remedy


def test_a_list_that_fits_neither_names_nor_copies_is_refused():
    problem = problem_of("grid.copies=2", "grid.transformer_kva=[100, 100, 100]")

    assert problem.key == "grid.transformer_kva"
    assert "4 copies" in problem.remedy


def test_feeders_through_copies_are_a_tree_and_survive_writing():
    north = '{name = "north", areas = ["A", "B-2"], limit_kva = 300.0}'
    scenario = parse("", overrides=["grid.copies=2", f"grid.feeders=[{north}]"])

    network = build_network(scenario.grid)
    assert network.points.feeders[0].areas == ("A-1", "A-2", "B-2")
    assert parse(scenario.to_toml()) == scenario


def test_all_that_is_wrong_with_feeders_is_said_at_once():
    found = problems_of(
        text="""
        [[grid.feeders]]
        name = "north"
        areas = ["A", "B"]
        limit_kva = 200.0
        [[grid.feeders]]
        name = "north"
        areas = ["B", "C"]
        limit_kva = 200.0
        """
    )

    said = {problem.key: problem.remedy for problem in found}
    assert "of its own" in said["grid.feeders.1.name"]
    assert "B hangs on feeder north already" in said["grid.feeders.1.areas"]
    assert "no area C" in said["grid.feeders.1.areas"]


def test_an_unknown_key_of_a_feeder_is_told_the_known_ones():
    problem = problem_of('grid.feeders=[{name="n", areas=["A"], limit_kva=9.0, x=1}]')

    assert "length_km" in problem.remedy


def test_an_unknown_grid_is_told_the_known_ones():
    problem = problem_of("grid.areas.B=LV9.999")

    assert problem.key == "grid.areas.B"
    assert "LV2.101, LV3.101" in problem.remedy


def test_an_area_is_named_by_a_plain_word():
    text = '[grid.areas]\n"a/b" = "LV2.101"\n'

    assert problem_of("sites.heat_pumps=2", text=text).key == "grid.areas.a/b"


# --- overrides ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("dso.allocation=proportional", "proportional"),
        ('dso.allocation = "proportional"', "proportional"),
    ],
)
def test_strings_may_stand_bare(override, value):
    assert parse("", overrides=[override]).dso.allocation == value


def test_errors_of_forecasts_do_not_fall_with_lead_time():
    with pytest.raises(InputError, match="must not fall"):
        parse("", overrides=["forecast.temperature_sd_k=[2, 1, 3]"])


def test_overrides_are_toml():
    scenario = parse(
        "",
        overrides=[
            "run.start=2016-12-22T00:00:00+01:00",
            "sites.pv_kwp=[8, 8]",
            "day_ahead.rehearsal=false",
        ],
    )

    assert scenario.start_utc() == datetime(2016, 12, 21, 23, tzinfo=UTC)
    assert scenario.sites.pv_kwp == (8.0, 8.0)
    assert scenario.day_ahead.rehearsal is False


def test_the_later_override_wins_and_seed_and_strategy_win_over_all():
    overrides = ["run.seed=2", "run.seed=3", "run.strategy=two-stage"]

    assert parse("", overrides=overrides).run.seed == 3
    run = parse("", overrides=overrides, seed=4, strategy="price-only").run
    assert (run.seed, run.strategy) == (4, "price-only")


@pytest.mark.parametrize("override", ["run.seed", "=3", "run.=3", ""])
def test_an_override_that_sets_nothing_is_refused(override):
    assert "section.key=value" in problem_of(override).remedy


def test_a_value_is_no_table():
    assert "not a table" in problem_of("run.seed.x=3", text="[run]\nseed=1").remedy


def test_a_problem_says_whether_file_or_command_line_is_at_fault():
    text = "[run]\nstep_s = 7\n"

    sources = {p.key: p.source for p in problems_of("run.duration_h=-1", text=text)}

    assert sources == {"run.step_s": "my.toml", "run.duration_h": "--set"}


def test_the_problem_of_an_option_names_the_option():
    with pytest.raises(InputError) as caught:
        parse("", seed=-1, strategy="guess")

    assert [p.source for p in caught.value.problems] == ["--seed", "--strategy"]


# --- files --------------------------------------------------------------------------


def test_paths_in_a_file_are_relative_to_it(tmp_path):
    series = tmp_path / "prices.csv"
    series.touch()
    file = tmp_path / "mine.toml"
    file.write_text('[prices]\nfile = "prices.csv"\n')

    scenario = load(file)

    assert scenario.prices.file == str(series)
    assert parse(scenario.to_toml()) == scenario


def test_paths_in_an_override_are_relative_to_the_working_directory(
    tmp_path, monkeypatch
):
    (tmp_path / "weather.csv").touch()
    monkeypatch.chdir(tmp_path)

    scenario = load("two_areas", ["weather.file=weather.csv"])

    assert scenario.weather.file == str(tmp_path / "weather.csv")


@pytest.mark.parametrize("section", ["weather", "prices", "households"])
def test_a_file_that_is_not_there_is_a_problem(section):
    problem = problem_of(f"{section}.file=nowhere.csv")

    assert problem.key == f"{section}.file"
    assert "nowhere.csv" in problem.remedy


def test_a_scenario_that_is_not_there_is_told_what_is():
    with pytest.raises(InputError, match="two_areas"):
        load("two_area")
    with pytest.raises(InputError, match="no such file"):
        load("two_area.toml")


def test_a_scenario_that_is_no_toml_is_told_the_line(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nseed = = 1\n")

    with pytest.raises(InputError, match="line 2"):
        load(file)


def test_a_scenario_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="UTF-8"):
        load(file)


def test_a_folder_behind_a_file_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.touch()

    assert "not a folder" in str(cannot_write(file / "sub"))
    assert cannot_write(tmp_path / "new" / "newer") is None
    assert list(tmp_path.iterdir()) == [file]


def test_an_lp_folder_that_cannot_be_made_is_a_problem(tmp_path):
    (tmp_path / "file").touch()

    assert problem_of(f"solver.write_lp={tmp_path}/file/lp").key == "solver.write_lp"


# --- problems -----------------------------------------------------------------------


def test_five_mistakes_of_five_kinds_are_reported_at_once():
    text = """
    [run]
    sed = 3
    duration_h = 24.1
    start = 2016-01-04T00:00:00
    [sites]
    heat_pumps = 1000
    [dso]
    allocation = "fair"
    """

    found = {p.key: p.remedy for p in problems_of(text=text)}

    assert found.keys() == {
        "run.sed",
        "run.duration_h",
        "run.start",
        "sites.heat_pumps",
        "dso.allocation",
    }
    assert "run.seed" in found["run.sed"]
    assert "24 h" in found["run.duration_h"]
    assert "time zone" in found["run.start"]
    assert "205 homes" in found["sites.heat_pumps"]
    assert "'least-cost' or 'proportional'" in found["dso.allocation"]


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("run.step_s=59", "at least 60"),
        ("run.step_s=900.5", "whole number"),
        ("run.step_s=7200", "at most 3600"),
        ("run.start=1899-12-31T00:00:00Z", "1900 to 2199"),
        ("run.start=9999-12-31T00:00:00Z", "1900 to 2199"),
        ("run.duration_h=0", "more than 0"),
        ("run.warm_up_h=1.1", "1 h"),
        ("run.start=2016-01-04T00:07:00+01:00", "whole step"),
        ("run.start=2016-01-04", "date and time"),
        ("run.seed=true", "whole number"),
        ("planning.every_h=0.1", "0.25 h"),
        ("planning.horizon_h=12", "at least 24"),
        ("planning.horizon_h=24.2", "24.25 h"),
        ("grid.transformer_kva=-1", "at least 0"),
        ("grid.transformer_kva=[100, nan]", "finite"),
        ("grid.transformer_kva=big", "list of numbers"),
        ("grid.areas={}", "at least one"),
        ("grid.areas=LV2.101", "table"),
        ("grid.engine=guess", "'pandapower'"),
        ("sites.pv_kwp=[8, 4]", "low not above high"),
        ("sites.pv_kwp=[8]", "too few"),
        ("sites.pv_kwp=[1, 2, 3]", "too many"),
        ("sites.pv_kwp=8", "list of numbers"),
        ("sites.inverter_share=1.5", "at most 1"),
        ("aggregators.count=0", "at least 1"),
        ("weather.region=16", "at most 15"),
        ("weather.offset_k=nan", "finite"),
        ("day_ahead.rehearsal=1", "true or false"),
        ("prices.file=3", "string"),
        ("tariff.winter_dkk_per_kwh=[1, 2]", "too few"),
        ("solver.name=Abacus", "HiGHS"),
        ("name=a/b", "plain word"),
        ("run=3", "[section]"),
        ("sites.loading_limit_percent=3", "grid.loading_limit_percent"),
        ("transformer_kva=3", "grid.transformer_kva"),
        ("agregators.count=3", "'aggregators'"),
        ("pv.zzz=3", "tilt_deg"),
    ],
)
def test_each_mistake_has_one_problem_with_its_remedy(override, remedy):
    assert remedy in problem_of(override).remedy


@pytest.mark.parametrize(
    ("step_s", "start"),
    [(900, "00:45"), (300, "00:05"), (3600, "01:00")],
)
def test_a_run_may_start_on_any_whole_step(step_s, start):
    overrides = (f"run.step_s={step_s}", f"run.start=2016-01-04T{start}:00+01:00")

    assert f"{parse('', overrides=overrides).run.start:%H:%M}" == start


def test_a_remedy_ends_with_what_the_key_is():
    assert "Homes with a heat pump" in problem_of("sites.heat_pumps=-1").remedy


def test_a_problem_shows_the_value_as_written():
    text = 'name = "a b"\n[sites]\npv_kwp = [8, 4]\n'

    assert [p.value for p in problems_of(text=text)] == ['"a b"', "[8, 4]"]


def test_a_long_value_is_cut():
    assert len(problem_of(f"dso.allocation={'x' * 200}").value) == 60


def test_either_kind_of_site_may_be_missing():
    assert parse("", overrides=["sites.heat_pumps=0"]).sites.heat_pumps == 0
    assert parse("", overrides=["sites.pv_batteries=0"]).sites.pv_batteries == 0


def test_an_aggregator_without_sites_is_a_problem():
    problem = problem_of(
        "sites.heat_pumps=2", "sites.pv_batteries=1", "aggregators.count=4"
    )

    assert problem.key == "aggregators.count"
    assert "there are 3" in problem.remedy


def test_all_homes_may_be_sites_but_not_one_more():
    parse("", overrides=["sites.heat_pumps=135"])

    assert "205" in problem_of("sites.heat_pumps=136").remedy


def test_a_problem_hides_the_questions_that_hang_on_it():
    keys = {p.key for p in problems_of("run.step_s=7", "run.duration_h=1.23")}

    assert keys == {"run.step_s"}


def test_values_are_written_on_one_line():
    assert (
        value_text({"a b": [1, "x\n"], "c": True}) == '{"a b" = [1, "x\\n"], c = true}'
    )


def test_a_scenario_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load("two_areas").run.seed = 2


def test_the_other_strategy_is_one_call_away():
    other = Scenario().with_strategy("price-only")

    assert other.run.strategy == "price-only"
    assert other.with_strategy("two-stage") == Scenario()
