"""What is special about writing webhooks: topic and format are checked in words of their own."""

from __future__ import annotations

from rebound_oro_pipeline.sandbox.oro.errors import Faults
from rebound_oro_pipeline.sandbox.oro.session import Draft
from rebound_oro_pipeline.sandbox.oro.webhook_resources import FORMATS, TOPICS

_BLANK = ("not blank constraint", "This value should not be blank.")


def check(primary: Draft, pointer: str, faults: Faults) -> None:
    """Add the faults that Oro's validation finds in a webhook."""
    if primary.record.type != "webhooks":
        return
    if not (primary.record.attributes.get("notificationUrl") or "").strip():
        faults.add(*_BLANK, f"{pointer}/attributes/notificationUrl")
    for name, known in (("topic", TOPICS), ("format", FORMATS)):
        given = primary.record.relations.get(name)
        where = f"{pointer}/relationships/{name}/data"
        if not given:
            faults.add(*_BLANK, where)
        elif given not in known:
            faults.add(
                f"valid webhook {name} constraint", f"This value is not a known webhook {name}.", where
            )
