"""An interrupt amid an import is not lost: it waits for the end of it."""

import signal
import threading

import pytest

from rebound_oro_pipeline.defs.imports import uninterrupted


@pytest.fixture
def done() -> list[str]:
    return []


def import_something(done: list[str]) -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("import")


def test_an_interrupt_waits_for_the_end_of_an_import(done: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        import_something(done)
    assert done == ["import"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_leave_signals_alone(done: list[str]) -> None:
    def look() -> None:
        with uninterrupted():
            done.append(str(signal.getsignal(signal.SIGINT) is signal.default_int_handler))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert done == ["True"]
