"""Who runs the embedded server, and what that account can reach.

PostgreSQL refuses to run as root, so root hands it to an account without privileges. Nobody's directories are
opened for it: what it cannot reach is put elsewhere, or refused with a sentence (`server_place`).
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError

ACCOUNT = "rebound_oro"
"""The account that root runs the server as; created as a system account where it is missing."""


@dataclass(frozen=True)
class Account:
    """A user and group to run programs as. `drop` says whether we are root and change to it."""

    name: str
    uid: int
    gid: int
    drop: bool

    def run(
        self, command: Sequence[str | Path], *, timeout: float | None = None, keeps: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and return its outcome; our environment and groups stay behind.

        `keeps` are open files, by their numbers, that the program and what it starts keep open.
        """
        return subprocess.run(  # noqa: S603 - the programs and arguments are our own
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            timeout=timeout,
            pass_fds=keeps,
            user=self.uid if self.drop else None,
            group=self.gid if self.drop else None,
            extra_groups=[] if self.drop else None,
        )

    def own(self, path: Path) -> None:
        """Give one file or directory of the server's to this account."""
        if self.drop:
            os.chown(path, self.uid, self.gid)

    def first_barrier(self, path: Path) -> Path | None:
        """Return the first of `path`'s parents, or `path` itself, that this account may not enter or execute.

        None if it gets through. Tried rather than computed: access lists and mounts have their say as well.
        """
        if not self.drop:
            return None
        script = 'for step; do test -x "$step" || { printf %s "$step"; exit 1; }; done'
        outcome = self.run(["/bin/sh", "-c", script, "sh", *reversed(path.parents), path])
        return Path(outcome.stdout) if outcome.returncode else None


def owner_of(path: Path) -> int | None:
    """Return the user id of a file's owner, None where it does not exist.

    Raises EmbeddedPostgresError where the way to it is closed to us.
    """
    try:
        return path.stat().st_uid
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{path} is out of reach for {_name(os.geteuid())}. Choose another folder with REBOUND_ORO_HOME."
        ) from error


def account_for(data: Path) -> Account:
    """Return the account that runs the server of a data directory, existing or to be.

    We ourselves, unless we are root: then the owner of the directory, or for a new one the account ACCOUNT.
    Raises EmbeddedPostgresError.
    """
    me, owner = os.geteuid(), owner_of(data)
    if me != 0:
        if owner not in (None, me):
            maker = _name(data.parent.stat().st_uid)
            raise EmbeddedPostgresError(
                f"The server in {data} was made by {maker}, you are {_name(me)}. "
                f"Work as {maker}, or choose another folder with REBOUND_ORO_HOME."
            )
        return Account(_name(me), me, os.getegid(), drop=False)
    if owner is None:
        entry = _dedicated_entry()
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, drop=True)
    if owner == 0:
        raise EmbeddedPostgresError(
            f"{data} belongs to root, as whom PostgreSQL does not run. "
            f"Give it to the server's account: chown -R {_dedicated_entry().pw_name}: {data}"
        )
    return Account(_name(owner), owner, data.stat().st_gid, drop=True)


def _dedicated_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        problem = _create_account()
    # Looked up again whatever came of it: another process may have been faster.
    for name in (ACCOUNT, "postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError(
        f"PostgreSQL does not run as root, and the account {ACCOUNT} could not be created ({problem}). "
        "Create it, or work as an ordinary user, or set REBOUND_ORO_DATABASE_URL to a running PostgreSQL."
    )


def _create_account() -> str:
    """Create the system account; return what went wrong, if anything did."""
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd is None:
        return "there is no useradd"
    outcome = subprocess.run(  # noqa: S603
        [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", "--comment", "Embedded PostgreSQL of rebound-oro", ACCOUNT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return outcome.stderr.strip()


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
