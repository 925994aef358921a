"""A rehearsal with the real shop: it says what it would refuse, and nothing is stored anywhere."""

from pathlib import Path

import httpx
import pytest

from rebound_oro_pipeline.clients.errors import Forbidden
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.services.dry_run_credit_notes import DryRunImpossible, dry_run_credit_notes
from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
from rebound_oro_pipeline_tests.services.push.shop_at_work import (
    AT_ONCE,
    Box,
    Shop,
    open_shop,
    put_note,
    put_notes,
    states,
)


def test_what_would_be_refused_is_reported_and_nothing_is_stored(
    shop: Shop, oro: OroClient, box: Box
) -> None:
    put_note(box, "bad order", "999")
    put_note(box, "bad sum", shop.order_id, total_amount="1.00")
    put_note(box, "N" * 65, shop.order_id)
    put_notes(box, shop.order_id, 12)
    result = dry_run_credit_notes(oro, box)
    assert (result.accepted, sorted(result.refused)) == (12, ["N" * 65, "bad order", "bad sum"])
    assert "/data/relationships/order/data" in result.refused["bad order"]
    assert "is 16.85, but the total is 1.00" in result.refused["bad sum"]
    assert shop.notes() == []
    assert set(states(box).values()) == {"pending"}


def test_a_note_that_the_shop_holds_already_would_not_be_refused(
    shop: Shop, oro: OroClient, box: Box, database_url: str
) -> None:
    numbers = put_notes(box, shop.order_id, 2)
    push_credit_notes(oro, database_url, run_id="1", rules=AT_ONCE)
    box.execute("delete from outbox.messages")
    put_notes(box, shop.order_id, 2)
    box.execute(
        """
        update outbox.messages set payload = jsonb_set(payload, '{currency}', '"EUR"') where business_key = %s
        """,
        (numbers[1],),
    )
    result = dry_run_credit_notes(oro, box)
    assert list(result.refused) == [numbers[1]]
    assert "The entity already exists." in result.refused[numbers[1]]


def test_a_release_that_would_store_what_it_is_asked_to_validate_is_not_asked(
    tmp_path: Path, box: Box
) -> None:
    (tmp_path / "old").mkdir()
    with open_shop(tmp_path / "old", profile="6.0") as shop, shop.client() as oro:
        put_notes(box, shop.order_id, 3)
        with pytest.raises(DryRunImpossible, match=r"older than 6\.1"):
            dry_run_credit_notes(oro, box)
        assert shop.notes() == []


def test_a_shop_that_stores_all_the_same_is_found_out_after_one_note(
    shop: Shop, oro: OroClient, box: Box
) -> None:
    put_notes(box, shop.order_id, 5)
    real = shop.network.handle_request

    def forget_the_option(request: httpx.Request) -> httpx.Response:
        content = request.read().replace(b',"meta":{"validate":true}', b"")
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
        return real(httpx.Request(request.method, request.url, headers=headers, content=content))

    shop.network.handle_request = forget_the_option  # type: ignore[method-assign]
    with pytest.raises(DryRunImpossible, match="has stored note CN-000"):
        dry_run_credit_notes(oro, box)
    assert shop.notes() == ["CN-000"]


def test_a_missing_permission_is_no_refusal_of_a_note(shop: Shop, box: Box) -> None:
    put_notes(box, shop.order_id, 2)
    with shop.client("limited") as oro, pytest.raises(Forbidden):
        dry_run_credit_notes(oro, box)
