"""Whether OroCommerce would let us write, asked with writes that cannot succeed."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from rebound_oro_pipeline.clients.errors import (
    ApiError,
    Forbidden,
    NotAllowed,
    NotFound,
    Refused,
    ServerError,
)
from rebound_oro_pipeline.clients.jsonapi import Document
from rebound_oro_pipeline.clients.oro import ABSENT_ID, OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.credit_notes import Note, NoteLine
from rebound_oro_pipeline.services.doctor import Finding
from rebound_oro_pipeline.services.oro_documents import single_document
from rebound_oro_pipeline.services.oro_levels import LEVELS, probe_document

_NO_FIELD: Final = "reboundOroDoctor"
"""An attribute that no entity has, so that a note with it is refused."""
_EXTRA: Final = "extra fields constraint"


def examine_levels(oro: OroClient) -> Finding:
    """Ask for the permission to set a level, with a level that does not exist."""
    subject = f"editing {LEVELS}"
    [level] = probe_document()["data"]
    del level["meta"]
    try:
        oro.update(LEVELS, ABSENT_ID, {"data": level})
    except NotFound:
        return Finding(subject, "ok", "allowed")
    except Forbidden as error:
        remedy = "Give the role of the API's user the permission Edit on inventory levels."
        return Finding(subject, "failure", str(error), remedy)
    return Finding(
        subject,
        "warning",
        f"{LEVELS}/{ABSENT_ID} exists and was set to 1",
        "Set it back; this shop has reached the last id its column can hold.",
    )


def examine_notes(oro: OroClient, names: CreditNoteNames, *, may_validate: bool) -> Iterator[Finding]:
    """Ask for the permission to create notes, their fields, the dry run and upsert.

    The note asked with refers to an order that does not exist and carries an attribute that no entity has. Only with
    `may_validate`, in releases that know it, is it sent as a dry run besides: older ones would take no notice.
    """
    subject = f"creating {names.note_type}"
    document = _impossible_note(names)
    if may_validate:
        document["data"]["meta"] = {"validate": True}
    refusal = _refusal(oro, names, document)
    if refusal is not None and _at_meta(refusal):
        remedy = "Set enable_validation for the entity in api.yml, or rehearse on a copy of the shop."
        yield Finding("dry run", "warning", "`push --dry-run` is not possible", remedy)
        del document["data"]["meta"]
        refusal = _refusal(oro, names, document)
    elif may_validate and refusal is not None and not isinstance(refusal, Forbidden | NotFound | NotAllowed):
        yield Finding("dry run", "ok", "`push --dry-run` is possible")
    elif not may_validate:
        remedy = "Rehearse on a copy of the shop."
        yield Finding("dry run", "warning", "this release cannot validate without storing", remedy)
    yield _creation(subject, names, refusal)
    if refusal is None or isinstance(refusal, Forbidden | NotFound | NotAllowed | ServerError):
        return
    document["data"]["meta"] = {"upsert": [names.number_field]}
    answered = _refusal(oro, names, document)
    if answered is not None and _at_meta(answered):
        yield Finding("upsert", "ok", "not offered, and not needed: notes are created and read back")
    else:
        yield Finding(
            "upsert", "ok", f"offered by {names.number_field}; notes are created and read back all the same"
        )


def _creation(subject: str, names: CreditNoteNames, refusal: ApiError | None) -> Finding:
    if refusal is None:
        remedy = f"Delete the note of order {ABSENT_ID} there, and validate order and fields in the entity."
        return Finding(subject, "failure", "an impossible note was taken", remedy)
    match refusal:
        case Forbidden():
            remedy = f"Give the role of the API's user the permission Create on {names.note_type}."
            return Finding(subject, "failure", str(refusal), remedy)
        case NotFound() | NotAllowed():
            remedy = (
                "Install the credit-note bundle (deploy/orocommerce), or allow the action in its api.yml."
            )
            return Finding(subject, "failure", str(refusal), remedy)
        case ServerError():
            remedy = (
                "Add validation (NotBlank, Length, numeric) to the entity: bad input must not end as a 500."
            )
            return Finding(subject, "warning", str(refusal), remedy)
    told = " ".join(reason.detail or "" for reason in refusal.reasons if reason.title == _EXTRA)
    known = [
        *names.note_fields.values(),
        names.order_relation,
        names.lines_relation,
        *names.line_fields.values(),
    ]
    unknown = sorted({name for name in known if f'"{name}"' in told})
    if unknown:
        remedy = "Add the fields to the entity; they stand in the credit-note bundle (deploy/orocommerce)."
        return Finding(subject, "failure", f"the entity does not know {', '.join(unknown)}", remedy)
    return Finding(subject, "ok", "allowed, with every field that we send")


def _refusal(oro: OroClient, names: CreditNoteNames, document: Document) -> ApiError | None:
    """Return how a note is refused; None: it was not."""
    try:
        oro.create(names.note_type, document)
    except (Refused, ServerError) as error:
        if isinstance(error, ServerError) and error.status != 500:
            raise
        return error
    return None


def _at_meta(error: ApiError) -> bool:
    return any((reason.pointer or "").startswith("/meta") for reason in error.reasons)


def _impossible_note(names: CreditNoteNames) -> dict[str, Any]:
    zero = Decimal(0)
    amounts = {"net_amount": zero, "discount_amount": zero, "tax_amount": zero, "total_amount": zero}
    word = "rebound-oro-doctor"
    line = NoteLine(
        line_key=word, sku=word, quantity=Decimal(1), unit_code="item", reason_code=word, **amounts
    )
    note = Note(
        credit_note_number=word,
        return_id=word,
        order_id=ABSENT_ID,
        currency="USD",
        shipping_amount=zero,
        shipping_tax_amount=zero,
        fee_amount=zero,
        decided_at=datetime(2026, 1, 1, tzinfo=UTC),
        lines=(line,),
        **amounts,
    )
    document = single_document(note, names)
    document["data"]["attributes"][_NO_FIELD] = "1"
    return document


def examine_batches(oro: OroClient, *, sync: bool, patience: float) -> Finding:
    """Ask for the permission to send batches, and whether a message consumer carries them out.

    Before 6.0.4 there are no synchronous ones, so that the operation is looked at for `patience` seconds.
    """
    subject = "batches"
    started = time.monotonic()
    try:
        batch = oro.batch(LEVELS, probe_document())
    except (NotFound, Forbidden) as error:
        if isinstance(error, Forbidden) and not error.forbids_the_type:
            remedy = (
                "Give the role of the API's user Create and View on asynchronous operations, "
                "or accept single writes."
            )
            return Finding(subject, "warning", f"not allowed, records go one by one: {error}", remedy)
        # That levels may not be edited is told by the question for it: the queue has answered all the same.
        seconds = time.monotonic() - started
        found = f"allowed, answered in {seconds:.1f} s: a message consumer runs"
        return _following(oro, subject) or Finding(subject, "ok", found)
    operation = batch.operation
    give_up_at = time.monotonic() + (0.0 if sync else patience)
    while operation is not None and not operation.is_finished and time.monotonic() < give_up_at:
        time.sleep(0.25)
        try:
            operation = oro.operation(operation.id)
        except NotFound:
            operation = None
    if operation is not None and not operation.is_finished:
        remedy = "Start a message consumer in the shop (php bin/console oro:message-queue:consume), else batches wait."
        found = f"no message consumer took one within {time.monotonic() - started:.0f} s"
        return Finding(subject, "failure", found, remedy)
    words = (
        "allowed and carried out"
        if sync
        else "carried out, but there are no synchronous ones: updating is slower"
    )
    return Finding(
        subject,
        "ok" if sync else "warning",
        words,
        "" if sync else "Update to 6.0.4 or later, or live with it.",
    )


def _following(oro: OroClient, subject: str) -> Finding | None:
    """Ask for the permission to look at a batch that waits in the queue; None: it is there."""
    try:
        oro.operation(ABSENT_ID)
    except NotFound:
        pass
    except Forbidden as error:
        remedy = "Give the role of the API's user the permission View on asynchronous operations."
        return Finding(subject, "failure", f"one that is queued could not be waited for: {error}", remedy)
    return None
