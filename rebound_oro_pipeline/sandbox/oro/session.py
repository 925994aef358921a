"""Records in memory while a request is carried out: each once, linked both ways, written at the end."""

from __future__ import annotations

import sqlite3
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from rebound_oro_pipeline.sandbox.oro.catalogue import Catalogue
from rebound_oro_pipeline.sandbox.oro.database import JsonObject, Record, Transaction, to_id
from rebound_oro_pipeline.sandbox.oro.errors import CONFLICT, WriteFailed
from rebound_oro_pipeline.sandbox.oro.forms import check_columns
from rebound_oro_pipeline.sandbox.oro.schema import Relation, Resource
from rebound_oro_pipeline.sandbox.oro.wire import to_text


@dataclass(slots=True, eq=False)
class Draft:
    """One record that a request touches."""

    record: Record
    resource: Resource
    new: bool
    before: tuple[JsonObject, JsonObject]
    """Attributes and relations as they are stored."""
    touched: bool = False
    """`updatedAt` moves though nothing of the record's own has changed."""
    deleted: bool = False

    @property
    def changed(self) -> bool:
        """Whether the record differs from what is stored."""
        return self.new or (self.record.attributes, self.record.relations) != self.before

    def own_change(self) -> bool:
        """Tell whether the record itself changed, and not only a list that others keep in it."""
        if self.new or self.touched or self.record.attributes != self.before[0]:
            return True
        return any(
            self.record.relations.get(relation.source or name) != self.before[1].get(relation.source or name)
            for name, relation in self.resource.relations.items()
            if not relation.inverse
        )


class Session:
    """The records that one transaction works on."""

    def __init__(self, transaction: Transaction, catalogue: Catalogue, now: datetime) -> None:
        self.transaction = transaction
        self.catalogue = catalogue
        self.now = now
        self._drafts: dict[tuple[str, int], Draft] = {}

    def load(self, type_name: str, record_id: int | str) -> Draft | None:
        """Return the draft of a stored record, always the same one; None where there is no such record."""
        number = to_id(record_id)
        draft = None if number is None else self._drafts.get((type_name, number))
        if draft is None:
            record = self.transaction.get(type_name, record_id)
            if record is None:
                return None
            draft = self._drafts.get((type_name, record.id)) or self._keep(record, new=False)
        return None if draft.deleted else draft

    def loaded(self, type_name: str, ids: list[str]) -> list[Draft]:
        """Return the drafts of several records, leaving out those that do not exist."""
        found = (self.load(type_name, record_id) for record_id in ids)
        return [draft for draft in found if draft is not None]

    def create(self, type_name: str) -> Draft:
        """Return the draft of a new, empty record with an id of its own."""
        attributes = {"key": str(uuid4())} if self.catalogue[type_name].keyed else {}
        return self._keep(Record(type_name, self.transaction.new_id(type_name), attributes, {}), new=True)

    def relate(self, draft: Draft, name: str, relation: Relation, ids: list[str]) -> None:
        """Point a relation of a draft to these records, and their relation in return to the draft."""
        stored = relation.source or name
        old = _ids(draft.record.relations.get(stored))
        draft.record.relations[stored] = list(ids) if relation.listed else (ids[0] if ids else None)
        if not relation.inverse:
            return
        own = str(draft.record.id)
        for target in self.loaded(relation.target, [key for key in ids if key not in old]):
            self._answer(target, relation.inverse, own)
        for target in self.loaded(relation.target, [key for key in old if key not in ids]):
            if relation.owned:
                self.delete(target)
            else:
                _forget(target, relation.inverse, own)

    def delete(self, draft: Draft) -> None:
        """Mark a record as deleted, with what it owns, and take it out of the lists of others."""
        draft.deleted = True
        own = str(draft.record.id)
        for name, relation in draft.resource.relations.items():
            if not relation.inverse:
                continue
            current = _ids(draft.record.relations.get(relation.source or name))
            for target in self.loaded(relation.target, current):
                if relation.owned:
                    self.delete(target)
                else:
                    _forget(target, relation.inverse, own)

    def flush(self) -> None:
        """Write every draft; raises WriteFailed where the database refuses one."""
        stamp = to_text(self.now)
        for draft in self._drafts.values():
            if draft.deleted:
                self.transaction.delete(draft.record.type, draft.record.id)
                self.transaction.changes.append(("deleted", draft.record))
            elif draft.changed or draft.touched:
                if draft.own_change():
                    _stamp(draft, stamp)
                    self.transaction.changes.append(("created" if draft.new else "updated", draft.record))
                check_columns(draft.resource, draft.record.attributes)
                self._write(draft)
        self._drafts.clear()

    def _write(self, draft: Draft) -> None:
        record = draft.record
        try:
            if draft.new:
                self.transaction.insert(record.type, record.attributes, record.relations, record.id)
            else:
                self.transaction.update(record)
        except sqlite3.IntegrityError:
            raise WriteFailed(CONFLICT) from None

    def _keep(self, record: Record, *, new: bool) -> Draft:
        before = (deepcopy(record.attributes), deepcopy(record.relations))
        draft = Draft(record, self.catalogue[record.type], new, before)
        self._drafts[record.type, record.id] = draft
        return draft

    def _answer(self, target: Draft, inverse: str, own: str) -> None:
        name, relation = _stored_relation(target.resource, inverse)
        current = _ids(target.record.relations.get(inverse))
        if own in current:
            return
        if relation.listed:
            target.record.relations[inverse] = [*current, own]
            return
        for owner in self.loaded(relation.target, current):
            _forget(owner, relation.inverse or name, str(target.record.id))
        target.record.relations[inverse] = own


def _stamp(draft: Draft, stamp: str) -> None:
    attributes = draft.record.attributes
    if draft.new and "createdAt" in draft.resource.attributes:
        attributes.setdefault("createdAt", stamp)
    if "updatedAt" in draft.resource.attributes:
        attributes["updatedAt"] = stamp


def _forget(target: Draft, inverse: str, own: str) -> None:
    current = target.record.relations.get(inverse)
    if isinstance(current, list):
        target.record.relations[inverse] = [key for key in current if key != own]
    elif current == own:
        target.record.relations[inverse] = None


def _stored_relation(resource: Resource, stored: str) -> tuple[str, Relation]:
    return next(
        (name, relation)
        for name, relation in resource.relations.items()
        if (relation.source or name) == stored
    )


def _ids(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
