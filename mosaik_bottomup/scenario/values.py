"""What the values of a scenario may be: the types its sections are built from."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

SECONDS_PER_HOUR = 3600
SHORTEST_STEP_S = 60
FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Days are counted in nanoseconds: pandas ends in 2262."""


def as_tuple(value: object) -> object:
    """Return a list as the tuple that strict types want."""
    return tuple(value) if isinstance(value, list) else value


def _plain_word(value: str) -> str:
    if not (value.isascii() and value.replace("_", "").replace("-", "").isalnum()):
        raise ValueError("must be one plain word of letters, digits, '_' and '-'")
    return value


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("must be [low, high] with low not above high")
    return value


def _not_falling(value: tuple[float, float, float]) -> tuple[float, float, float]:
    if list(value) != sorted(value):
        raise ValueError("must not fall from the first to the last")
    return value


def _whole_fraction(step_s: int) -> int:
    # prices are hourly and tariffs change on the hour: no step may cross it
    if SECONDS_PER_HOUR % step_s:
        raise ValueError("must divide an hour, such as 300, 900 or 3600")
    return step_s


def _in_range_of_dates(start: datetime) -> datetime:
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise ValueError(f"must be in the years {FIRST_YEAR} to {LAST_YEAR}")
    return start


type Word = Annotated[str, AfterValidator(_plain_word)]
type Positive = Annotated[float, Field(gt=0)]
type NotNegative = Annotated[float, Field(ge=0)]
type Percent = Annotated[float, Field(ge=0, le=100)]
type Range = Annotated[
    tuple[Positive, Positive], BeforeValidator(as_tuple), AfterValidator(_ordered)
]
type PerArea = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple)]
type RatingPerArea = Annotated[tuple[NotNegative, ...], BeforeValidator(as_tuple)]
type StepSeconds = Annotated[
    int,
    Field(ge=SHORTEST_STEP_S, le=SECONDS_PER_HOUR),
    AfterValidator(_whole_fraction),
]
type Moment = Annotated[AwareDatetime, AfterValidator(_in_range_of_dates)]
type Rising = Annotated[
    tuple[NotNegative, NotNegative, NotNegative],
    BeforeValidator(as_tuple),
    AfterValidator(_not_falling),
]
type NightDayPeak = Annotated[
    tuple[NotNegative, NotNegative, NotNegative], BeforeValidator(as_tuple)
]


class Section(BaseModel):
    """A table of the file: strict types, no unknown keys, no NaN, not changeable."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
