"""Values between mosaik's nested dicts and arrays, and messages in a form that travels.

A message travels as a dict of JSON types that says in ``"message"`` what it is. What an
entity says of many homes is a list, in the order in which it named them; a child says
and hears the same of one home, as a number.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mosaik_api_v3.types import InputData, OutputData, OutputRequest

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.messages import Json, Message, Moment

KW_PER_MW = 1e3
BYTES_PER_NUMBER = 8
"""Of a double; what a lean encoding of a message would need for each number."""

type Columns = Mapping[str, Mapping[str, Any]]
"""Values by entity and attribute."""
type Children = Mapping[str, tuple[str, int]]
"""By child: whose lists hold its values, and where in them."""
NOBODY: Children = {}


def packed(message: Message, to: str | None = None) -> Json:
    """Return a message in the form that travels.

    Parameters
    ----------
    message
        What is said.
    to
        Full id of the only one it is meant for.
    """
    address = {} if to is None else {"to": to}
    return {"message": type(message).__name__, **address, **message.to_json()}


def unpacked[A: Message, B: Message](
    value: Json, one: type[A], other: type[B] | None = None, by: str | None = None
) -> A | B:
    """Return the message that has travelled, of one or two kinds.

    Parameters
    ----------
    value
        What has come.
    one, other
        The kinds that are understood.
    by
        Full id of who reads it.

    Raises
    ------
    InvariantError
        If it is none of them, or meant for somebody else.
    """
    said = value.get("message") if isinstance(value, dict) else None
    kinds = (one,) if other is None else (one, other)
    for kind in kinds:
        if said == kind.__name__:
            if value.get("to", by) != by:
                raise InvariantError(f"{by} got a {said} that is for {value['to']}")
            return kind.from_json(value)
    raise InvariantError(
        f"{by or 'somebody'} expects {' or '.join(it.__name__ for it in kinds)}, "
        f"and got {value!r:.80}"
    )


def payload_bytes(message: Message) -> int:
    """Return the size of a message's numbers, without the names of its fields."""
    return BYTES_PER_NUMBER * _numbers(message)


def senders(inputs: InputData, eid: str, attr: str) -> dict[str, Any]:
    """Return what was sent to an attribute, by sender, the senders sorted."""
    return dict(sorted(inputs.get(eid, {}).get(attr, {}).items()))


def only(inputs: InputData, eid: str, attr: str) -> Any:
    """Return what the one sender has sent to an attribute.

    Raises
    ------
    InvariantError
        If there is no sender, or more than one.
    """
    values = senders(inputs, eid, attr)
    if len(values) != 1:
        names = ", ".join(values) or "nobody"
        raise InvariantError(f"{eid}: {attr} wants one sender, and has {names}")
    return next(iter(values.values()))


def summed(
    inputs: InputData,
    attr: str,
    count: int,
    lists: Mapping[str, IntArray],
    rows: Mapping[str, int],
) -> FloatArray:
    """Return the sums of what was sent to an attribute, one for each of many homes.

    Parameters
    ----------
    inputs
        What has come.
    attr
        Of the entities in `lists` and `rows` alike.
    count
        How many homes there are.
    lists
        By entity that takes lists: which homes they are for, each at most once.
    rows
        By entity that takes single numbers: which home they are for.

    Raises
    ------
    InvariantError
        If a list has not one number for each of its homes.
    """
    sums = np.zeros(count)
    for eid, homes in lists.items():
        for sender, values in senders(inputs, eid, attr).items():
            sent = np.array(values, dtype=float)
            if sent.shape != homes.shape:
                raise InvariantError(
                    f"{eid}: {attr} wants a list of {homes.size} numbers, and "
                    f"{sender} sends {values!r:.80}"
                )
            sums[homes] += sent
    for eid in inputs.keys() & rows.keys():
        sums[rows[eid]] += sum(senders(inputs, eid, attr).values())
    return sums


def pick(
    columns: Columns, outputs: OutputRequest, children: Children = NOBODY
) -> OutputData:
    """Return what is asked for, as far as there is something to say.

    Parameters
    ----------
    columns
        What there is to say.
    outputs
        Who is asked, and for what.
    children
        Those whose values are in somebody's lists.
    """
    said: OutputData = {}
    for eid, attrs in outputs.items():
        parent, row = children.get(eid, (eid, None))
        held = columns.get(parent)
        if held is not None:
            said[eid] = {
                attr: held[attr] if row is None else held[attr][row]
                for attr in attrs
                if attr in held
            }
    return said


def _numbers(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, list):
        return sum(map(_numbers, value))
    if isinstance(value, Message | Moment):
        names = value.__dataclass_fields__  # type: ignore[union-attr]
        return sum(_numbers(getattr(value, name)) for name in names)
    return 0 if value is None or isinstance(value, str) else 1
