"""The policy and the lookup data as the oracle uses them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebound_oro_pipeline_tests.oracle.documents import Order
from rebound_oro_pipeline_tests.oracle.numbers import rounded

ANY = "*"


def _section(policy: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return policy.get(name) or {}


@dataclass(frozen=True)
class Rules:
    """The policy's values, each with its default."""

    order_reference: tuple[str, ...]
    dispatched: Mapping[str, tuple[str, ...]]
    confirmed: Mapping[str, tuple[str, ...]]
    not_confirmed: tuple[str, ...]
    cancelled: tuple[str, ...]
    partially_shipped: str
    when_status_missing: str
    milestone: str
    shipping: str
    duplicate_sku: str
    restocking_fee: Mapping[str, Mapping[str, Any]]
    goodwill: Mapping[str, Mapping[str, Any]]
    saleable: tuple[str, ...]
    max_rate: Decimal
    without_rows: str

    @classmethod
    def of(cls, policy: Mapping[str, Any]) -> "Rules":
        """Read a policy document; it may hold a single key."""
        gate, credit = _section(policy, "gate"), _section(policy, "credit")
        stock, tax = _section(policy, "stock"), _section(policy, "tax")
        before_6_1 = ("shipped", "closed", "archived")
        return cls(
            order_reference=tuple(policy.get("order_reference") or ("identifier", "poNumber", "externalId")),
            dispatched={"6.1": ("shipped", "partially_shipped"), "6.0": before_6_1, "5.1": before_6_1}
            | dict(gate.get("dispatched") or {}),
            confirmed={"6.1": (ANY,), "6.0": (ANY,), "5.1": (ANY,)} | dict(gate.get("confirmed") or {}),
            not_confirmed=tuple(gate.get("not_confirmed", ("pending",))),
            cancelled=tuple(gate.get("cancelled", ("cancelled",))),
            partially_shipped=gate.get("partially_shipped", "accept"),
            when_status_missing=gate.get("when_status_missing", "closed_is_dispatched"),
            milestone=credit.get("milestone", "processed"),
            shipping=credit.get("shipping", "pro_rata"),
            duplicate_sku=credit.get("duplicate_sku", "cheapest_first"),
            restocking_fee=credit.get("restocking_fee") or {},
            goodwill=credit.get("goodwill") or {},
            saleable=tuple(stock.get("saleable", ("restock",))),
            max_rate=Decimal(str(tax.get("max_rate", "0.35"))),
            without_rows=tax.get("without_rows", "quarantine"),
        )

    @property
    def amount_depends_on_reason(self) -> bool:
        """Tell whether an unknown reason leaves the amount open."""
        return self.shipping == "by_reason" or any(
            set(amounts) - {ANY} for amounts in (self.restocking_fee, self.goodwill)
        )

    def is_confirmed(self, order: Order) -> bool:
        """Tell whether the internal status is one of a confirmed or invoiced order."""
        statuses = self.confirmed["6.1" if order.has_shipping_status else "6.0"]
        status = order.internal_status
        if status is None or status in self.cancelled:
            return False
        return status in statuses or (ANY in statuses and status not in self.not_confirmed)

    def is_dispatched(self, order: Order) -> bool:
        """Tell whether the goods have left, by the status that the order's version of Oro keeps."""
        if order.has_shipping_status:
            status, statuses = order.shipping_status, self.dispatched["6.1"]
        elif order.has_internal_status:
            status, statuses = order.internal_status, self.dispatched["6.0"]
        else:
            status, statuses = None, ()
        if status is None:
            if self.when_status_missing == "closed_is_dispatched":
                return order.internal_status in {"closed", "shipped", "archived"}
            return self.when_status_missing == "tracking_is_dispatched" and order.has_trackings
        if status == "partially_shipped" and self.partially_shipped == "hold":
            return False
        return status in statuses

    def fee(self, reason: str | None, amount: Decimal, digits: int, *, with_flat: bool) -> Decimal:
        """Return what a credited line costs the customer: its restocking fee less its goodwill."""
        fee, goodwill = (
            _part(amounts, reason, amount, digits, with_flat=with_flat)
            for amounts in (self.restocking_fee, self.goodwill)
        )
        return fee - goodwill


def _part(
    amounts: Mapping[str, Mapping[str, Any]],
    reason: str | None,
    amount: Decimal,
    digits: int,
    *,
    with_flat: bool,
) -> Decimal:
    given = amounts.get((reason or "").lower()) or amounts.get(ANY)
    if given is None:
        return Decimal(0)
    percent, flat = Decimal(str(given.get("percent", 0))), Decimal(str(given.get("flat", 0)))
    return rounded(amount * percent / 100, digits) + (rounded(flat, digits) if with_flat else 0)


@dataclass(frozen=True)
class Seeds:
    """The lookup data: digits of currencies, statuses in order, dispositions, reasons."""

    digits: Mapping[str, int]
    statuses: Mapping[str, int]
    withdrawn: frozenset[str]
    dispositions: frozenset[str]
    reasons: frozenset[str]
    credits_shipping: frozenset[str]


def read_seeds(folder: Path) -> Seeds:
    """Read the CSV files of the seeds."""

    def rows(name: str) -> list[dict[str, str]]:
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    statuses, reasons = rows("rebound_statuses"), rows("return_reasons")
    return Seeds(
        digits={row["currency"]: int(row["digits"]) for row in rows("currencies")},
        statuses={row["status"]: int(row["position"]) for row in statuses},
        withdrawn=frozenset(row["status"] for row in statuses if row["is_withdrawn"] == "true"),
        dispositions=frozenset(row["disposition"] for row in rows("dispositions")),
        reasons=frozenset(row["reason_code"] for row in reasons),
        credits_shipping=frozenset(
            row["reason_code"] for row in reasons if row["credits_shipping"] == "true"
        ),
    )
