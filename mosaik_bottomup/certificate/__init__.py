"""What a run promised, checked on its results file: each line PASS or FAIL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mosaik_bottomup.certificate.books import books_energy, books_messages
from mosaik_bottomup.certificate.check import Check
from mosaik_bottomup.certificate.obedience import obedience_aggregators, obedience_sites
from mosaik_bottomup.certificate.quality import (
    qos_comfort,
    qos_lock_outs,
    qos_state_of_charge,
)
from mosaik_bottomup.certificate.security import (
    security_congestion_points,
    security_lines,
    security_transformers,
    security_voltage,
)
from mosaik_bottomup.results import Results, read

CHECKS: dict[str, Callable[[Results], Check]] = {
    "security_transformers": security_transformers,
    "security_congestion_points": security_congestion_points,
    "security_voltage": security_voltage,
    "security_lines": security_lines,
    "qos_comfort": qos_comfort,
    "qos_lock_outs": qos_lock_outs,
    "qos_state_of_charge": qos_state_of_charge,
    "obedience_sites": obedience_sites,
    "obedience_aggregators": obedience_aggregators,
    "books_energy": books_energy,
    "books_messages": books_messages,
}
"""All lines of the certificate, in the order they are shown."""


def certify(results: str | Path | Results) -> dict[str, dict[str, Any]]:
    """Return all checks of a run, by name: ``pass``, ``figure`` and ``text``.

    Of a run that was stopped, the steps written are checked.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it is no results file.
    ValueError
        If it holds no step.
    """
    held = results if isinstance(results, Results) else read(results)
    if held.steps_written == 0:
        raise ValueError(f"{held.path} holds no step: there is nothing to check")
    lines: dict[str, dict[str, Any]] = {}
    for name, check in CHECKS.items():
        line = check(held)
        lines[name] = {"pass": line.passed, "figure": line.figure, "text": line.text}
    return lines
