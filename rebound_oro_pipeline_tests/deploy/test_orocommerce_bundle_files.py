"""What one file of the bundle names, another one has: classes, routes, permissions, grids, templates, words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rebound_oro_pipeline_tests.deploy.orocommerce_bundle import (
    BUNDLE,
    LINE,
    NAMESPACE,
    NOTE,
    PACKAGE,
    entity,
    files,
    load,
    text,
)

TWIG = files("*.twig")
OUR_WORDS = re.compile(r"""['" ](rebound\.creditnote[\w.]*)""")
PAIRED = {"block": "endblock", "if": "endif", "for": "endfor", "macro": "endmacro", "set": "endset"}


def relative(path: Path) -> str:
    return str(path.relative_to(BUNDLE))


@pytest.mark.parametrize("path", files("*.yml"), ids=relative)
def test_yaml_parses_and_names_nothing_twice(path: Path) -> None:
    assert load(relative(path))


@pytest.mark.parametrize("path", files("*.php"), ids=relative)
def test_a_class_stands_where_composer_looks_for_it(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    folder = "\\".join([NAMESPACE, *path.relative_to(BUNDLE).parent.parts])
    assert f"\nnamespace {folder};\n" in source
    assert re.search(rf"^class {path.stem}\b", source, re.MULTILINE)
    imported = re.findall(r"^use [\w\\]+?(\w+)(?: as (\w+))?;", source, re.MULTILINE)
    assert all(len(re.findall(rf"\b{alias or name}\b", source)) > 1 for name, alias in imported)


def test_composer_loads_the_bundle_and_the_kernel_registers_it() -> None:
    composer = json.loads((PACKAGE / "composer.json").read_text(encoding="utf-8"))
    assert composer["autoload"]["psr-4"] == {f"{NAMESPACE}\\": f"{BUNDLE.relative_to(PACKAGE)}/"}
    assert composer["license"] == "MIT"
    [registered] = load("Resources/config/oro/bundles.yml")["bundles"]
    assert registered["name"] == f"{NAMESPACE}\\ReboundCreditNoteBundle"
    assert (BUNDLE / "ReboundCreditNoteBundle.php").exists()


def test_the_kernel_finds_the_bundle_in_the_package() -> None:
    """It does not look further down from a folder that holds one called Resources."""
    outer = [folder for folder in BUNDLE.parents if folder.is_relative_to(PACKAGE)]
    assert not any((folder / "Resources").exists() for folder in outer)


@pytest.mark.parametrize("path", TWIG, ids=relative)
def test_twig_tags_are_balanced(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("{%") == source.count("%}")
    assert source.count("{#") == source.count("#}")
    printed = re.sub(r"{%.*?%}", "", source, flags=re.DOTALL)
    assert printed.count("{{") == printed.count("}}")
    open_tags = []
    for tag, rest in re.findall(r"{%-?\s*(\w+)(.*?)-?%}", source, re.DOTALL):
        if tag in PAIRED and not (tag == "set" and "=" in rest):
            open_tags.append(PAIRED[tag])
        elif tag.startswith("end"):
            assert open_tags.pop() == tag
    assert not open_tags


def test_routes_exist() -> None:
    controller = text("Controller/CreditNoteController.php")
    routes = set(re.findall(r"name: '(\w+)'", controller))
    named = set(re.findall(r"route\w+: '(\w+)'", entity(NOTE).source))
    named |= {
        route for path in TWIG for route in re.findall(r"path\('(rebound\w+)'", path.read_text("utf-8"))
    }
    named |= {grid["route"] for grid in _mappings("Resources/config/oro/datagrids.yml") if "route" in grid}
    menu = load("Resources/config/oro/navigation.yml")["navigation"]
    [item] = menu["menu_config"]["items"].values()
    named |= {item["route"], *item["extras"]["routes"], *menu["titles"]}
    assert named == routes


def test_permissions_exist() -> None:
    acls = set(load("Resources/config/oro/acls.yml")["acls"])
    named = set(re.findall(r"AclAncestor\('(\w+)'\)", text("Controller/CreditNoteController.php")))
    named |= set(re.findall(r"isGranted\('(\w+)'\)", text("EventListener/OrderViewListener.php")))
    for path in ("Resources/config/oro/datagrids.yml", "Resources/config/oro/api.yml"):
        named |= {given["acl_resource"] for given in _mappings(path) if given.get("acl_resource")}
    assert named <= acls


def _mappings(path: str) -> Iterator[dict[str, Any]]:
    def walk(value: object) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            yield value
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    yield from walk(load(path))


def test_every_route_of_the_back_office_is_protected() -> None:
    controller = text("Controller/CreditNoteController.php")
    assert controller.count("#[Route(") == controller.count("#[AclAncestor('rebound_credit_note_view')]")


def test_templates_exist() -> None:
    sources = [path.read_text("utf-8") for path in (*files("*.php"), *files("*.yml"), *TWIG)]
    named = {name for source in sources for name in re.findall(r"@ReboundCreditNote/([\w/.]+\.twig)", source)}
    assert named == {str(path.relative_to(BUNDLE / "Resources" / "views")) for path in TWIG}


def test_documents_of_the_api_exist_and_describe_known_fields() -> None:
    for class_name, given in load("Resources/config/oro/api.yml")["api"]["entities"].items():
        path = given["documentation_resource"].removeprefix("@ReboundCreditNoteBundle/")
        head, _, fields = text(path).partition("## FIELDS")
        assert head.startswith(f"# {class_name}\n")
        described = set(re.findall(r"^### (\w+)$", fields, re.MULTILINE))
        mapped = entity(class_name)
        known = (
            {*mapped.properties, *mapped.references, *mapped.collections, "organization"}
            if class_name == NOTE
            else {*mapped.properties, *mapped.references}
        )
        assert described <= known


def test_grids_that_are_shown_exist_and_are_protected() -> None:
    grids = load("Resources/config/oro/datagrids.yml")["datagrids"]
    shown = {name for path in TWIG for name in re.findall(r"'(rebound[\w-]+-grid)'", path.read_text("utf-8"))}
    shown |= set(re.findall(r"'(rebound[\w-]+-grid)'", entity(NOTE).source))
    assert shown == {name for name in grids if not name.startswith("base-")}
    for grid in grids.values():
        assert "acl_resource" in grid or "acl_resource" in grids[grid["extends"]]


def test_grids_ask_for_properties_that_exist_and_for_parameters_that_are_given() -> None:
    aliases = {"creditNote": NOTE, "line": LINE}
    traits = {"createdAt", "updatedAt"}
    for alias, property_ in re.findall(
        r"\b(creditNote|line)\.(\w+)", text("Resources/config/oro/datagrids.yml")
    ):
        mapped = entity(aliases[alias])
        assert property_ in {*mapped.properties, *mapped.references, *traits}, f"{alias}.{property_}"
    bound = {name for grid in _mappings("Resources/config/oro/datagrids.yml") for name in _bound(grid)}
    given = {name for path in TWIG for name in re.findall(r"{'(\w+_id)':", path.read_text("utf-8"))}
    assert bound == given


def _bound(grid: dict[str, Any]) -> list[str]:
    return list(grid.get("bind_parameters", []))


@pytest.mark.parametrize("path", [*TWIG, *files("*.php"), *files("*.yml")], ids=relative)
def test_words_are_translated(path: Path) -> None:
    words = dict(_flat(load("Resources/translations/messages.en.yml")))
    if path.parent.name != "translations":
        assert set(OUR_WORDS.findall(path.read_text("utf-8"))) <= words.keys()


def _flat(words: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in words.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.mark.parametrize(("class_name", "prefix"), [(NOTE, ""), (LINE, "creditnoteline.")])
def test_every_property_has_a_label_by_oros_rule(class_name: str, prefix: str) -> None:
    """vendor.bundle.entity.property, the entity left out where it is called like its bundle."""
    words = dict(_flat(load("Resources/translations/messages.en.yml")))
    mapped = entity(class_name)
    for property_ in (*mapped.properties, *mapped.references, *mapped.collections):
        called = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", property_).lower()
        assert f"rebound.creditnote.{prefix}{called}.label" in words
    assert f"rebound.creditnote.{prefix}entity_label" in words
    assert f"rebound.creditnote.{prefix}entity_plural_label" in words


def test_the_page_of_a_note_shows_every_amount() -> None:
    page = text("Resources/views/CreditNote/view.html.twig")
    shown = set(re.findall(r"entity\.(\w+Amount)\|oro_format_currency", page))
    assert shown == {name for name in entity(NOTE).properties if name.endswith("Amount")}


def test_services_name_classes_and_methods_of_the_bundle() -> None:
    services = {
        **load("Resources/config/services.yml")["services"],
        **load("Resources/config/controllers.yml")["services"],
    }
    services.pop("_defaults")
    for name, service in services.items():
        class_name = service.get("class", name)
        if class_name.startswith("Oro\\"):
            continue
        path = class_name.removeprefix(f"{NAMESPACE}\\").replace("\\", "/") + ".php"
        for tag in service["tags"]:
            if "method" in tag:
                assert f"function {tag['method']}(" in text(path)
        assert (BUNDLE / path).exists()


def test_a_line_is_seen_by_whoever_may_see_its_note() -> None:
    """OroPlatform's rule for what has no owner of its own; the name is that of a relation to one entity."""
    services = load("Resources/config/services.yml")["services"].values()
    rules = [
        (service, tag)
        for service in services
        for tag in service["tags"]
        if tag["name"] == "oro_security.access_rule"
    ]
    ((service, tag),) = rules
    assert service["class"] == "Oro\\Bundle\\SecurityBundle\\AccessRule\\AssociationAwareAccessRule"
    assert tag["type"] == "ORM"
    assert tag["entityClass"] == LINE
    (relation,) = service["arguments"]
    assert entity(LINE).references[relation].target == NOTE.rpartition("\\")[2]
    assert "'ownership'" not in entity(LINE).source, "an owner of its own would be asked for instead"
    assert "'ownership'" in entity(NOTE).source
