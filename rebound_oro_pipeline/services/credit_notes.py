"""A credit note as the decision wrote it into the outbox, and what must hold before it is sent."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Final

from pydantic import BaseModel, ConfigDict

from rebound_oro_pipeline.clients.jsonapi import plain
from rebound_oro_pipeline.contracts.fields import Moment, RequiredKey, RequiredNumber, Text
from rebound_oro_pipeline.services.amounts import fraction_digits

_SUMMED: Final = ("net_amount", "discount_amount", "tax_amount")
_MONEY_DIGITS: Final = 4
"""Digits after the point of an Oro money column (19, 4)."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)

    @classmethod
    @cache
    def _amount_names(cls) -> tuple[str, ...]:
        return tuple(name for name in cls.model_fields if name.endswith("_amount"))

    def amounts(self) -> Iterator[Decimal]:
        """Yield all amounts of money."""
        return (getattr(self, name) for name in self._amount_names())


class NoteLine(_Part):
    """A line of a note to be sent; decimals exact, `line_key` unique in the shop."""

    line_key: RequiredKey
    order_line_id: Text = None
    sku: RequiredKey
    quantity: RequiredNumber
    unit_code: Text = None
    net_amount: RequiredNumber
    discount_amount: RequiredNumber
    tax_amount: RequiredNumber
    total_amount: RequiredNumber
    reason_code: Text = None


class Note(_Part):
    """A note to be sent, as the decision wrote it into the outbox."""

    credit_note_number: RequiredKey
    return_id: Text = None
    order_id: RequiredKey
    currency: RequiredKey
    net_amount: RequiredNumber
    discount_amount: RequiredNumber
    tax_amount: RequiredNumber
    shipping_amount: RequiredNumber
    shipping_tax_amount: RequiredNumber
    fee_amount: RequiredNumber
    total_amount: RequiredNumber
    decided_at: Moment = None
    lines: tuple[NoteLine, ...]

    def faults(self) -> list[str]:
        """Return why the note must not be sent: amounts that do not sum, or that the columns would round."""
        faults = [] if self.lines else ["the note has no lines"]
        parts = self.net_amount + self.tax_amount + self.shipping_amount + self.shipping_tax_amount
        if parts - self.fee_amount != self.total_amount:
            faults.append(
                f"net {plain(self.net_amount)} + tax {plain(self.tax_amount)} + shipping "
                f"{plain(self.shipping_amount)} + shipping tax {plain(self.shipping_tax_amount)} - fee "
                f"{plain(self.fee_amount)} is {plain(parts - self.fee_amount)}, "
                f"but the total is {plain(self.total_amount)}"
            )
        for name in _SUMMED if self.lines else ():
            of_lines = sum((getattr(line, name) for line in self.lines), Decimal(0))
            if of_lines != getattr(self, name):
                words = name.replace("_", " ")
                faults.append(
                    f"the lines' {words}s sum to {plain(of_lines)}, not {plain(getattr(self, name))}"
                )
        for line in self.lines:
            if line.net_amount + line.tax_amount != line.total_amount:
                faults.append(f"line {line.line_key}: net and tax do not sum to the total")
            if line.quantity <= 0:
                faults.append(f"line {line.line_key}: the quantity {plain(line.quantity)} is not positive")
        amounts = (amount for part in (self, *self.lines) for amount in part.amounts())
        finest = max(map(fraction_digits, amounts))
        if finest > _MONEY_DIGITS:
            faults.append(f"an amount has {finest} digits after the point, OroCommerce keeps {_MONEY_DIGITS}")
        if len({line.line_key for line in self.lines}) != len(self.lines):
            faults.append("two lines have the same key")
        return faults
