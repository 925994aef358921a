"""How a shop calls its credit-note entity: types by settings, fields and relations by a YAML file over the defaults.

The defaults are those of the bundle in `deploy/orocommerce/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml

NOTE_FIELDS: Final = MappingProxyType(
    {
        "credit_note_number": "creditNoteNumber",
        "return_id": "returnId",
        "currency": "currency",
        "net_amount": "netAmount",
        "discount_amount": "discountAmount",
        "tax_amount": "taxAmount",
        "shipping_amount": "shippingAmount",
        "shipping_tax_amount": "shippingTaxAmount",
        "fee_amount": "feeAmount",
        "total_amount": "totalAmount",
        "decided_at": "decidedAt",
    }
)
LINE_FIELDS: Final = MappingProxyType(
    {
        "line_key": "returnLineKey",
        "sku": "sku",
        "quantity": "quantity",
        "unit_code": "unitCode",
        "net_amount": "netAmount",
        "discount_amount": "discountAmount",
        "tax_amount": "taxAmount",
        "total_amount": "totalAmount",
        "reason_code": "reasonCode",
    }
)
NEEDED_NOTE_FIELDS: Final = ("credit_note_number", "currency", "total_amount")
NEEDED_LINE_FIELDS: Final = ("line_key", "sku", "quantity", "total_amount")
"""What the entity must have and show: by it a note is found again and compared."""


class NamesError(ValueError):
    """The file of names cannot be used; the message names every faulty key."""


@dataclass(frozen=True, slots=True)
class CreditNoteNames:
    """How the shop's credit-note entity is called. Our field → its field; a field left out is not sent.

    Those of `NEEDED_NOTE_FIELDS` and `NEEDED_LINE_FIELDS` must be named.
    """

    note_type: str = "reboundcreditnotes"
    line_type: str = "reboundcreditnotelines"
    order_relation: str = "order"
    lines_relation: str = "lines"
    order_line_relation: str | None = "orderLine"
    note_fields: Mapping[str, str] = field(default_factory=lambda: NOTE_FIELDS)
    line_fields: Mapping[str, str] = field(default_factory=lambda: LINE_FIELDS)

    def __post_init__(self) -> None:
        for given, known, required in (
            (self.note_fields, NOTE_FIELDS, NEEDED_NOTE_FIELDS),
            (self.line_fields, LINE_FIELDS, NEEDED_LINE_FIELDS),
        ):
            if unknown := given.keys() - known.keys():
                raise ValueError(f"credit-note field {min(unknown)!r} is not one of {', '.join(known)}")
            if missing := set(required) - given.keys():
                raise ValueError(f"credit-note field {min(missing)!r} is needed to find notes again; name it")

    @property
    def number_field(self) -> str:
        """Oro's name of the note's number."""
        return self.note_fields["credit_note_number"]


_Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class _File(BaseModel):
    """What a file may say; null where the entity has no such field or relation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_relation: _Name = "order"
    lines_relation: _Name = "lines"
    order_line_relation: _Name | None = "orderLine"
    note_fields: dict[str, _Name | None] = {}
    line_fields: dict[str, _Name | None] = {}


def load_names(path: Path | None, *, note_type: str, line_type: str) -> CreditNoteNames:
    """Read a file over the defaults; NamesError tells what is wrong with it."""
    try:
        content = load_yaml(path) if path else None
        said = _File.model_validate({} if content is None else content)
        return CreditNoteNames(
            note_type=note_type,
            line_type=line_type,
            order_relation=said.order_relation,
            lines_relation=said.lines_relation,
            order_line_relation=said.order_line_relation,
            note_fields=_over(NOTE_FIELDS, said.note_fields),
            line_fields=_over(LINE_FIELDS, said.line_fields),
        )
    except YamlFileError as error:
        raise NamesError(str(error)) from error
    except ValidationError as error:
        faults = "".join(f"\n- {fault}" for fault in describe(error, _File))
        raise NamesError(f"{path} cannot be used:{faults}") from None
    except ValueError as error:
        raise NamesError(f"{path} cannot be used: {error}") from None


def _over(defaults: Mapping[str, str], said: Mapping[str, str | None]) -> Mapping[str, str]:
    return {name: called for name, called in {**defaults, **said}.items() if called is not None}
