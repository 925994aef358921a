"""A look that breaks off leaves what it did not finish to the next one; the sandbox answers over HTTP."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import stamina

from rebound_oro_pipeline.clients.errors import ApiError
from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.policy import Policy
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.services.follow_up import FollowedUp, Follower, catch_up, follow_open_returns
from rebound_oro_pipeline.warehouse import reference
from rebound_oro_pipeline_tests.rules.sql_runner import models, prepare
from rebound_oro_pipeline_tests.sandbox_process import UNTIL, Box, sandbox

ASKED = datetime(UNTIL.year, UNTIL.month, UNTIL.day, 12, tzinfo=UTC)
Look = Callable[[Follower], FollowedUp]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with sandbox(tmp_path_factory.mktemp("shop"), orders=40, returns=12, days=4) as box:
        yield box


@pytest.mark.parametrize("look", [catch_up, follow_open_returns])
def test_what_landed_before_a_look_broke_off_is_decided_by_the_next_one(
    box: Box, conn: psycopg.Connection[Any], look: Look
) -> None:
    prepare(conn)
    version = reference.save_policy(conn, Policy().document())
    conn.commit()

    def follow(number: int, look: Look) -> FollowedUp:
        with (
            stamina.set_testing(testing=True),
            OroClient(box.oro_url, box.client_id, box.client_secret) as oro,
            ReboundClient(box.rebound_url, box.login, box.api_key) as rebound,
        ):
            return look(
                Follower(
                    oro=oro,
                    rebound=rebound,
                    conn=conn,
                    models=models(),
                    mapping=default_mapping(),
                    policy=Policy(),
                    policy_version=version,
                    now=ASKED + timedelta(hours=number),
                    run_id=f"run {number}",
                )
            )

    if look is follow_open_returns:
        follow(0, catch_up)
        conn.execute("update landing.rebound_returns set document_hash = '', status = 'created'")
        conn.commit()
    box.control("faults", {"kind": "500", "system": "oro", "count": 100})
    with pytest.raises(ApiError):
        follow(1, look)
    conn.rollback()
    box.clear_faults()
    landed = conn.execute(
        "select count(distinct registered_at) from landing.rebound_returns where landed_by = 'run 1'"
    ).fetchone()
    assert landed is not None
    assert landed[0] > 0
    again = follow(2, look)
    assert (
        sum(again.occasions[name] for name in ("missed", "changed") if name in again.occasions) >= landed[0]
    )
    after = follow(3, look)
    assert not after.occasions.get("missed")
    assert not after.occasions.get("changed")
