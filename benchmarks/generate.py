"""The data of the benchmarks: orders, products and returns, written by the server straight into the landing tables.

Seeded: the same seed gives the same rows. A return has three lines; ten in a hundred are partial, two name an
unknown SKU, two in a hundred orders are not dispatched, one line brings more than was ordered; kits and lines in boxes
that come back in single units are among them. Half of the orders came with their taxes by rate.
"""

from dataclasses import dataclass
from typing import Final

import psycopg

from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.warehouse.statements import load

SEED: Final = 14
LINES_PER_RETURN: Final = 3


@dataclass(frozen=True)
class Batch:
    """Returns numbered from `first` on (at least 1), registered evenly over the window, and their orders.

    Batches whose numbers do not meet have no order in common.
    """

    first: int
    lines: int
    window: Window

    @property
    def returns(self) -> int:
        """Number of returns."""
        return self.lines // LINES_PER_RETURN


def write_products(conn: psycopg.Connection) -> None:
    """Write the catalogue: 20,000 products, one in forty a kit, each in two units."""
    statements = load("data_set", "benchmarks")
    with psycopg.ClientCursor(conn) as cursor:
        cursor.execute(statements["products"], {})
        cursor.execute(statements["product_units"], {})
    conn.commit()


def write_batch(conn: psycopg.Connection, batch: Batch, *, seed: int = SEED) -> None:
    """Write the orders of a batch and its returns, and tell the planner; commits."""
    statements = load("data_set", "benchmarks")
    parameters = {
        "seed": seed,
        "first": batch.first,
        "returns": batch.returns,
        "start": batch.window.start,
        "end": batch.window.end,
    }
    with psycopg.ClientCursor(conn) as cursor:
        for name in (
            "dice",
            "order_lines",
            "store_orders",
            "store_order_lines",
            "store_kit_items",
            "store_subtotals",
            "store_returns",
            "store_return_lines",
        ):
            cursor.execute(statements[name], parameters)
        conn.commit()
        cursor.execute(statements["analyse"])
    conn.commit()
