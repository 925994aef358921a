"""Creates, updates and upserts one record with what a request includes for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rebound_oro_pipeline.sandbox.oro import orders, webhooks
from rebound_oro_pipeline.sandbox.oro.envelope import Item
from rebound_oro_pipeline.sandbox.oro.errors import NOT_FOUND, Fault, Faults, Refused
from rebound_oro_pipeline.sandbox.oro.forms import NOT_VALID, check_extra_fields, read_attributes
from rebound_oro_pipeline.sandbox.oro.profiles import Profile
from rebound_oro_pipeline.sandbox.oro.records import ShopTerms
from rebound_oro_pipeline.sandbox.oro.schema import Relation, Resource
from rebound_oro_pipeline.sandbox.oro.session import Draft, Session

_UPSERT = "The upsert operation cannot use"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one item: its draft, those of its included objects, and whether it is new."""

    item: Item
    draft: Draft
    included: list[tuple[Item, Draft]]

    @property
    def created(self) -> bool:
        """Whether the primary record did not exist before."""
        return self.draft.new


@dataclass(frozen=True, slots=True)
class _Request:
    """What the items of one request share: drafts by the request's own ids, and the faults found."""

    drafts: dict[tuple[str, str | None], Draft]
    faults: Faults


@dataclass(slots=True)
class Writer:
    """Reads requests into the drafts of a session; the session's flush stores them."""

    session: Session
    profile: Profile
    terms: ShopTerms

    def write(self, item: Item, resource: Resource, *, update: bool) -> Written:
        """Read an item into drafts; raises Refused with every fault that was found."""
        primary = self._draft(item, resource, update=update, absent=_absent(item))
        if not primary.new:
            orders.refuse_closed(self.session, primary, self.profile, owner=False)
        faults = Faults()
        pairs = [(item, primary)]
        for part in item.included:
            part_resource = self.session.catalogue.get(part.type)
            if part_resource is None or part_resource.rows is not None or "get" not in part_resource.actions:
                detail = f"Unknown entity type: {part.type}."
                faults.add("entity type constraint", detail, f"{part.pointer}/type")
                continue
            updated = part.meta.get("update") is True
            pairs.append((part, self._draft(part, part_resource, update=updated, absent=_absent(part))))
        faults.refuse()
        request = _Request({part.key: draft for part, draft in pairs if part.id is not None}, faults)
        for part, draft in pairs:
            self._fill(part, draft, request)
        touched = [draft for _, draft in pairs]
        orders.check(self.session, primary, item.pointer, faults)
        webhooks.check(primary, item.pointer, faults)
        faults.refuse()
        orders.complete(self.session, touched, self.terms)
        return Written(item, primary, pairs[1:])

    def relate(self, resource: Resource, record_id: str, name: str, target: object) -> None:
        """Carry out a PATCH of a to-one relationship; raises Refused."""
        draft = self.session.load(resource.type, record_id)
        if draft is None:
            raise Refused(NOT_FOUND)
        orders.refuse_closed(self.session, draft, self.profile, owner=True)
        request = _Request({}, Faults())
        self._relate(draft, name, target, "/data", request)
        webhooks.check(draft, "/data", request.faults)
        request.faults.refuse()
        orders.complete(self.session, [draft], self.terms)

    def delete(self, resource: Resource, record_id: str) -> None:
        """Carry out a DELETE; raises Refused."""
        draft = self.session.load(resource.type, record_id)
        if draft is None:
            raise Refused(NOT_FOUND)
        self.session.delete(draft)

    def _draft(self, item: Item, resource: Resource, *, update: bool, absent: Fault) -> Draft:
        if update:
            draft = self.session.load(resource.type, item.id or "")
            if draft is None:
                raise Refused(absent)
            return draft
        upsert = item.meta.get("upsert")
        if not upsert:
            return self.session.create(resource.type)
        if upsert is True or not isinstance(upsert, list):
            detail = f"{_UPSERT} the entity identifier to find an entity."
            raise Refused(Fault(400, "value constraint", detail, item.upsert_pointer))
        if not resource.upsert:
            detail = "The upsert operation is not allowed."
            raise Refused(Fault(400, "value constraint", detail, item.upsert_pointer))
        if len(upsert) != 1 or upsert[0] not in resource.upsert:
            those = "this field" if len(upsert) == 1 else "these fields"
            detail = f"{_UPSERT} {those} to find an entity."
            raise Refused(Fault(400, "value constraint", detail, item.upsert_pointer))
        value = item.attributes.get(upsert[0])
        known = str(value) if isinstance(value, (str, int)) else None
        found = self.session.transaction.find(resource.type, upsert[0], known)
        existing = self.session.load(resource.type, found.id) if found is not None else None
        return existing or self.session.create(resource.type)

    def _fill(self, item: Item, draft: Draft, request: _Request) -> None:
        pointer, faults = item.pointer, request.faults
        names = [*item.attributes, *item.relationships]
        check_extra_fields(draft.resource, names, pointer, faults, creating=draft.new)
        draft.record.attributes.update(read_attributes(draft.resource, item.attributes, pointer, faults))
        for name, data in item.relationships.items():
            if name in draft.resource.relations and draft.resource.relations[name].writable:
                self._relate(draft, name, data, f"{pointer}/relationships/{name}/data", request)

    def _relate(self, draft: Draft, name: str, data: object, pointer: str, request: _Request) -> None:
        relation = draft.resource.relations[name]
        targets = data if isinstance(data, list) else [data] if data is not None else []
        if isinstance(data, list) is not relation.many and data is not None:
            request.faults.add(*NOT_VALID, pointer)
            return
        ids = []
        for number, target in enumerate(targets):
            found = self._target(target, relation, request.drafts)
            if found is None:
                where = f"{pointer}/{number}" if relation.many else pointer
                request.faults.add("form constraint", "The entity does not exist.", where)
            else:
                ids.append(found)
        if len(ids) == len(targets):
            self.session.relate(draft, name, relation, ids)

    def _target(
        self, target: object, relation: Relation, drafts: dict[tuple[str, str | None], Draft]
    ) -> str | None:
        """Return the id that a reference stands for; None where there is no such record."""
        if not isinstance(target, dict) or target.get("type") != relation.target:
            return None
        record_id = str(target.get("id"))
        if relation.unchecked:
            return record_id
        known = drafts.get((relation.target, record_id))
        if known is not None:
            return str(known.record.id)
        resource = self.session.catalogue.get(relation.target)
        if resource is None:
            return record_id
        if resource.rows is not None:
            return record_id if record_id in resource.rows else None
        return record_id if self.session.load(relation.target, record_id) is not None else None


def _absent(item: Item) -> Fault:
    """Return the fault for a record that is not there: pointed to except where the address names it."""
    return NOT_FOUND if item.pointer == "/data" else replace(NOT_FOUND, pointer=item.pointer)


def echo(written: Iterable[Written]) -> list[tuple[str | None, Draft]]:
    """Return the included drafts of written items with the ids that the request gave them, each once."""
    found: dict[int, tuple[str | None, Draft]] = {}
    for one in written:
        for item, draft in one.included:
            found.setdefault(id(draft), (item.id, draft))
    return list(found.values())
