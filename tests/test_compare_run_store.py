"""The store of runs: what counts as the same run, and what as finished."""

import multiprocessing

import pytest

from mosaik_bottomup.app.runs import code_version as versions
from mosaik_bottomup.app.runs import run_store
from mosaik_bottomup.app.runs.run_store import RunStore, identity, write_bytes
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.scenario import load


class Held:
    """Stands in for a results file."""

    def __init__(self, complete):
        self.complete = complete


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Return a store in which a file with the word "whole" is a complete run."""

    def read(path):
        return Held(path.read_text() == "whole")

    monkeypatch.setattr(run_store, "read", read)
    return RunStore(tmp_path / "runs")


def names_in(folder):
    return sorted(file.name for file in folder.iterdir())


# --- identity -----------------------------------------------------------------------


def test_equal_scenarios_are_the_same_run_and_say_strategy_and_seed():
    one, other = (load("two_areas", seed=3, strategy="two-stage") for _ in range(2))

    assert identity(one) == identity(other)
    assert identity(one).startswith("two-stage-3-")


@pytest.mark.parametrize(
    "override",
    ["run.seed=2", "run.strategy=price-only", "sites.heat_pumps=79", "name=other"],
)
def test_every_key_of_the_scenario_tells_runs_apart(override):
    assert identity(load("two_areas", [override])) != identity(load("two_areas"))


def test_what_a_run_is_computed_against_tells_it_apart():
    scenario = load("two_areas")

    assert (
        len({identity(scenario), identity(scenario, "a"), identity(scenario, "b")}) == 3
    )


def test_the_content_of_the_users_files_tells_runs_apart(tmp_path):
    file = tmp_path / "prices.csv"
    scenario_of = ["prices.file=" + str(file)]
    file.write_text("one")
    before = identity(load("two_areas", scenario_of))
    again = identity(load("two_areas", scenario_of))
    file.write_text("two")

    after = identity(load("two_areas", scenario_of))

    assert before == again != after


def test_the_code_tells_runs_apart(monkeypatch):
    before = identity(load("two_areas"))
    monkeypatch.setattr(run_store, "code_version", lambda: "another")

    assert identity(load("two_areas")) != before


def test_all_that_makes_a_run_counts_as_code_and_what_only_shows_it_does_not():
    names = {name for name, _ in versions._sources()}

    assert {
        "mosaik_bottomup/parties/operators.py",
        "mosaik_bottomup/metrics/evaluate.py",
        "mosaik_bottomup/data/simbench.h5",
        "mosaik_bottomup/data/two_areas.toml",
        "mosaik_bottomup/app/world.py",
        "mosaik_bottomup/app/evidence/measuring.py",
        "mosaik_components.bottomup/dso.py",
    } <= names
    assert not [name for name in names if name.startswith("mosaik_bottomup/app/rep")]
    assert "mosaik_bottomup/app/cli.py" not in names


def test_what_makes_runs_in_the_app_imports_nothing_there_that_does_not_count():
    sources = {name: file for name, file in versions._sources() if "/app/" in name}
    counted = {name.rsplit("/", 1)[-1].removesuffix(".py") for name in sources}
    # the store only names and keeps what others make
    harmless = {"run_store"}
    for file in sources.values():
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] == ["from"] and "mosaik_bottomup.app" in words[1]:
                module = words[1].removeprefix("mosaik_bottomup.app")
                module = module.rpartition(".")[2]
                used = {module} if module else {it.strip(",") for it in words[3:]}
                assert used <= counted | harmless, line


# --- finished, half-written, shared ---------------------------------------------------


def test_a_run_has_its_name_only_once_it_is_complete(store):
    seen = []

    def write(file):
        file.write_text("whole")
        seen.append(store.has("x"))

    with store.claimed("x"):
        store.make("x", write)

    assert seen == [False]
    assert store.has("x")
    assert names_in(store.folder) == ["x.h5"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_run_that_fails_leaves_nothing(store, error):
    def write(file):
        file.write_text("half")
        raise error

    with pytest.raises(error), store.claimed("x"):
        store.make("x", write)

    assert not store.has("x")
    assert names_in(store.folder) == []


@pytest.mark.parametrize(
    ("keeps_file", "left"),
    [(True, ["x.failed.h5", "x.failure.json"]), (False, ["x.failure.json"])],
)
def test_what_a_failed_run_leaves_is_kept_where_wanted_until_it_succeeds(
    store, keeps_file, left
):
    def write(file):
        file.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), store.claimed("x"):
        store.make("x", write, keeps_unfinished=True)
    store.note_failure("x", {"error": "no room"}, keeps_file)
    after_failure = names_in(store.folder)
    store.forget_failure("x")

    assert after_failure == left
    assert names_in(store.folder) == []


def test_a_failure_leaves_a_file_alone_that_somebody_is_writing_anew(store):
    with store.claimed("x"):
        unfinished = store.folder / "x.unfinished.h5"
        unfinished.write_text("half")

        store.note_failure("x", {"error": "no room"}, keeps_file=False)

        assert unfinished.exists()


def test_a_run_that_ends_incomplete_is_refused(store):
    refused = pytest.raises(InvariantError, match="before it was complete")
    with refused, store.claimed("x"):
        store.make("x", lambda file: file.write_text("half"))


def test_a_file_that_is_not_complete_is_no_run(store):
    store.folder.mkdir()
    store.file("x").write_text("half")

    assert not store.has("x")
    assert not store.has("never made")


def test_what_a_killed_process_left_is_cleared_and_what_is_being_made_stays(store):
    store.folder.mkdir()
    for name in ("old.unfinished.h5", "old.unfinished.h5.part", "old.lock", "done.h5"):
        (store.folder / name).touch()
    with store.claimed("new"):
        (store.folder / "new.unfinished.h5").touch()

        store.tidy()

        left = names_in(store.folder)
    assert left == ["done.h5", "new.lock", "new.unfinished.h5"]


def _claim(folder, events):
    with RunStore(folder).claimed("x"):
        events.put("theirs")


def test_one_process_waits_until_the_other_has_made_the_run(store):
    context = multiprocessing.get_context("fork")
    events = context.SimpleQueue()  # one with a thread of its own may be overtaken
    other = context.Process(target=_claim, args=(store.folder, events), daemon=True)
    with store.claimed("x"):
        other.start()
        other.join(0.2)
        waited = other.is_alive()
        events.put("ours")
    other.join(10)

    assert waited
    assert other.exitcode == 0
    assert [events.get(), events.get()] == ["ours", "theirs"]
    assert names_in(store.folder) == []


def test_figures_come_back_as_kept_and_spoilt_ones_not_at_all(store):
    store.folder.mkdir()
    store.keep("x", {"cost": 0.1})
    (store.folder / "y.json").write_text('{"cost": 0.')

    assert store.figures("x") == {"cost": 0.1}
    assert store.figures("y") is None
    assert store.figures("z") is None


def test_a_file_is_never_seen_in_part(tmp_path):
    file = tmp_path / "x.json"
    file.write_text("old")

    class Unwritable:
        pass

    with pytest.raises(TypeError):
        write_bytes(file, Unwritable())

    assert file.read_text() == "old"
    assert names_in(tmp_path) == ["x.json"]
