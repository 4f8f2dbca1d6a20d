"""Refuses what does not belong in a results file, naming it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mosaik_bottomup.errors import InvariantError
from mosaik_bottomup.results.layout import LAYOUT, Variable


def in_utc(start: datetime | str) -> datetime:
    """Return the moment in UTC; text is ISO 8601; without a zone: ValueError."""
    moment = datetime.fromisoformat(start) if isinstance(start, str) else start
    if moment.utcoffset() is None:
        raise ValueError(f"the start needs a zone: {start}")
    return moment.astimezone(UTC)


def checked_entities(
    entities: Mapping[str, Sequence[str]],
) -> dict[str, tuple[str, ...]]:
    """Return the names by group, in the order of the layout, without empty groups.

    Raises
    ------
    ValueError
        If a group is unknown or has no entities, or names repeat or are empty.
    """
    unknown = entities.keys() - LAYOUT.keys()
    if unknown:
        raise ValueError(f"unknown groups: {', '.join(sorted(unknown))}")
    names: dict[str, tuple[str, ...]] = {}
    for group, described in LAYOUT.items():
        of_group = tuple(entities.get(group, ()))
        if of_group and described.dimension is None:
            raise ValueError(f"{group}: has no entities")
        if len(set(of_group)) != len(of_group) or not all(of_group):
            raise ValueError(f"{group}: names must be unique and not empty")
        if of_group or described.dimension is None:
            names[group] = of_group
    return names


def checked_static(
    names: Mapping[str, tuple[str, ...]],
    static: Mapping[str, Mapping[str, ArrayLike]],
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return all static values of these groups; InvariantError if not as laid out."""
    checked: dict[str, dict[str, NDArray[Any]]] = {}
    for group, of_group in names.items():
        given = static.get(group, {})
        wanted = {variable.name: variable for variable in LAYOUT[group].static}
        if given.keys() != wanted.keys():
            refuse_names(group, given, wanted, "static values")
        checked[group] = {
            name: checked_values(variable, given[name], (len(of_group),), group, None)
            for name, variable in wanted.items()
        }
    return checked


def refuse_names(
    group: str, given: Mapping[str, Any], wanted: Mapping[str, Any], where: str
) -> NoReturn:
    """Raise the InvariantError that says which variables are missing or unknown."""
    lacking = ", ".join(f"{group}/{name}" for name in wanted if name not in given)
    unknown = ", ".join(f"{group}/{name}" for name in given if name not in wanted)
    raise InvariantError(
        f"{where}: "
        + "; ".join(
            part
            for part in (
                f"missing: {lacking}" if lacking else "",
                f"unknown: {unknown}" if unknown else "",
            )
            if part
        )
    )


def checked_values(
    variable: Variable,
    values: ArrayLike,
    shape: tuple[int, ...],
    group: str,
    step: int | None,
) -> NDArray[Any]:
    """Return values in the variable's type; InvariantError if they do not fit.

    Parameters
    ----------
    variable
        What they are values of.
    values
        One per entity.
    shape
        What their shape must be.
    group, step
        Where they belong, for the message; no step for static values.
    """
    row = np.asarray(values, dtype=np.float64)
    where = f"{group}/{variable.name}" + ("" if step is None else f", step {step}")
    if row.shape != shape:
        raise InvariantError(f"{where}: shape must be {shape}, not {row.shape}")
    finite = np.isfinite(row)
    if not finite.all() and not (variable.may_be_missing and not np.isinf(row).any()):
        first = int(np.argmin(finite))
        raise InvariantError(
            f"{where}: entry {first} is {row.flat[first]}, not a finite number"
        )
    if variable.is_float:
        return row
    whole = row.astype(variable.dtype)
    if (whole != row).any():
        raise InvariantError(f"{where}: must be whole numbers, not {row}")
    return whole
