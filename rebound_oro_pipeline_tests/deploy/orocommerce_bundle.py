"""The OroCommerce bundle in deploy/, read as text: its entities, its installer and its configuration, without PHP."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

PACKAGE: Final = Path(__file__).parents[2] / "deploy" / "orocommerce"
BUNDLE: Final = PACKAGE / "src" / "Rebound" / "Bundle" / "CreditNoteBundle"
NAMESPACE: Final = "Rebound\\Bundle\\CreditNoteBundle"
NOTE: Final = f"{NAMESPACE}\\Entity\\CreditNote"
LINE: Final = f"{NAMESPACE}\\Entity\\CreditNoteLine"
INSTALLER: Final = "Migrations/Schema/ReboundCreditNoteBundleInstaller.php"

_MEMBER = re.compile(
    r"#\[ORM\\(?P<kind>Column|ManyToOne|OneToMany)\((?P<mapping>[^]]*(?:\[[^]]*][^]]*)*?)\)]"
    r"(?P<more>(?:\s*#\[[^\n]*])*)\s*"
    r"private (?P<type>\??[\\\w]+) \$(?P<name>\w+)(?: = (?P<default>[^;]+))?;"
)
_TABLE = re.compile(r"#\[ORM\\Table\(name: '(\w+)'\)]")
_NEW_TABLE = re.compile(r"createTable\('(\w+)'\)")
_NEW_COLUMN = re.compile(r"addColumn\('(?P<name>\w+)', '(?P<type>\w+)', (?P<options>\[.*?]|self::MONEY)\)")
_INDEX = re.compile(r"add(?P<unique>Unique)?Index\(\['(?P<column>\w+)'], '(?P<name>\w+)'\)")
_REFERENCE = re.compile(r"refer\(\$(?P<table>\w+), '(?P<column>\w+)', (?P<target>.+?), '(?P<rule>[A-Z ]+)'\)")
_DOCTRINE_TYPES: Final = {"Types::STRING": "string", "Types::INTEGER": "integer", "Types::FLOAT": "float"}
_DOCTRINE_TYPES |= {"Types::DATETIME_MUTABLE": "datetime", "'money'": "money"}


@dataclass(frozen=True)
class Column:
    """A mapped property, or a column of the installer; `has_default`: it is filled when nothing is given."""

    type: str
    length: int | None
    nullable: bool
    unique: bool
    has_default: bool = False


@dataclass(frozen=True)
class Reference:
    """A property that refers to one record, and what becomes of it when that is deleted."""

    column: str
    target: str
    nullable: bool
    on_delete: str


@dataclass(frozen=True)
class Entity:
    """A Doctrine entity; columns by column name, properties by property name."""

    table: str
    columns: dict[str, Column]
    properties: dict[str, str]
    references: dict[str, Reference]
    collections: dict[str, str]
    source: str


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, as Symfony does."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


@cache
def text(path: str) -> str:
    """Return a file of the bundle."""
    return (BUNDLE / path).read_text(encoding="utf-8")


@cache
def load(path: str) -> Any:
    """Return a YAML file of the bundle; raise yaml.YAMLError for what does not parse, or a key given twice."""
    return yaml.load(text(path), _StrictLoader)


@cache
def api(entity: str) -> dict[str, Any]:
    """Return how an entity is configured in the API."""
    configured: dict[str, Any] = load("Resources/config/oro/api.yml")["api"]["entities"][entity]
    return configured


@cache
def constraints(entity: str) -> dict[str, dict[str, Any]]:
    """Return the constraints of each property: name of the constraint → its options."""
    properties = load("Resources/config/validation.yml")[entity]["properties"]
    return {
        name: {constraint: options for given in listed for constraint, options in given.items()}
        for name, listed in properties.items()
    }


@cache
def entity(class_name: str) -> Entity:
    """Read an entity from its attributes, without what its traits add (organization, dates)."""
    source = text(class_name.removeprefix(f"{NAMESPACE}\\").replace("\\", "/") + ".php")
    columns, properties, references, collections = {}, {}, {}, {}
    for member in _MEMBER.finditer(source):
        name = member["name"]
        mapping = _arguments(member["mapping"])
        if member["kind"] == "Column":
            column = mapping["name"].strip("'")
            properties[name] = column
            columns[column] = Column(
                type=_DOCTRINE_TYPES[mapping["type"]],
                length=int(mapping["length"]) if "length" in mapping else None,
                nullable=mapping.get("nullable") == "true",
                unique=mapping.get("unique") == "true",
                has_default=member["default"] not in (None, "null"),
            )
        elif member["kind"] == "ManyToOne":
            joined = _arguments(re.search(r"JoinColumn\((.*?)\)]", member["more"])[1])  # type: ignore[index]
            references[name] = Reference(
                column=joined["name"].strip("'"),
                target=mapping["targetEntity"].removesuffix("::class"),
                nullable=joined["nullable"] == "true",
                on_delete=joined["onDelete"].strip("'"),
            )
        else:
            collections[name] = mapping["targetEntity"].removesuffix("::class")
    table = _TABLE.search(source)
    assert table is not None
    return Entity(table[1], columns, properties, references, collections, source)


def _arguments(listed: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+): ('[^']*'|\[[^]]*]|[\w:\\]+)", listed))


def _creations() -> dict[str, str]:
    """Return the statements that make each table."""
    _, *parts = _NEW_TABLE.split(text(INSTALLER))
    bodies = [part.partition("return $table;")[0] for part in parts[1::2]]
    return dict(zip(parts[::2], bodies, strict=True))


@cache
def installed_indexes() -> dict[str, dict[str, str]]:
    """Return the named indexes that the installer makes: table → name → column."""
    return {
        table: {index["name"]: index["column"] for index in _INDEX.finditer(body)}
        for table, body in _creations().items()
    }


@cache
def installed() -> dict[str, dict[str, Column]]:
    """Return the tables that the installer creates, with their columns."""
    tables = {}
    for name, body in _creations().items():
        unique = {index["column"] for index in _INDEX.finditer(body) if index["unique"]}
        tables[name] = {
            column["name"]: Column(
                type=column["type"],
                length=int(found[1])
                if (found := re.search(r"'length' => (\d+)", column["options"]))
                else None,
                nullable="'notnull' => false" in column["options"],
                unique=column["name"] in unique,
            )
            for column in _NEW_COLUMN.finditer(body)
        }
    return tables


@cache
def installed_references() -> dict[str, dict[str, str]]:
    """Return the rule on deletion of each reference that the installer makes: table → column → rule."""
    tables = {"note": "rebound_credit_note", "line": "rebound_credit_note_line"}
    references: dict[str, dict[str, str]] = {table: {} for table in tables.values()}
    for found in _REFERENCE.finditer(text(INSTALLER)):
        references[tables[found["table"]]][found["column"]] = found["rule"]
    return references


def files(pattern: str) -> list[Path]:
    """Return the files of the bundle, in order."""
    return sorted(BUNDLE.rglob(pattern))
