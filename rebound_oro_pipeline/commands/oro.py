"""The commands that ask and fill the live systems: `rebound-oro doctor` and `rebound-oro push`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from rebound_oro_pipeline.commands.output import counted, printable

if TYPE_CHECKING:
    from rebound_oro_pipeline.services.doctor import Finding
    from rebound_oro_pipeline.settings import Settings

_SIGNS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "failure": ("FAILURE", "red")}


def register(group: click.Group, settings: Callable[[], Settings]) -> None:
    """Add the commands to a group; `settings` reads the settings, or ends the command with what is wrong in them."""

    @group.command()
    @click.option("--json", "as_json", is_flag=True, help="Print the findings for machines.")
    @click.option(
        "--subscribe",
        metavar="URL",
        help="Instead: have OroCommerce (6.1.10 and later) announce changed orders to the receiver at URL.",
    )
    def doctor(as_json: bool, subscribe: str | None) -> None:
        """Ask OroCommerce, ReBound and the database what is missing for a run; nothing is written that stays.

        Exit status 1 if a run would fail. docs/doctor.md explains each finding. With --subscribe, webhook
        subscriptions are made in OroCommerce; those that exist stay as they are.

        Example: rebound-oro doctor --json
        """
        from rebound_oro_pipeline.services.doctor import has_failure

        if subscribe is not None:
            _subscribe(settings(), subscribe, as_json=as_json)
            return

        findings = []
        for finding in _findings(settings()):
            findings.append(finding)
            if not as_json:
                _show(finding)
        if as_json:
            click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
        sys.exit(1 if has_failure(findings) else 0)

    @group.command()
    @click.option("--credit-notes", is_flag=True, help="Credit notes only.")
    @click.option("--stock", is_flag=True, help="Stock levels only.")
    @click.option("--offers", is_flag=True, help="Returnable items to ReBound only.")
    @click.option("--dry-run", is_flag=True, help="Have OroCommerce validate every waiting note; store none.")
    @click.option("--json", "as_json", is_flag=True, help="Print the counts for machines.")
    def push(credit_notes: bool, stock: bool, offers: bool, dry_run: bool, as_json: bool) -> None:
        """Send what waits in the outbox to OroCommerce: credit notes, then stock levels; with --offers, to ReBound.

        May be run at any time, twice, and by several processes at once. With --dry-run (credit notes only,
        OroCommerce 6.1 and later) nothing changes on either side; exit status 1 if a note would be refused.

        Example: rebound-oro push --dry-run
        """
        if dry_run and (stock or offers):
            raise click.UsageError("--dry-run is for credit notes: nothing else can be rehearsed")
        if dry_run:
            sys.exit(_rehearse(settings(), as_json=as_json))
        both = not (credit_notes or stock or offers)
        _send(
            settings(),
            credit_notes=credit_notes or both,
            stock=stock or both,
            offers=offers,
            as_json=as_json,
        )


def _subscribe(settings: Settings, url: str, *, as_json: bool) -> None:
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.subscribe_webhooks import SubscriptionError, subscribe_webhooks

    with wiring.oro_client(settings) as oro:
        try:
            made = subscribe_webhooks(oro, url, settings.required("webhook_oro_secret"))
        except SubscriptionError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([asdict(each) for each in made], indent=2))
        return
    for each in made:
        state = (
            "subscribed now" if each.is_new else "was subscribed" if each.enabled else "is switched off there"
        )
        click.echo(f"{each.topic}: {state}, to {each.notification_url}")


def _findings(settings: Settings) -> Iterator[Finding]:
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.contracts.policy import PolicyError
    from rebound_oro_pipeline.services.doctor import Finding, examine_database
    from rebound_oro_pipeline.warehouse.errors import WarehouseError

    references: tuple[str, ...] = ()
    try:
        references = wiring.policy(settings).order_reference
        yield Finding(
            "policy", "ok", f"read from {settings.policy_file}" if settings.policy_file else "the default"
        )
    except PolicyError as error:
        yield Finding("policy", "failure", str(error), "Correct the file; docs/policy.md lists every key.")
    yield from _readable_files(settings)
    yield from _unknown_variables()
    if not settings.verify_tls:
        found = "certificates are not verified: whoever sits between reads the secrets"
        yield Finding(
            "TLS", "warning", found, "Leave REBOUND_ORO_VERIFY_TLS out; SSL_CERT_FILE names an authority."
        )
    try:
        server = wiring.embedded_server(settings)
        if server is not None and server.status().state == "absent":
            remedy = "Run `rebound-oro migrate`, which makes one, or set REBOUND_ORO_DATABASE_URL."
            yield Finding(
                "database", "failure", f"there is no embedded PostgreSQL in {settings.home}", remedy
            )
        else:
            with wiring.running_database(settings) as url:
                yield from examine_database(url)
    except (WarehouseError, OSError) as error:
        yield Finding(
            "database", "failure", str(error), "Run `rebound-oro db start`, or set REBOUND_ORO_DATABASE_URL."
        )
    for subject, findings in (
        ("ReBound", _examine_rebound(settings)),
        ("OroCommerce", _examine_oro(settings, references)),
    ):
        try:
            yield from findings
        except (ValueError, OSError) as error:
            # A ValueError is a missing setting or a URL that secrets must not be sent to, an OSError a secret's file.
            yield Finding(subject, "failure", str(error), "Correct the setting; docs/settings.md lists them.")


def _readable_files(settings: Settings) -> Iterator[Finding]:
    """Read what a run reads beside the policy: the mapping of ReBound's documents, and where alerts go."""
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.clients.alerts import AlertUrlError
    from rebound_oro_pipeline.contracts.rebound_mapping import MappingError
    from rebound_oro_pipeline.services.doctor import Finding

    file = settings.rebound_mapping_file
    try:
        wiring.rebound_mapping(settings)
        yield Finding("mapping", "ok", f"read from {file}" if file else "the default")
    except MappingError as error:
        remedy = "Correct the file; rebound_oro_pipeline/contracts/rebound_mapping.yaml is the default one."
        yield Finding("mapping", "failure", str(error), remedy)
    if not settings.secret_is_set("alert_urls"):
        return
    try:
        wiring.alert_channel(settings)
        yield Finding("alerts", "ok", "every URL is one that alerts can be sent to")
    except AlertUrlError as error:
        remedy = "Correct REBOUND_ORO_ALERT_URLS: until then nobody is told of failures."
        yield Finding("alerts", "failure", str(error), remedy)


def _unknown_variables() -> Iterator[Finding]:
    from rebound_oro_pipeline.services.doctor import Finding
    from rebound_oro_pipeline.settings import unknown_variables

    for name, meant in unknown_variables().items():
        found = f"{name} is no setting" + (f"; is {meant} meant?" if meant else "")
        yield Finding("settings", "warning", found, "Correct the name; docs/settings.md lists them all.")


def _examine_rebound(settings: Settings) -> Iterator[Finding]:
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.doctor import examine_rebound

    with wiring.rebound_client(settings) as rebound:
        yield examine_rebound(rebound, datetime.now(UTC).date())


def _examine_oro(settings: Settings, references: tuple[str, ...]) -> Iterator[Finding]:
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.doctor_oro import examine_oro

    with wiring.oro_client(settings) as oro:
        names = wiring.credit_note_names(settings)
        yield from examine_oro(oro, names, references, with_subtotals=settings.oro_subtotals)


def _show(finding: Finding) -> None:
    word, colour = _SIGNS[finding.level]
    click.echo(f"{click.style(f'{word:<7}', fg=colour)}  {printable(f'{finding.subject}: {finding.found}')}")
    if finding.remedy:
        click.echo(f"{'':9}→ {finding.remedy}")


def _send(settings: Settings, *, credit_notes: bool, stock: bool, offers: bool, as_json: bool) -> None:
    from contextlib import ExitStack

    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.push_credit_notes import push_credit_notes
    from rebound_oro_pipeline.services.push_inventory_levels import push_inventory_levels
    from rebound_oro_pipeline.services.push_rebound_orders import push_rebound_orders
    from rebound_oro_pipeline.services.restore_in_stock import restore_by_policy
    from rebound_oro_pipeline.services.sending import SendingRules

    pushed = {}
    restored = None
    with ExitStack() as stack:
        url = stack.enter_context(wiring.running_database(settings))
        if credit_notes or stock:
            oro = stack.enter_context(wiring.oro_client(settings))
        if credit_notes:
            pushed["credit_notes"] = push_credit_notes(
                oro, url, run_id=uuid4().hex, names=wiring.credit_note_names(settings)
            )
        if stock:
            run_id = uuid4().hex
            pushed["stock"] = push_inventory_levels(oro, url, run_id=run_id)
            restored = restore_by_policy(oro, url, wiring.policy(settings).stock, run_id=run_id)
        if offers:
            rebound = stack.enter_context(wiring.rebound_client(settings))
            pushed["offers"] = push_rebound_orders(
                rebound,
                url,
                wiring.rebound_mapping(settings),
                run_id=uuid4().hex,
                rules=SendingRules(workers=settings.rebound_connections),
            )
    if as_json:
        shown = {
            name: asdict(each) | {"to_be_continued": each.to_be_continued} for name, each in pushed.items()
        } | ({"products_in_stock_again": asdict(restored)} if restored else {})
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    for name, counts in pushed.items():
        why = ""
        if counts.stopped_by:
            why = f" (stopped: {counts.stopped_by})"
        elif counts.remaining:
            why = " (due later: `rebound-oro outbox list` tells why)"
        click.echo(
            f"{name.replace('_', ' ')}: {counts.confirmed} confirmed, {counts.rejected} rejected, "
            f"{counts.remaining} to be continued{why}"
        )
    if restored:
        click.echo(f"products in stock again: {restored.restored}, {len(restored.refused)} refused")


def _rehearse(settings: Settings, *, as_json: bool) -> int:
    from rebound_oro_pipeline import wiring
    from rebound_oro_pipeline.services.dry_run_credit_notes import DryRunImpossible, dry_run_credit_notes

    with (
        wiring.running_database(settings),
        wiring.oro_client(settings) as oro,
        wiring.connect_database(settings, application_name="rebound-oro dry run") as conn,
    ):
        conn.read_only = True
        try:
            dry_run = dry_run_credit_notes(oro, conn, names=wiring.credit_note_names(settings))
        except DryRunImpossible as error:
            raise click.ClickException(str(error)) from error
    if as_json:
        shown: dict[str, Any] = {
            "dry_run": True,
            "accepted": dry_run.accepted,
            "refused": dict(dry_run.refused),
        }
        click.echo(json.dumps(shown, indent=2))
    else:
        for number, words in dry_run.refused.items():
            click.echo(printable(f"{number}: {words}"))
        click.echo(
            f"{counted(dry_run.accepted, 'notes')} would be accepted, {len(dry_run.refused)} refused; none was stored"
        )
    return 1 if dry_run.refused else 0
