"""YAML files that people edit: numbers with a point stay exact, a key given twice is an error."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml


class YamlFileError(ValueError):
    """The file cannot be read as YAML; the message names the file and, where known, the line."""


class _ExactLoader(yaml.SafeLoader):
    """SafeLoader whose floats become Decimal from their text and whose mappings refuse a repeated key."""


def _decimal(_: _ExactLoader, node: yaml.ScalarNode) -> Decimal | str:
    text = node.value.replace("_", "")
    # YAML's .inf and .nan, and its sexagesimal 1:30.5, are left as text: no key of ours means them.
    return Decimal(text) if text.strip("+-.0123456789eE") == "" else node.value


def _mapping(loader: _ExactLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise yaml.MarkedYAMLError(None, None, f"{key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _decimal)
_ExactLoader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml(path: Path) -> object:
    """Read a file, None for an empty one; raises YamlFileError."""
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_ExactLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise YamlFileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise YamlFileError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise YamlFileError(f"{path}{line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlFileError(f"{path} is not YAML: {error}") from error
