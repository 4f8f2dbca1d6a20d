"""The pool: what waits, waits no longer than it must; what fails, fails alone."""

import signal
import time

import pytest

from mosaik_bottomup.app.runs.workers import Call, Done, Failed, Task, run_all


def task(key, function, *arguments, needs=()):
    return Task(key, lambda found: Call(function, arguments), tuple(needs))


def adding(key, number, needs=()):
    """Return a task that adds a number to what it needs."""
    return Task(
        key, lambda found: Call(sum, ([number, *found.values()],)), tuple(needs)
    )


def ready(key, value, needs=()):
    return Task(key, lambda found: Done(value), tuple(needs))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_needs_comes_to_it_and_outcomes_keep_their_order(workers):
    tasks = [
        adding("all", 1, needs=("two", "three")),
        adding("two", 2),
        adding("three", 1, needs=("two",)),
    ]

    outcomes = run_all(tasks, workers)

    assert list(outcomes) == ["all", "two", "three"]
    assert [outcome.value for outcome in outcomes.values()] == [6, 2, 3]


def test_a_failed_task_takes_along_only_those_that_need_it():
    tasks = [
        task("bad", int, "no such thing"),
        adding("after", 1, needs=("bad",)),
        adding("far after", 1, needs=("after",)),
        adding("good", 1),
    ]

    outcomes = run_all(tasks, 1)

    assert "no such thing" in outcomes["bad"].error
    assert "ValueError" in outcomes["bad"].trace
    assert "needs bad, which failed" in outcomes["after"].error
    assert isinstance(outcomes["far after"], Failed)
    assert outcomes["good"] == Done(1)


def test_a_killed_process_fails_its_own_task_and_no_other():
    tasks = [
        task("killed", signal.raise_signal, signal.SIGKILL),
        adding("beside", 1),
        adding("after", 2),
    ]

    outcomes = run_all(tasks, 1)

    assert "SIGKILL" in outcomes["killed"].error
    assert (outcomes["beside"], outcomes["after"]) == (Done(1), Done(2))


def test_a_task_that_cannot_begin_has_failed():
    def begin(found):
        raise OSError("cannot read")

    outcomes = run_all([Task("it", begin)], 1)

    assert outcomes["it"].error == "cannot read"


def test_no_process_starts_for_what_is_there_already(monkeypatch):
    monkeypatch.setattr("mosaik_bottomup.app.runs.workers._Worker", None)

    outcomes = run_all([ready("one", 1), ready("two", 2, ("one",))], 2)

    assert [outcome.value for outcome in outcomes.values()] == [1, 2]


def test_every_outcome_is_told_when_it_is_there():
    told = []
    tasks = [ready("one", 1), ready("two", 2, ("one",))]

    run_all(tasks, 1, lambda task, outcome: told.append((task.key, outcome.value)))

    assert told == [("one", 1), ("two", 2)]


def test_tasks_that_wait_for_each_other_are_refused():
    tasks = [ready("one", 1, ("two",)), ready("two", 2, ("one",))]

    with pytest.raises(ValueError, match="one, two"):
        run_all(tasks, 1)


def test_an_interrupt_ends_what_is_being_done_at_once():
    def interrupt(task, outcome):
        raise KeyboardInterrupt

    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_all([task("long", time.sleep, 60), adding("short", 1)], 2, interrupt)

    assert time.monotonic() - began_s < 10


def test_what_a_process_prints_does_not_reach_standard_output(capfd):
    run_all([task("it", print, "hello")], 1)

    captured = capfd.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err
