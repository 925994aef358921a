"""What the live OroCommerce is and allows, asked of its API without writing anything that stays.

Reading is asked with filters that find nothing, and what is hidden is told by the newest records. Whether writing would
be allowed is asked with writes that cannot succeed: a level and an order that do not exist, an attribute that no entity
has. The probe of the queue leaves a batch that changes nothing where no message consumer runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from rebound_oro_pipeline.clients.errors import ApiError, Forbidden, NotFound
from rebound_oro_pipeline.clients.jsonapi import Filters
from rebound_oro_pipeline.clients.oro import ABSENT_ID, OroClient
from rebound_oro_pipeline.contracts.credit_note_names import CreditNoteNames
from rebound_oro_pipeline.services.doctor import Finding, failure_of
from rebound_oro_pipeline.services.doctor_oro_fields import examine_fields, examine_orders
from rebound_oro_pipeline.services.doctor_oro_release import ask, release_finding, release_of, takes_filter
from rebound_oro_pipeline.services.doctor_oro_writes import examine_batches, examine_levels, examine_notes

_CLOCKS_DIFFER: Final = timedelta(minutes=1)  # less may be the time of an answer on its way
_NOWHERE: Final[Filters] = {"id": "0"}
_FAR_FUTURE: Final = ("2199-01-01T00:00:00Z", "2199-01-02T00:00:00Z")


def examine_oro(
    oro: OroClient,
    names: CreditNoteNames,
    references: Sequence[str],
    *,
    with_subtotals: bool = False,
    queue_patience: float = 10.0,
) -> Iterator[Finding]:
    """Yield what was found, one question after the other; it ends early where nobody answers.

    `references` are the order fields that the policy looks returns up by, `with_subtotals` whether the subtotals of
    orders are asked for; `queue_patience` is how many seconds a batch may stay queued before no message consumer is
    thought to run.
    """
    try:
        reach(oro)
    except ApiError as error:
        yield failure_of("OroCommerce", error)
        return
    yield Finding("OroCommerce", "ok", "reached, access token given and accepted")
    yield from _clock(oro)
    release = release_of(oro)
    if isinstance(release, Finding):
        yield release
        return
    yield release_finding(release)
    for resource in ("orders", "products", "customers", "inventorylevels", names.note_type, names.line_type):
        yield viewing(oro, resource)
    yield from _guarded("orders as shown", lambda: examine_orders(oro, release))
    yield from _guarded(
        "fields",
        lambda: examine_fields(oro, names, release, references, with_subtotals=with_subtotals),
    )
    yield from _guarded("filters", lambda: _filters(oro, names, references))
    yield from _guarded("editing inventorylevels", lambda: [examine_levels(oro)])
    may_validate = release in ("6.1", "7.0")
    yield from _guarded(names.note_type, lambda: examine_notes(oro, names, may_validate=may_validate))
    yield from _guarded(
        "batches", lambda: [examine_batches(oro, sync=release != "5.1", patience=queue_patience)]
    )


def _clock(oro: OroClient) -> Iterator[Finding]:
    ahead = oro.clock_ahead
    if abs(ahead) > _CLOCKS_DIFFER:
        minutes = round(abs(ahead) / timedelta(minutes=1))
        which = "ahead of" if ahead > timedelta(0) else "behind"
        found = f"ours is {minutes} min {which} OroCommerce's"
        yield Finding("clock", "warning", found, "Let both machines keep the time (NTP).")


def _guarded(subject: str, question: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Turn an error that a question did not expect into its finding."""
    try:
        yield from question()
    except ApiError as error:
        yield failure_of(subject, error)


def reach(oro: OroClient) -> None:
    """Raise the ApiError of an OroCommerce that gives no answer, or no access; what may be viewed is asked later."""
    with suppress(Forbidden, NotFound):
        ask(oro, "orders", _NOWHERE)


def viewing(oro: OroClient, resource: str) -> Finding:
    """Ask whether the API's user may view a resource, which what is behind a relation or a filter does not tell."""
    try:
        ask(oro, resource, _NOWHERE)
    except Forbidden as error:
        remedy = f"Give the role of the API's user the permission View on {resource}."
        return Finding(resource, "failure", f"exists, but may not be viewed: {error}", remedy)
    except NotFound as error:
        remedy = (
            "Install the credit-note bundle (deploy/orocommerce), or name the type in REBOUND_ORO_ORO_CREDIT_NOTE_…"
            if "note" in resource
            else "Check REBOUND_ORO_ORO_API_PREFIX, and that the resource is switched on in the API."
        )
        return Finding(resource, "failure", str(error), remedy)
    except ApiError as error:
        return failure_of(resource, error)
    return Finding(resource, "ok", "exists and may be viewed")


def _filters(oro: OroClient, names: CreditNoteNames, references: Sequence[str]) -> Iterator[Finding]:
    two = ["rebound-oro-doctor-1", "rebound-oro-doctor-2"]
    ids = ["2147483646", ABSENT_ID]
    first, last = _FAR_FUTURE
    needed: list[tuple[str, str, Any]] = [
        ("orders", "identifier", two),
        ("products", "sku", two),
        ("inventorylevels", "product", ids),
        (names.note_type, names.number_field, two),
    ]
    wished: list[tuple[str, str, Any]] = [
        *(("orders", field, two) for field in references if field != "identifier"),
        ("orders", "updatedAt", {"gte": first, "lt": last}),
        (names.note_type, names.order_relation, ids),
    ]
    missing = False
    for level, remedy, filters in (
        ("failure", "Declare the filter (allow_array) in the api.yml of the entity.", needed),
        ("warning", "Orders are looked up without it; declare it in api.yml if you need it.", wished),
    ):
        for resource, name, value in filters:
            if takes_filter(oro, resource, {name: value}):
                continue
            missing = True
            yield Finding(
                "filters", "failure" if level == "failure" else "warning", f"no {name} of {resource}", remedy
            )
    if not missing:
        yield Finding("filters", "ok", "lists of numbers, SKUs, ids and references, and a range of times")
