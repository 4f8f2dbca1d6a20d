"""What would be right instead, in words for the one who wrote the scenario."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from mosaik_bottomup.scenario.sections import Feeder, Order, Scenario
from mosaik_bottomup.scenario.writing import value_text

LONGEST_VALUE = 60
"""Characters of a value that are shown."""

_WORDS = {
    "bool_type": "must be true or false",
    "datetime_type": "must be a date and time with zone, without quotes",
    "dict_type": "must be a table",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "missing": "has too few numbers, or a key is missing",
    "model_type": "must be a table, written [section]",
    "string_type": "must be a string",
    "timezone_aware": "must have a time zone, as in 2016-01-04T00:00:00+01:00",
    "too_long": "has too many numbers",
    "too_short": "needs at least one entry",
    "tuple_type": "must be a list of numbers",
}
_BOUNDS = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
}


def remedy(details: Mapping[str, Any], key: tuple[str, ...]) -> str:
    """Put one pydantic error in words.

    Parameters
    ----------
    details
        An entry of `pydantic.ValidationError.errors`.
    key
        Where it is, as written by the user.
    """
    kind: str = details["type"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(key)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        text = f"{words} {context[bound]:g}"
    elif kind == "literal_error":
        text = f"must be {context['expected']}"
    elif kind == "value_error":
        text = str(context["error"])
    else:
        text = _WORDS.get(kind, str(details["msg"]))
    return text + _description(key)


def shown(value: object) -> str:
    """Write a value as TOML does, and not too long."""
    text = value_text(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation
        for name, field in Scenario.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
    }


def _unknown(key: tuple[str, ...]) -> str:
    sections = _sections()
    home, last = ".".join(key[:-1]), key[-1]
    if len(key) > 2:
        entry = Feeder if key[:2] == ("grid", "feeders") else Order
        return f"unknown key; there are {', '.join(entry.model_fields)}"
    here = sections[home].model_fields if home else Scenario.model_fields
    near = difflib.get_close_matches(last, here, n=1)
    if near:
        return f"unknown key; did you mean '{'.'.join((*key[:-1], near[0]))}'?"
    for section, model in sections.items():
        elsewhere = difflib.get_close_matches(last, model.model_fields, n=1, cutoff=0.8)
        if elsewhere:
            return f"unknown key; did you mean '{section}.{elsewhere[0]}'?"
    return f"unknown key; there are {', '.join(here)}"


def _description(key: tuple[str, ...]) -> str:
    if len(key) < 2 or key[0] not in _sections():
        return ""
    field = _sections()[key[0]].model_fields.get(key[1])
    about = (field.description or "") if field else ""
    return f" ({' '.join(about.split()).rstrip('.')})" if about else ""
