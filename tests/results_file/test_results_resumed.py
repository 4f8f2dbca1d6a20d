"""A results file of a stopped run is cut off at a step, and written on from there."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results import ResultsWriter, read

STEPS = 7


def stored(path):
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(keep)
    return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)


@given(
    written=st.integers(0, STEPS),
    done=st.integers(0, STEPS),
    flush_every=st.integers(1, 4),
)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_file_cut_off_is_as_if_no_more_had_been_written_and_ends_the_same(
    small_writer, steps_of, written, done, flush_every
):
    steps = steps_of(STEPS, {"heat_pumps/air_c": [[*range(STEPS)]] * 2})
    states = []
    for stop in (STEPS, min(done, written)):
        with small_writer(STEPS, flush_every=flush_every, overwrite=True) as writer:
            for step in steps[:stop]:
                writer.append(step)
        states.append(stored(writer.path))
    whole, cut = states
    with small_writer(STEPS, flush_every=flush_every, overwrite=True) as writer:
        for step in steps[:written]:
            writer.append(step)

    with ResultsWriter.resume(writer.path, min(done, written), flush_every) as later:
        assert_same(cut, stored(writer.path))
        for step in steps[min(done, written) :]:
            later.append(step)

    assert_same(whole, stored(writer.path))


def test_a_file_with_too_few_steps_cannot_go_on(small_writer, steps_of):
    with small_writer() as writer:
        writer.append(steps_of()[0])

    with pytest.raises(InvariantError, match="from step 2: it holds 1 of 4 steps"):
        ResultsWriter.resume(writer.path, 2)


def test_a_complete_file_cannot_go_on(small_run):
    path = small_run(certificate={})

    with pytest.raises(InvariantError, match="holds 4 of 4 steps"):
        ResultsWriter.resume(path, 2)


def test_steps_that_still_wait_are_in_the_file_once_it_is_synchronised(
    small_writer, steps_of
):
    with small_writer(flush_every=3) as writer:
        writer.append(steps_of()[0])

        writer.sync()

        assert read(writer.path).steps_written == 1
