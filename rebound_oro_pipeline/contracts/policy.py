"""The policy file: what the business decides, with a default for every key.

The SQL models read it from reference.policies, where `Policy.document()` is kept with a version.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from rebound_oro_pipeline.contracts.model_faults import describe
from rebound_oro_pipeline.contracts.values import read_decimal
from rebound_oro_pipeline.contracts.yaml_file import YamlFileError, load_yaml

ANY = "*"
"""In gate.confirmed: any internal status that is in neither gate.not_confirmed nor gate.cancelled.
Among return reasons: every reason that has no entry of its own."""

ORO_VERSIONS = ("6.1", "6.0", "5.1")
"""The versions whose statuses differ; 7.0 behaves as 6.1."""


class PolicyError(ValueError):
    """The policy cannot be used; the message names every faulty key with its value and the allowed ones."""


def _code(value: object) -> object:
    # Statuses, dispositions and reasons are compared trimmed and without regard to case.
    return value.strip().lower() if isinstance(value, str) else value


def _once_each(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"named more than once: {', '.join(repeated)}")
    return values


def _all_named(values: tuple[str, ...]) -> tuple[str, ...]:
    if ANY in values:
        raise ValueError(f"name each status; {ANY!r} is allowed in gate.confirmed only")
    return values


Code = Annotated[str, BeforeValidator(_code), Field(min_length=1)]
Codes = Annotated[tuple[Code, ...], AfterValidator(_once_each)]
SomeCodes = Annotated[Codes, Field(min_length=1)]
NamedCodes = Annotated[Codes, AfterValidator(_all_named)]
Number = Annotated[
    Decimal, BeforeValidator(read_decimal), PlainSerializer(lambda number: format(number, "f"))
]
NotNegative = Annotated[Number, Field(ge=0)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Rate = Annotated[Number, Field(ge=0, le=1)]


class _Part(BaseModel):
    """A frozen section of the policy; a key that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class _ByVersion(_Part):
    """Lists of statuses by Oro version; a plain list stands for every version, `7.0` for `6.1`."""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, given: Any) -> Any:
        if isinstance(given, list | tuple):
            return dict.fromkeys(ORO_VERSIONS, given)
        if not isinstance(given, Mapping):
            return given
        # 6.1 without quotes is a number in YAML.
        lists = {str(version): statuses for version, statuses in given.items()}
        if "7.0" in lists:
            if "6.1" in lists:
                raise ValueError("7.0 behaves as 6.1: give one of the two")
            lists["6.1"] = lists.pop("7.0")
        return lists


class Dispatched(_ByVersion):
    """Statuses with which goods have left the warehouse: shipping ones since 6.1, internal ones before."""

    since_6_1: Annotated[NamedCodes, Field(alias="6.1", min_length=1)] = ("shipped", "partially_shipped")
    in_6_0: Annotated[NamedCodes, Field(alias="6.0", min_length=1)] = ("shipped", "closed", "archived")
    in_5_1: Annotated[NamedCodes, Field(alias="5.1", min_length=1)] = ("shipped", "closed", "archived")


class Confirmed(_ByVersion):
    """Internal statuses of a confirmed or invoiced order; `*` is any but not_confirmed and cancelled."""

    since_6_1: Annotated[SomeCodes, Field(alias="6.1")] = (ANY,)
    in_6_0: Annotated[SomeCodes, Field(alias="6.0")] = (ANY,)
    in_5_1: Annotated[SomeCodes, Field(alias="5.1")] = (ANY,)


class Hold(_Part):
    """How long a return that came too early waits: first pause, longest pause (it doubles), end."""

    first_retry_minutes: Annotated[int, Field(gt=0, le=525_600, strict=True)] = 15
    longest_retry_minutes: Annotated[int, Field(gt=0, le=525_600, strict=True)] = 1440
    give_up_after_days: Annotated[int, Field(gt=0, le=3650, strict=True)] = 14

    @model_validator(mode="after")
    def _longest_is_not_shorter(self) -> Self:
        if self.longest_retry_minutes < self.first_retry_minutes:
            raise ValueError(
                f"longest_retry_minutes {self.longest_retry_minutes} is less than first_retry_minutes "
                f"{self.first_retry_minutes}; allowed: at least that"
            )
        return self


class Gate(_Part):
    """What must be true of an order before anything of it is credited."""

    dispatched: Dispatched = Dispatched()
    confirmed: Confirmed = Confirmed()
    not_confirmed: NamedCodes = ("pending",)
    cancelled: NamedCodes = ("cancelled",)
    partially_shipped: Literal["accept", "hold"] = "accept"
    when_status_missing: Literal["closed_is_dispatched", "tracking_is_dispatched", "hold"] = (
        "closed_is_dispatched"
    )
    hold: Hold = Hold()

    @model_validator(mode="after")
    def _none_is_both(self) -> Self:
        for confirmed in (self.confirmed.since_6_1, self.confirmed.in_6_0, self.confirmed.in_5_1):
            for name, others in (("not_confirmed", self.not_confirmed), ("cancelled", self.cancelled)):
                if both := [status for status in confirmed if status in others]:
                    raise ValueError(
                        f"confirmed and {name} ({', '.join(others)}) both name {', '.join(both)}; "
                        "allowed: each status in one of them"
                    )
        return self


class Fee(_Part):
    """An amount for a return reason: per cent (0 to 100) of the credit, and flat in the order's currency."""

    percent: Percent = Decimal(0)
    flat: NotNegative = Decimal(0)


class Credit(_Part):
    """What releases a credit, and what it holds besides the goods; goodwill is a fee the other way round."""

    milestone: Literal["created", "in_network", "at_hub", "processed", "delivered"] = "processed"
    shipping: Literal["pro_rata", "on_complete_return", "by_reason", "never"] = "pro_rata"
    duplicate_sku: Literal["cheapest_first", "line_order"] = "cheapest_first"
    restocking_fee: dict[Code, Fee] = {}
    goodwill: dict[Code, Fee] = {}


class Stock(_Part):
    """Which dispositions go back on the shelf, and whether what ran out is then offered again."""

    saleable: Codes = ("restock",)
    restore_in_stock: Annotated[bool, Field(strict=True)] = False
    out_of_stock_at: NotNegative = Decimal(0)


class Tax(_Part):
    """How tax is explained: the highest rate on shipping, and what to do with orders without row taxes."""

    max_rate: Rate = Decimal("0.35")
    without_rows: Literal["quarantine", "by_value"] = "quarantine"


class Offer(_Part):
    """What ReBound is told that may come back; SKUs are compared trimmed and without regard to case."""

    enabled: Annotated[bool, Field(strict=True)] = True
    days_for_return: Annotated[int, Field(gt=0, le=3650, strict=True)] = 60
    partially_shipped: Literal["accept", "hold"] = "hold"
    free_form_lines: Literal["returnable", "non_returnable"] = "returnable"
    non_returnable_skus: Codes = ()


class Sla(_Part):
    """Within which time a return that reached the milestone is credited in OroCommerce, or says why not."""

    credit_within_hours: Annotated[int, Field(gt=0, le=8760, strict=True)] = 72


class Send(_Part):
    """What is sent at all: nothing of returns registered before the cut-over, which another system has credited."""

    not_before: date | None = None


class Policy(_Part):
    """The whole policy; `Policy()` is the default one."""

    order_reference: Annotated[
        tuple[Literal["identifier", "poNumber", "externalId"], ...],
        Field(min_length=1),
        AfterValidator(_once_each),
    ] = ("identifier", "poNumber", "externalId")
    gate: Gate = Gate()
    credit: Credit = Credit()
    stock: Stock = Stock()
    tax: Tax = Tax()
    offer: Offer = Offer()
    sla: Sla = Sla()
    send: Send = Send()

    def document(self) -> dict[str, Any]:
        """Return the complete policy, defaults included, as JSON-able values; decimals as plain strings."""
        return self.model_dump(mode="json", by_alias=True)


def load_policy(path: Path | None) -> Policy:
    """Read a YAML file, or give the default policy without one; PolicyError names all faults at once."""
    if path is None:
        return Policy()
    try:
        content = load_yaml(path)
    except YamlFileError as error:
        raise PolicyError(str(error)) from error
    try:
        return Policy.model_validate({} if content is None else content)
    except ValidationError as error:
        faults = describe(error, Policy)
        raise PolicyError(
            "\n".join([f"{path} cannot be used:", *(f"- {fault}" for fault in faults)])
        ) from None
