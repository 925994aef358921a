"""ReBound's returns are found by day, read one by one, and read again while they are open."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Semaphore
from typing import Any
from urllib.parse import parse_qs

import httpx
import psycopg
import pytest
import stamina

from rebound_oro_pipeline.clients.errors import AuthenticationError, MalformedAnswer, ServerError
from rebound_oro_pipeline.clients.rebound import ReboundClient
from rebound_oro_pipeline.contracts.rebound import read_return
from rebound_oro_pipeline.contracts.rebound_mapping import default_mapping
from rebound_oro_pipeline.contracts.window import Window
from rebound_oro_pipeline.services.land_rebound_returns import land_open_returns, land_rebound_returns
from rebound_oro_pipeline.warehouse.landing import Landed, land_returns

MAPPING = default_mapping()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = Window.day(date(2026, 11, 3))


class Hub:
    """Answers the two calls of the legacy API that landing makes, from `documents` by id."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.listed: dict[str, list[str]] = {}
        self.searches: list[tuple[str, str]] = []
        self.gets: list[str] = []
        self.error: dict[str, Any] | None = None
        self.answers: dict[str, httpx.Response] = {}

    def add(self, return_id: str, day: str = "2026/11/03", **values: Any) -> None:
        item = {"sku_code": "SKU-1", "quantity": "2"}
        self.documents[return_id] = {"id": return_id, "date_added": day, "item": [item], **values}
        self.listed.setdefault(day, []).append(return_id)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        wanted = json.loads(parse_qs(request.content.decode())["request"][0])
        if self.error is not None:
            return httpx.Response(200, json={"error": self.error})
        if request.url.path == "/api/returns/search/json":
            first, last = wanted["filter"]["date_from"], wanted["filter"]["date_to"]
            self.searches.append((first, last))
            ids = [each for day, listed in self.listed.items() if first <= day <= last for each in listed]
            found: dict[str, Any] = {"success": {"id": ids}} if ids else {"error": {"code": "empty"}}
            return httpx.Response(200, json=found)
        return_id = wanted["return"]["id"]
        self.gets.append(return_id)
        if return_id in self.answers:
            return self.answers[return_id]
        if return_id not in self.documents:
            return httpx.Response(200, json={"error": {"code": "return_gone", "message": ["No such return"]}})
        return httpx.Response(200, json={"success": self.documents[return_id]})


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def rebound(hub: Hub) -> Iterator[ReboundClient]:
    with (
        stamina.set_testing(testing=True),
        ReboundClient("https://rebound.example", "shop", "key", transport=httpx.MockTransport(hub)) as client,
    ):
        yield client


def land(
    rebound: ReboundClient, conn: psycopg.Connection, window: Window = DAY, now: datetime = NOW
) -> Landed:
    return land_rebound_returns(rebound, conn, window, MAPPING, now=now, run_id="run-1")


def statuses(conn: psycopg.Connection) -> dict[str, str | None]:
    return dict(conn.execute("select return_id, status from landing.rebound_returns").fetchall())


def test_the_returns_of_a_day_land(hub: Hub, rebound: ReboundClient, conn: psycopg.Connection) -> None:
    for number in range(30):
        hub.add(f"R{number}")
    assert land(rebound, conn) == Landed(received=30, new=30)
    assert hub.searches == [("2026/11/03", "2026/11/03")]
    assert sorted(hub.gets) == sorted(hub.documents)
    assert conn.execute(
        "select distinct source, landed_by, landed_at from landing.rebound_returns"
    ).fetchall() == [("api", "run-1", NOW)]


@pytest.mark.parametrize("connections", [1, 3])
def test_as_many_returns_are_asked_for_at_once_as_there_are_connections(
    connections: int, hub: Hub, conn: psycopg.Connection
) -> None:
    """Whoever asks: the days, the open returns, and what webhooks missed."""
    for number in range(9):
        hub.add(f"R{number}", current_tracking_status="at_hub")
    busy: list[int] = []
    under_way = Semaphore(0)

    def watched(request: httpx.Request) -> httpx.Response:
        under_way.release()
        time.sleep(0.05)
        busy.append(under_way._value)
        under_way.acquire()
        return hub(request)

    with ReboundClient(
        "https://rebound.example",
        "shop",
        "key",
        transport=httpx.MockTransport(watched),
        max_connections=connections,
    ) as client:
        land(client, conn)
        assert max(busy) == connections
        busy.clear()
        land_open_returns(client, conn, MAPPING, now=NOW, run_id="run-2")
        assert max(busy) == connections


def test_a_day_without_returns_is_no_error(rebound: ReboundClient, conn: psycopg.Connection) -> None:
    """ReBound says so with an error code of its own."""
    assert land(rebound, conn) == Landed()


def test_a_long_window_is_searched_week_by_week(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1", "2026/11/01")
    hub.add("R2", "2026/11/20")
    assert land(rebound, conn, Window.days(date(2026, 11, 1), date(2026, 11, 20))).new == 2
    assert hub.searches == [
        ("2026/11/01", "2026/11/07"),
        ("2026/11/08", "2026/11/14"),
        ("2026/11/15", "2026/11/20"),
    ]


def test_a_document_that_names_another_day_lands_anyway(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """What ReBound gives is not thrown away; the day it belongs to is decided by its document."""
    hub.add("R1")
    hub.documents["R1"]["date_added"] = "2026-10-30 08:00:00"
    assert land(rebound, conn).new == 1


@pytest.mark.parametrize(
    ("named", "looks"),
    [("2026/11/03", 0), ("2026/11/02", 1), ("2026/11/04", 1)],
    ids=["same", "before", "after"],
)
def test_what_names_a_day_that_may_have_been_decided_is_left_to_the_next_look(
    named: str, looks: int, hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1")
    hub.documents["R1"]["date_added"] = named
    for _ in range(2):
        land(rebound, conn)
    assert conn.execute("select count(*) from landing.looks").fetchone() == (looks,)


def test_landing_twice_lands_once(hub: Hub, rebound: ReboundClient, conn: psycopg.Connection) -> None:
    hub.add("R1")
    assert land(rebound, conn).new == 1
    assert land(rebound, conn, now=NOW + timedelta(hours=1)) == Landed(received=1, unchanged=1)


def test_a_document_that_cannot_be_read_does_not_stop_the_others(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    for return_id in ("R1", "R2", "R3"):
        hub.add(return_id)
    hub.documents["R2"]["date_added"] = "soon"
    assert land(rebound, conn) == Landed(received=3, new=2, malformed=1)


@pytest.mark.parametrize("is_there", [True, False], ids=["unreadable", "refused"])
def test_what_names_no_moment_belongs_to_the_days_for_which_it_is_listed(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection, is_there: bool
) -> None:
    """These are decided next; the day on which it was read is not."""
    hub.add("R1")
    hub.documents["R1"]["date_added"] = "soon"
    if not is_there:
        del hub.documents["R1"]
    land(rebound, conn)
    query = "select registered_at from landing.malformed_documents"
    assert conn.execute(query).fetchall() == [(DAY.start,)]


def test_a_document_that_is_refused_does_not_stop_the_others(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1")
    hub.add("R2")
    del hub.documents["R1"]
    assert land(rebound, conn) == Landed(received=2, new=1, malformed=1)
    (fault,) = conn.execute("select document_id, fault from landing.malformed_documents").fetchall()
    assert fault[0] == "R1"
    assert "No such return" in fault[1]


def test_a_document_of_another_return_is_told_instead_of_the_one_that_was_asked_for(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """Or R1 would be missing, and nothing would say so."""
    hub.add("R1")
    hub.add("R2")
    own = hub.documents["R1"]
    hub.documents["R1"] = {**hub.documents["R2"], "date_added": "2026/10/20"}
    assert land(rebound, conn) == Landed(received=2, new=1, malformed=1)
    [(return_id, registered_at, fault)] = conn.execute(
        "select document_id, registered_at, fault from landing.malformed_documents"
    ).fetchall()
    assert (return_id, registered_at) == ("R1", DAY.start), "what the other document names is not of R1"
    assert "is listed by ReBound, but its document names another return, R2: ask ReBound" in fault
    hub.documents["R1"] = own
    assert land_open_returns(rebound, conn, MAPPING, now=NOW, run_id="run-2").new == 1
    assert set(statuses(conn)) == {"R1", "R2"}
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


def test_blanks_around_an_id_make_no_other_return(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add(" R1 ")
    hub.documents[" R1 "]["id"] = "R1"
    assert land(rebound, conn).new == 1


STUMBLES = {
    "web page": httpx.Response(200, html="<html>An error occurred</html>"),
    "broken JSON": httpx.Response(200, text='{"success": {"id": "R2", "item": [{"quantity": NaN}]}}'),
    "not UTF-8": httpx.Response(200, content=b'{"success": {"id": "R2", "name": "M\xfcller"}}'),
    "no document": httpx.Response(200, json={"success": ["R2"]}),
    "failure": httpx.Response(500),
    "internal": httpx.Response(200, json={"error": {"code": "internal", "message": ["Out of order"]}}),
}


@pytest.mark.parametrize("answer", STUMBLES.values(), ids=STUMBLES.keys())
def test_a_document_over_which_rebound_stumbles_does_not_stop_the_others(
    answer: httpx.Response, hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """It would at each new try, and its day, and all days of a range, would never be decided."""
    for return_id in ("R1", "R2", "R3"):
        hub.add(return_id)
    hub.answers["R2"] = answer
    assert land(rebound, conn) == Landed(received=3, new=2, malformed=1)
    query = "select document_id, registered_at, fault from landing.malformed_documents"
    ((return_id, registered_at, fault),) = conn.execute(query).fetchall()
    assert (return_id, registered_at) == ("R2", DAY.start)
    assert "is listed by ReBound, but its document cannot be read: rebound: POST" in fault
    hub.answers.clear()
    assert land_open_returns(rebound, conn, MAPPING, now=NOW, run_id="run-2").new == 1
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


DAY_BEFORE = Window.day(date(2026, 11, 2))


@pytest.fixture
def known(hub: Hub, rebound: ReboundClient, conn: psycopg.Connection) -> None:
    """Two returns of the day before, which ReBound gave."""
    for return_id in ("KNOWN-1", "KNOWN-2"):
        hub.add(return_id, "2026/11/02", current_tracking_status="delivered")
    land(rebound, conn, DAY_BEFORE)
    hub.gets.clear()


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("answer", STUMBLES.values(), ids=STUMBLES.keys())
def test_a_day_of_which_nothing_can_be_read_while_rebound_gives_others_is_told_and_goes_on(
    answer: httpx.Response, hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """Its only return would keep it from being decided for ever."""
    hub.add("R1")
    hub.answers["R1"] = answer
    assert land(rebound, conn) == Landed(received=1, malformed=1)
    query = "select document_id, registered_at, fault from landing.malformed_documents"
    ((return_id, registered_at, fault),) = conn.execute(query).fetchall()
    assert (return_id, registered_at) == ("R1", DAY.start)
    assert "cannot be read: rebound: POST" in fault
    assert list(dict.fromkeys(hub.gets)) == ["R1", "KNOWN-1"]
    assert hub.gets[-1] == "R1"
    again = land_open_returns(rebound, conn, MAPPING, now=NOW, run_id="run-2")
    assert again == Landed(received=1, malformed=1)


@pytest.mark.usefixtures("known")
def test_an_outage_that_is_over_meanwhile_leaves_no_fault(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1")
    hub.add("R2")
    hub.answers.update(dict.fromkeys(("R1", "R2"), STUMBLES["web page"]))
    answered = hub.__call__

    def recovering(request: httpx.Request) -> httpx.Response:
        if {"R1", "R2"} <= set(hub.gets):
            hub.answers.clear()
        return answered(request)

    with ReboundClient(
        "https://rebound.example", "shop", "key", transport=httpx.MockTransport(recovering)
    ) as client:
        assert land(client, conn) == Landed(received=2, new=2)
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


@pytest.mark.usefixtures("known")
def test_a_return_that_is_gone_shows_nothing_and_another_one_is_asked_for(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1")
    hub.answers["R1"] = STUMBLES["internal"]
    del hub.documents["KNOWN-1"]
    assert land(rebound, conn).malformed == 1
    hub.answers["KNOWN-2"] = STUMBLES["web page"]
    with pytest.raises(ServerError, match="R1"):
        land(rebound, conn)


@pytest.mark.usefixtures("known")
def test_credentials_that_are_refused_meanwhile_are_told_and_not_tried_again(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("R1")
    hub.answers["R1"] = STUMBLES["web page"]
    hub.answers["KNOWN-1"] = httpx.Response(200, json={"error": {"code": "access_denied"}})
    with pytest.raises(AuthenticationError):
        land(rebound, conn)
    assert hub.gets.count("KNOWN-1") == 1
    assert "KNOWN-2" not in hub.gets


def test_what_a_file_said_shows_nothing_of_rebound(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    hub.add("OLD")
    documents = [read_return(hub.documents["OLD"], MAPPING)]
    land_returns(conn, documents, source="file", landed_by="import", landed_at=NOW)
    hub.add("R1", "2026/11/05")
    hub.answers["R1"] = STUMBLES["internal"]
    with pytest.raises(ServerError, match="R1"):
        land(rebound, conn, Window.day(date(2026, 11, 5)))
    assert "OLD" not in hub.gets


@pytest.mark.usefixtures("known")
def test_where_no_document_can_be_had_it_is_the_system_that_fails(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """Although the search is answered: tomorrow they may all be there."""
    for return_id in hub.documents:
        hub.answers[return_id] = STUMBLES["failure"]
    for return_id in ("R1", "R2"):
        hub.add(return_id)
        hub.answers[return_id] = STUMBLES["failure"]
    with pytest.raises(ServerError, match="R1"):
        land(rebound, conn)
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


def test_an_outage_on_the_way_ends_it(hub: Hub, rebound: ReboundClient, conn: psycopg.Connection) -> None:
    for number in range(40):
        hub.add(f"R{number}")
        if number >= 20:
            hub.answers[f"R{number}"] = STUMBLES["web page"]
    with pytest.raises(MalformedAnswer, match="R20"):
        land(rebound, conn)
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


def test_refused_credentials_end_it_at_once(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """Trying again with them would block the address."""
    hub.error = {"code": "access_denied", "message": ["Wrong"]}
    with pytest.raises(AuthenticationError):
        land(rebound, conn)


def test_a_system_that_fails_ends_it(hub: Hub, rebound: ReboundClient, conn: psycopg.Connection) -> None:
    hub.error = {"code": "internal", "message": ["Out of order"]}
    with pytest.raises(ServerError):
        land(rebound, conn)


def test_open_returns_of_the_last_month_are_read_again(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """ReBound announces no update."""
    for return_id, day, status in (
        ("MOVED", "2026/11/03", "in_network"),
        ("SAME", "2026/11/03", "processed"),
        ("STRANGE", "2026/11/03", "lost_in_space"),
        ("DONE", "2026/11/03", "delivered"),
        ("WITHDRAWN", "2026/11/03", "Cancelled "),
        ("OLD", "2026/10/01", "in_network"),
    ):
        hub.add(return_id, day, current_tracking_status=status)
    land(rebound, conn, Window.days(date(2026, 10, 1), date(2026, 11, 3)))
    hub.gets.clear()
    for document in hub.documents.values():
        if document["id"] != "SAME":
            document["current_tracking_status"] = "at_hub"
    later = NOW + timedelta(hours=1)
    landed = land_open_returns(rebound, conn, MAPPING, now=later, run_id="run-2")
    assert landed == Landed(received=3, changed=2, unchanged=1)
    assert sorted(hub.gets) == ["MOVED", "SAME", "STRANGE"]
    assert statuses(conn) == {
        "MOVED": "at_hub",
        "SAME": "processed",
        "STRANGE": "at_hub",
        "DONE": "delivered",
        "WITHDRAWN": "cancelled",
        "OLD": "in_network",
    }


def test_what_could_not_be_read_is_read_again(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """However far it has come meanwhile: once corrected it shall heal by itself."""
    hub.add("HEADER", current_tracking_status="delivered")
    hub.add("LINE", current_tracking_status="delivered")
    hub.add("GOOD", current_tracking_status="delivered")
    registered = hub.documents["HEADER"].pop("date_added")
    hub.documents["LINE"]["item"][0]["quantity"] = "two"
    assert land(rebound, conn) == Landed(received=3, new=2, malformed=1)
    hub.gets.clear()
    hub.documents["HEADER"]["date_added"] = registered
    hub.documents["LINE"]["item"][0]["quantity"] = "2"
    landed = land_open_returns(rebound, conn, MAPPING, now=NOW, run_id="run-2")
    assert landed == Landed(received=2, new=1, changed=1)
    assert sorted(hub.gets) == ["HEADER", "LINE"]
    assert conn.execute("select count(*) from landing.malformed_documents").fetchone() == (0,)


def test_no_transaction_stays_open_while_answers_are_awaited(
    hub: Hub, rebound: ReboundClient, conn: psycopg.Connection
) -> None:
    """An idle transaction would hold back vacuum for as long as ReBound takes."""
    hub.add("R1")
    land(rebound, conn)
    seen: list[Any] = []
    answered = hub.__call__

    def watching(request: httpx.Request) -> httpx.Response:
        seen.append(conn.info.transaction_status)
        return answered(request)

    with ReboundClient(
        "https://rebound.example", "shop", "key", transport=httpx.MockTransport(watching)
    ) as client:
        land_open_returns(client, conn, MAPPING, now=NOW, run_id="run-2")
    assert seen == [psycopg.pq.TransactionStatus.IDLE]
