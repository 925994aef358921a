"""The control endpoint: the sandbox told what to do, and asked what is true. Loopback only, no secret, no faults.

GET    /control/state[?parts=credit_notes,returns]   the sandbox's own truth, see `truth`, and request counts
GET    /control/faults     POST (a fault, see `faults.Fault`)     DELETE (all)
POST   /control/clock      {"advance_hours": 24}
POST   /control/queue      {"consuming": false} and, or {"misbehave": "success_without_writing"}
POST   /control/oro        {"type", "id", "attributes"?, "relations"?}: a record changed behind the API's back
POST   /control/settings   the shop's system settings of today, see `oro.totals`
POST   /control/clients    {"client_id", "client_secret", "permissions"?, "hidden"?}
POST   /control/rebound/portal     {"only_offered": true}: it lets in returns of offered items only
POST   /control/rebound/returns    {"order_reference", "items": [{"sku", "quantity"}], "status"?, "disposition"?}
POST   /control/tokens/expire   /control/rebound/unblock   /control/requests/forget   /control/reset
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Protocol, get_args

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from rebound_oro_pipeline.sandbox.faults import Faults
from rebound_oro_pipeline.sandbox.front import Front
from rebound_oro_pipeline.sandbox.oro.store import Misbehaviour
from rebound_oro_pipeline.sandbox.pricing import TaxSettings
from rebound_oro_pipeline.sandbox.rebound.portal import read_wanted, register
from rebound_oro_pipeline.sandbox.truth import parts
from rebound_oro_pipeline.sandbox.world import World


class Box(Protocol):
    """What the control endpoint controls."""

    @property
    def world(self) -> World:
        """Both systems' state."""

    @property
    def faults(self) -> Faults:
        """The faults of both."""

    @property
    def fronts(self) -> Mapping[str, Front]:
        """What stands before each, by its name."""

    def reset(self) -> None:
        """Make everything anew."""


def create_app(box: Box) -> Starlette:
    """Return the control endpoint of a sandbox."""
    control = _Control(box)
    posts: dict[str, Callable[[Mapping[str, Any]], object]] = {
        "/control/clock": control.clock,
        "/control/queue": control.queue,
        "/control/oro": control.change,
        "/control/settings": control.settings,
        "/control/clients": control.client,
        "/control/tokens/expire": control.expire_tokens,
        "/control/rebound/unblock": control.unblock,
        "/control/rebound/portal": control.portal,
        "/control/rebound/returns": control.register_return,
        "/control/requests/forget": control.forget,
        "/control/reset": control.reset,
    }
    return Starlette(
        routes=[
            Route("/control/state", control.state, methods=["GET"]),
            Route("/control/faults", control.faults, methods=["GET", "POST", "DELETE"]),
            *(Route(path, _post(act), methods=["POST"]) for path, act in posts.items()),
        ]
    )


def _post(act: Callable[[Mapping[str, Any]], object]) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def answer(request: Request) -> JSONResponse:
        try:
            return JSONResponse(act(await _wanted(request)))
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer


async def _wanted(request: Request) -> Mapping[str, Any]:
    body = await request.body()
    wanted = json.loads(body) if body else {}
    if not isinstance(wanted, dict):
        raise TypeError("the request must be a JSON object")
    return wanted


class _Control:
    def __init__(self, box: Box) -> None:
        self._box = box

    async def state(self, request: Request) -> JSONResponse:
        known = parts(self._box.world)
        asked = request.query_params.get("parts", ",".join(known)).split(",")
        unknown = set(asked) - known.keys()
        if unknown:
            return JSONResponse({"error": f"no such parts: {', '.join(sorted(unknown))}"}, 400)
        counts = {system: front.requests for system, front in self._box.fronts.items()}
        return JSONResponse({name: known[name]() for name in asked} | {"requests": counts})

    async def faults(self, request: Request) -> JSONResponse:
        faults = self._box.faults
        if request.method == "POST":
            try:
                return JSONResponse(faults.order(await _wanted(request)).shown(), 201)
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, 400)
        if request.method == "DELETE":
            faults.clear()
        return JSONResponse([fault.shown() for fault in faults.ordered()])

    def clock(self, wanted: Mapping[str, Any]) -> object:
        self._box.world.advance(float(wanted["advance_hours"]))
        return {"now": self._box.world.now().isoformat()}

    def queue(self, wanted: Mapping[str, Any]) -> object:
        store = self._box.world.oro
        if "consuming" in wanted:
            store.consuming = bool(wanted["consuming"])
        kind = wanted.get("misbehave")
        if kind is not None:
            if kind not in get_args(Misbehaviour):
                raise ValueError(f"misbehave must be one of {', '.join(get_args(Misbehaviour))}, not {kind}")
            store.misbehave_once(kind)
        return {"consuming": store.consuming}

    def change(self, wanted: Mapping[str, Any]) -> object:
        self._box.world.oro.change(
            wanted["type"], str(wanted["id"]), wanted.get("attributes"), wanted.get("relations")
        )
        return {}

    def settings(self, wanted: Mapping[str, Any]) -> object:
        store = self._box.world.oro
        shop = replace(store.terms.settings, taxes=TaxSettings(**wanted))
        store.terms = replace(store.terms, settings=shop)
        return asdict(shop.taxes)

    def client(self, wanted: Mapping[str, Any]) -> object:
        self._box.world.oro.add_client(
            wanted["client_id"], wanted["client_secret"], wanted.get("permissions"), wanted.get("hidden")
        )
        return {}

    def expire_tokens(self, _: Mapping[str, Any]) -> object:
        self._box.world.oro.expire_tokens()
        return {}

    def unblock(self, _: Mapping[str, Any]) -> object:
        self._box.world.rebound.forgive()
        return {}

    def portal(self, wanted: Mapping[str, Any]) -> object:
        store = self._box.world.rebound
        store.only_offered = bool(wanted["only_offered"])
        return {"only_offered": store.only_offered}

    def register_return(self, wanted: Mapping[str, Any]) -> object:
        world = self._box.world
        return {"return_id": register(world.rebound, read_wanted(wanted), world.now())}

    def forget(self, _: Mapping[str, Any]) -> object:
        for front in self._box.fronts.values():
            front.forget()
        return {}

    def reset(self, _: Mapping[str, Any]) -> object:
        self._box.reset()
        return {"now": self._box.world.now().isoformat()}
