"""What a document names exists: make targets, commands, files, settings, policy keys, relations, links."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from rebound_oro_pipeline.cli import main
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.defs.documents import SECTIONS
from rebound_oro_pipeline.settings import PREFIX, Settings
from rebound_oro_pipeline.sqlmodels.read import read_models
from rebound_oro_pipeline_tests.docs.tables import DOCS, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("dbt_like_sql/*.md")])
PACKAGE = ROOT / "rebound_oro_pipeline"
BASES = (ROOT, PACKAGE, ROOT / "dbt_like_sql")
"""Where a path in a document may start, besides its own folder."""

_CODE = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```(?:sh|bash)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)(?P<path>[^)#]*)(?:#(?P<anchor>[^)]+))?\)")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|sql|md|ya?ml|csv|jsonl?|toml|txt))")
_MADE = re.compile(
    r"^(?:\.venv|\.rebound_oro|out|reference)\b|^(?:credit_note|inventory_delta|quarantine|held|summary)[\w]*\.jsonl?$"
)
"""Paths that exist only once something ran, and a folder of database tables."""
_TEMPLATE = re.compile(r"[A-Z]{4}|[<*]")
"""A path with a placeholder, such as NNNN_name.sql, or with a wildcard."""
_RELATION = re.compile(r"(?P<schema>[a-z]+)\.(?P<name>[a-z_]+)")
_POLICY_KEY = re.compile(r"(?:gate|credit|stock|tax|offer)\.[a-z_.]+")
_COMMAND = re.compile(r"(?:\.venv/bin/)?rebound-oro .*")
_MAKE = re.compile(r"make (?P<target>[a-z-]+)")
_VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]+\b")


@cache
def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


@cache
def code_of(document: Path) -> tuple[str, ...]:
    """Return what a document sets as code: inline pieces, and the lines of shell blocks."""
    text = text_of(document)
    shell = [line.split("#")[0].strip() for block in _FENCED.findall(text) for line in _joined(block)]
    return (*_CODE.findall(_ANY_FENCE.sub("", text)), *filter(None, shell))


def _joined(block: str) -> Iterator[str]:
    yield from block.replace("\\\n", " ").splitlines()


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_make_targets_exist(document: Path) -> None:
    files = (ROOT / "Makefile", *(ROOT / "deploy").rglob("Makefile.inc"))
    texts = "\n".join(file.read_text(encoding="utf-8") for file in files)
    targets = set(re.findall(r"^([a-z-]+):", texts, re.MULTILINE))
    named = {found["target"] for code in code_of(document) if (found := _MAKE.match(code))}
    assert named <= targets


def test_commands_and_their_options_exist(document: Path) -> None:
    for code in code_of(document):
        if _COMMAND.fullmatch(code):
            words = [word for word in shlex.split(code)[1:] if not word.startswith("{")]
            _check_command(main, words, code)


def _check_command(command: click.Command, words: list[str], code: str) -> None:
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{code}: no such command"
        _check_command(command.commands[words[0]], words[1:], code)
        return
    if command.name == "sandbox":  # passes its options on
        return
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    assert {word for word in words if word.startswith("-")} <= known, code


def test_settings_exist(document: Path) -> None:
    variables = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    named = {name for name in _VARIABLE.findall(text_of(document)) if not name.endswith("_")}
    assert named <= variables


def test_files_exist(document: Path) -> None:
    for code in code_of(document):
        if not _PATH.fullmatch(code) or _TEMPLATE.search(code) or _MADE.search(code):
            continue
        assert any((base / code).exists() for base in (document.parent, *BASES)), code


def test_policy_keys_exist(document: Path) -> None:
    keys = set(_keys(Policy().document()))
    for code in code_of(document):
        name = code.split(":")[0]
        if _POLICY_KEY.fullmatch(name):
            assert any(key == name or key.startswith(f"{name}.") for key in keys), code


def _keys(section: dict[str, object], path: str = "") -> Iterator[str]:
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{path}{name}.")
        yield f"{path}{name}"


def test_relations_exist(document: Path) -> None:
    relations = _relations()
    schemas = {relation.partition(".")[0] for relation in relations}
    for code in code_of(document):
        found = _RELATION.fullmatch(code)
        if found and found["schema"] in schemas and found["name"] not in ("py", "sql", "share", "match_key"):
            assert code in relations, code


@cache
def _relations() -> frozenset[str]:
    models = read_models()
    migrations = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((PACKAGE / "warehouse" / "migrations").glob("*.sql"))
    )
    made = re.findall(r"create (?:unlogged )?(?:table|view) (?:if not exists )?([a-z]+\.[a-z_]+)", migrations)
    return frozenset((*models, *models.seeds, *made))


def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.finditer(_ANY_FENCE.sub("", text_of(document))):
        target = (document.parent / link["path"]).resolve() if link["path"] else document
        assert target.exists(), link[0]
        if link["anchor"]:
            assert link["anchor"] in _anchors(target), link[0]


def test_sections_that_assets_link_to_are_there() -> None:
    for pattern, section in SECTIONS:
        path, _, anchor = section.partition("#")
        assert (DOCS / path) in DOCUMENTS, pattern
        assert not anchor or anchor in _anchors(DOCS / path), pattern


@cache
def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_is_documented() -> None:
    named = " ".join(code for each in DOCUMENTS for code in code_of(each))
    missing = [
        name for name in main.commands if f"rebound-oro {name}" not in named and f"make {name}" not in named
    ]
    assert not missing
