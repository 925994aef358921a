"""All figures of other systems: what we agree with, where we differ on purpose, what has no counterpart here."""

from collections.abc import Mapping

from rebound_oro_pipeline_tests.rules.case import Case
from rebound_oro_pipeline_tests.rules.cases_of_others import OTHER_CASES
from rebound_oro_pipeline_tests.rules.cases_of_shops import SHOP_CASES

CASES: tuple[Case, ...] = (*SHOP_CASES, *OTHER_CASES)

DIFFERENT: Mapping[str, str] = {
    "SYL-30": "theirs gives 1.00, 1.00, 1.00, 0.99 of the discount to the units; ours cuts at cumulative units",
    "SYL-31": "1.62, 0.52, 0.86 there (the odd cent to the first), 1.61, 0.53, 0.86 here; the same sum",
    "SYL-33": "3.34, 3.33, 3.33 there, 3.33, 3.34, 3.33 here; the same sum",
    "MAG-06": "4.13, 4.13, 4.12 there (the last takes the remainder), 4.13, 4.12, 4.13 here; the same sum",
    "MED-05": "53377.06 twice there; net and tax are cut each by itself here, so 53377.07 and 53377.05; the same sum",
    "SOL-02": "96.666… kept unrounded there; 96.67 on the note here, and the rest with the next one",
    "ODO-06": "an extra line there; with the goods' tax here",
}
"""Cases whose sums agree and whose odd cents lie elsewhere, on purpose."""

NOT_APPLICABLE: Mapping[str, str] = {
    "SYL-03": "refunds shipping alone; a return always has goods",
    "SYL-04": "refunds all of shipping with a part of the goods; none of the four policies does",
    "SYL-14": "refunds by amount; amounts are never given here, units are",
    "SYL-15": "refunds by amount (a negative one); a negative quantity is malformed_document",
    "SYL-17": "refunds shipping by amount",
    "SYL-18": "refunds shipping by amount",
    "SYL-24": "refunds by amount",
    "SYL-32": "distributes a negative total; OroCommerce has no negative discounts",
    "VEN-08": "refunds by amount",
    "MAG-02": "two currencies on one order; OroCommerce's orders have one",
    "MAG-05": "compensation of discounted tax, a figure that OroCommerce does not keep",
    "MED-10": "refunds by amount",
    "SOL-04": "an exchange; OroCommerce has none, a new order is one's own affair",
    "SPR-01": "a payment shared by several orders; payments are not ours",
    "SPR-02": "a payment shared by several orders; payments are not ours",
    "SPR-03": "a payment shared by several orders; payments are not ours",
    "SAL-02": "all of shipping with a part of the goods; none of the four policies does",
    "SAL-03": "an exchange, and all of shipping with a part of the goods",
    "SAL-04": "refunds by amount",
}
"""Cases without a counterpart, with the reason."""
