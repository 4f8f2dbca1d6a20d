"""What a process takes from its start to its end, by the system's own account."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

MB_PER_MAXRSS = 1 / 1024 if sys.platform == "linux" else 1 / 1024**2


@dataclass(frozen=True, slots=True)
class Process:
    """One process."""

    wall_s: float
    cpu_s: float
    """With that of the processes it has started and waited for."""
    peak_mb: float
    """Of the largest of them."""


def timed(arguments: Sequence[str]) -> Process:
    """Run Python with these arguments, and return what that took.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    return _run(arguments, "")[0]


def asked(module: str, text: str, *arguments: str) -> tuple[Process, Any]:
    """Run a module that reads a scenario (TOML) and writes what it found (JSON).

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    process, found = _run(["-m", module, *arguments], text)
    return process, json.loads(found)


def medians(figures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number, also of those in dicts."""
    return {
        key: medians([each[key] for each in figures])
        if isinstance(first, dict)
        else median(each[key] for each in figures)
        for key, first in figures[0].items()
    }


def _run(arguments: Sequence[str], text: str) -> tuple[Process, str]:
    command = [sys.executable, *arguments]
    # files, as nobody reads or writes a pipe while the process is waited for
    with TemporaryFile() as said, TemporaryFile() as told:
        told.write(text.encode())
        told.seek(0)
        began_s = perf_counter()
        child = subprocess.Popen(command, stdin=told, stdout=said)
        _, status, usage = os.wait4(child.pid, 0)
        wall_s = perf_counter() - began_s
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, command)
        said.seek(0)
        cpu_s = usage.ru_utime + usage.ru_stime
        process = Process(wall_s, cpu_s, usage.ru_maxrss * MB_PER_MAXRSS)
        return process, said.read().decode()
