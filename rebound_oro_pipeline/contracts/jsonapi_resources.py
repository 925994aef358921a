"""Resources of a JSON:API document: what is included, and what a relation leads to."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rebound_oro_pipeline.contracts.values import kind, storable

Resource = Mapping[str, Any]
Identity = tuple[str, str]

NOT_GIVEN: Final = "notGiven"
"""Member of `meta` that says why a record could not be given; it has no more than type, id and an attribute."""

# An abstract class, or a union made anew, would take a quarter of the time of reading an order.
_IDENTIFIER = (str, int)


class ResourceError(ValueError):
    """A resource cannot be read: `path` leads to the place from the primary resource, `message` says why."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class Resources:
    """The primary and the included resources of one document; ResourceError if it is none."""

    def __init__(self, document: object) -> None:
        if not isinstance(document, dict) or "data" not in document:
            raise ResourceError("data", "is missing: this is no JSON:API document")
        data, included = document["data"], document.get("included")
        self.primary: list[Any] = data if isinstance(data, list) else [] if data is None else [data]
        self._included: dict[Identity, Resource] = {
            identity: resource
            for resource in (included if isinstance(included, list) else [])
            if (identity := identity_of(resource)) is not None
        }

    def find(self, identity: Identity) -> Resource | None:
        """Give an included resource."""
        return self._included.get(identity)

    def related(self, resource: Resource, relation: str, place: str = "") -> list[tuple[str, Resource]]:
        """Give what a relation leads to, each with its place; ResourceError for one not included, or twice.

        A relation that is not in the resource leads nowhere.
        """
        found: list[tuple[str, Resource]] = []
        seen: set[Identity] = set()
        for index, identity in enumerate(related_identities(resource, relation, place)):
            target = self.find(identity)
            if target is None:
                raise ResourceError(
                    f"{place}{relation}[{index}]",
                    f"{identity[0]} {identity[1]} is not included; ask with include={relation}",
                )
            if identity in seen:
                raise ResourceError(
                    f"{place}{relation}[{index}]", f"{identity[0]} {identity[1]} is listed twice"
                )
            seen.add(identity)
            found.append((f"{place}{relation}[{index}].", target))
        return found

    def own(self, resource: Resource, *, except_type: str) -> list[Resource]:
        """Give what is included for this resource, directly or not, sorted by type and id.

        Resources of `except_type`, the type of the primary ones, belong to themselves.
        """
        reached: dict[Identity, Resource] = {}
        waiting = [resource]
        while waiting:
            for identity in _all_identities(waiting.pop()):
                target = self._included.get(identity)
                if target is not None and identity not in reached and identity[0] != except_type:
                    reached[identity] = target
                    waiting.append(target)
        return [reached[identity] for identity in sorted(reached)]


def identity_of(resource: object) -> Identity | None:
    """Give type and id of a resource or resource identifier, None where it is neither."""
    if not isinstance(resource, dict):
        return None
    resource_type, identifier = resource.get("type"), resource.get("id")
    if not isinstance(resource_type, str) or not isinstance(identifier, _IDENTIFIER) or identifier == "":
        return None
    return storable(resource_type), storable(str(identifier))


def attributes(resource: Resource, place: str = "") -> Mapping[str, Any]:
    """Give the attributes of a resource; ResourceError where they are no object."""
    found = resource.get("attributes", {})
    if not isinstance(found, dict):
        raise ResourceError(f"{place}attributes", f"is not an object but {kind(found)}")
    return found


def require_given(resource: Resource) -> None:
    """Raise ResourceError for a record over which OroCommerce stumbled."""
    meta = resource.get("meta")
    if isinstance(meta, dict) and isinstance(why := meta.get(NOT_GIVEN), str):
        raise ResourceError("$", f"OroCommerce cannot give it, its own log says why: {why}")


def has_relation(resource: Resource, relation: str) -> bool:
    """Say whether the relation is in the resource at all, be it empty."""
    relations = resource.get("relationships")
    return isinstance(relations, dict) and isinstance(relations.get(relation), dict)


def absent_fields(resource: Resource, names: Iterable[str]) -> list[str]:
    """Give those attributes and relations, sorted, that are not in the resource at all.

    OroCommerce shows an empty field as null; it leaves out what the API's user may not view, and what it does not have.
    """
    shown = attributes(resource)
    return sorted({name for name in names if name not in shown and not has_relation(resource, name)})


def related_identities(resource: Resource, relation: str, place: str = "") -> list[Identity]:
    """Give type and id of all that a relation, to-one or to-many, leads to; ResourceError if malformed."""
    if not has_relation(resource, relation):
        return []
    data = resource["relationships"][relation].get("data")
    identities = []
    for item in data if isinstance(data, list) else [] if data is None else [data]:
        identity = identity_of(item)
        if identity is None:
            raise ResourceError(f"{place}relationships.{relation}", "holds something without type and id")
        identities.append(identity)
    return identities


def related_id(resource: Resource, relation: str, place: str = "") -> str | None:
    """Give the id that a to-one relation leads to."""
    return next((identifier for _, identifier in related_identities(resource, relation, place)), None)


def _all_identities(resource: Resource) -> Iterator[Identity]:
    relations = resource.get("relationships")
    for relation in relations.values() if isinstance(relations, dict) else ():
        data = relation.get("data") if isinstance(relation, dict) else None
        for item in data if isinstance(data, list) else [data]:
            identity = identity_of(item)
            if identity is not None:
                yield identity
