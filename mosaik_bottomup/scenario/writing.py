"""TOML text of plain values, short enough to be read."""

import json
from collections.abc import Mapping
from datetime import date


def value_text(value: object) -> str:
    """Write one value as TOML does, on one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            # JSON's strings are TOML's, but for DEL
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case date():
            return value.isoformat()
        case Mapping():
            pairs = (
                f"{_key_text(key)} = {value_text(at)}" for key, at in value.items()
            )
            return f"{{{', '.join(pairs)}}}"
        case list() | tuple():
            return f"[{', '.join(map(value_text, value))}]"
        case _:
            return str(value)


def table_text(table: Mapping[str, object]) -> str:
    """Write a table as a TOML document, one ``[section]`` for each table in it."""
    plain = {key: at for key, at in table.items() if not isinstance(at, Mapping)}
    blocks = [_lines(plain)] if plain else []
    for name, section in table.items():
        if isinstance(section, Mapping):
            blocks.append(f"[{_key_text(name)}]\n{_lines(section)}")
    return "\n".join(blocks)


def _lines(table: Mapping[str, object]) -> str:
    return "".join(f"{_key_text(k)} = {value_text(at)}\n" for k, at in table.items())


def _key_text(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else value_text(key)
