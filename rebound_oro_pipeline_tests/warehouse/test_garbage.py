"""How often Python searches for garbage: seldom while any block lasts, as before when none does."""

import gc

from rebound_oro_pipeline.warehouse.garbage import SELDOM, seldom_searched


def test_what_there_was_before_is_there_when_the_last_block_has_ended() -> None:
    before = gc.get_threshold()
    first, second = seldom_searched(), seldom_searched()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (SELDOM, *before[1:])
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before
