"""What the tests of the clients share: no waiting between tries, and a network that answers as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from rebound_oro_pipeline.clients.oro import OroClient
from rebound_oro_pipeline.clients.rebound import ReboundClient

EXCHANGES = Path(__file__).parents[1] / "recorded" / "exchanges"

Answer = httpx.Response | Exception
Answering = Callable[[httpx.Request], Answer]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Count the tries as configured, leave out the pauses between them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


class Network:
    """Stands for the other side: hands out tokens, answers the rest by `answer`, keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens: list[httpx.Request] = []
        self.answer: Answering = lambda _: json_answer(200, {"data": []})
        self.token: Answering = lambda _: json_answer(
            200, {"token_type": "Bearer", "expires_in": 3600, "access_token": f"token-{len(self.tokens)}"}
        )

    def script(self, *answers: Answer) -> None:
        """Give these answers in turn, and none after them."""
        left = list(answers)
        self.answer = lambda _: left.pop(0)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        is_token = request.url.path.endswith("/oauth2-token")
        (self.tokens if is_token else self.requests).append(request)
        answer = self.token(request) if is_token else self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer


def json_answer(status: int, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return an answer with a JSON body, an empty one for None."""
    content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(
        status, content=content, headers={"Content-Type": "application/vnd.api+json", **(headers or {})}
    )


@pytest.fixture
def answer() -> Callable[..., httpx.Response]:
    return json_answer


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def oro(network: Network) -> Iterator[OroClient]:
    with OroClient(
        "https://oro.example", "the-client-id", "the-client-secret", transport=httpx.MockTransport(network)
    ) as client:
        yield client


@pytest.fixture
def rebound(network: Network) -> Iterator[ReboundClient]:
    with ReboundClient(
        "https://rebound.example", "the-login", "the-api-key", transport=httpx.MockTransport(network)
    ) as client:
        yield client


@pytest.fixture
def exchange() -> Callable[[str], dict[str, Any]]:
    """Return a recorded exchange with a real OroCommerce by its name."""
    return lambda name: json.loads((EXCHANGES / f"{name}.json").read_text(encoding="utf-8"))
