"""What each answer means: which error, whether to try again, whether a write may have happened."""

from __future__ import annotations

import json
import pickle

import httpx
import pytest

from rebound_oro_pipeline.clients import errors, jsonapi

CALL = errors.Call("oro", "POST", "/admin/api/t", "id-1")


def answered(status: int, body: bytes = b"", **headers: str) -> errors.ApiError:
    response = httpx.Response(
        status, content=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    with pytest.raises(errors.ApiError) as caught:
        jsonapi.read_document(CALL, response)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "outcome_unknown"),
    [
        (302, errors.MalformedAnswer, False, True),
        (400, errors.Refused, False, False),
        (401, errors.AuthenticationError, False, False),
        (403, errors.Forbidden, False, False),
        (404, errors.NotFound, False, False),
        (405, errors.NotAllowed, False, False),
        (408, errors.ServerError, True, True),
        (409, errors.Conflict, False, False),
        (413, errors.Refused, False, False),
        (415, errors.Refused, False, False),
        (422, errors.Refused, False, False),
        (429, errors.Busy, True, False),
        (500, errors.ServerError, True, True),
        (502, errors.ServerError, True, True),
        (503, errors.ServerError, True, True),
        (504, errors.ServerError, True, True),
        (599, errors.ServerError, True, True),
    ],
)
def test_every_status_has_its_meaning(status, kind, retryable, outcome_unknown):
    error = answered(status)
    assert type(error) is kind
    assert (error.retryable, error.outcome_unknown) == (retryable, outcome_unknown)
    assert (error.status, error.request_id) == (status, "id-1")
    assert str(error).startswith(f"oro: POST /admin/api/t was answered {status}")


@pytest.mark.parametrize(
    ("kind", "retryable", "outcome_unknown"),
    [
        (errors.NotSent, True, False),
        (errors.NoToken, True, False),
        (errors.AnswerLost, True, True),
        (errors.MalformedAnswer, False, True),
        (errors.PagingError, True, False),
    ],
)
def test_what_has_no_status_has_its_meaning_too(kind, retryable, outcome_unknown):
    assert (kind.retryable, kind.outcome_unknown) == (retryable, outcome_unknown)


def test_a_message_names_the_reasons_and_counts_the_rest():
    body = jsonapi.encode(
        {
            "errors": [
                {"status": "400", "title": "t", "detail": f"d{i}", "source": {"pointer": f"/data/{i}"}}
                for i in range(5)
            ]
        }
    )
    error = answered(400, body)
    assert str(error).endswith(
        "400 Bad Request: t: d0 (at /data/0); t: d1 (at /data/1); t: d2 (at /data/2); and 2 more"
    )
    assert len(error.reasons) == 5


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'"x"', b'{"errors": 5}', b"[1, null]", b"\xff", b"[" * 100_000]
)
def test_an_answer_without_reasons_has_none(body):
    assert answered(400, body).reasons == ()


def test_words_that_no_database_can_hold_are_told_so_that_it_can():
    body = {"errors": [{"title": "a\0", "detail": "b\ud800" * 5_000, "source": {"pointer": "/data/0\0"}}]}
    [reason] = jsonapi.reasons(json.dumps(body).encode())
    assert (reason.title, reason.pointer, len(reason.detail or "")) == ("a\ufffd", "/data/0\ufffd", 2_000)
    assert str(errors.NotSent("c\0")) == "c\ufffd"


def test_an_error_without_members_is_an_error_all_the_same():
    """A database's refusal has a null detail; the errors of an operation have an int as status."""
    refusal = (
        b'{"status": 500, "title": "driver exception", "detail": null, "source": {"propertyPath": "a.b"}}'
    )
    body = b"[{}, " + refusal + b"]"
    assert answered(500, body).reasons == (
        errors.Reason("error"),
        errors.Reason("driver exception", None, None, "a.b", 500),
    )


def test_a_method_not_allowed_tells_those_that_are():
    assert "allowed are OPTIONS, GET, PATCH" in str(answered(405, Allow="OPTIONS, GET, PATCH"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>Request blocked</html>", True),
        (b"", True),
        (b'{"errors": [{"title": "access denied exception", "detail": "No access."}]}', False),
    ],
)
def test_a_refusal_that_is_not_of_oro_says_so(body, told):
    """OroCommerce gives its reasons for every 403."""
    assert ("does a firewall before it refuse" in str(answered(403, body))) is told


@pytest.mark.parametrize(
    ("pointer", "record", "included"),
    [
        ("/data/0", 0, None),
        ("/data/12/attributes/netAmount", 12, None),
        ("/included/3/attributes/sku", None, 3),
        ("/data/attributes/netAmount", None, None),
        ("/data/1x", None, None),
        (None, None, None),
    ],
)
def test_a_pointer_names_a_record_of_the_batch(pointer, record, included):
    reason = errors.Reason("t", pointer=pointer)
    assert (reason.record_index, reason.included_index) == (record, included)


def test_an_error_survives_another_process():
    """Dagster's runs hand exceptions on by pickling them."""
    error = errors.Conflict("m", status=409, request_id="r", reasons=[errors.Reason("t", "d")])
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.status, again.reasons) == (
        errors.Conflict,
        "m",
        409,
        error.reasons,
    )
