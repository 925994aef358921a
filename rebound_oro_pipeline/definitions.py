"""Dagster's entry: every definition of the pipeline. Loading it opens no connection."""

import gc
import warnings

import dagster as dg

# Python would look through all that Dagster made again and again while the rest loads: a fifth of the time.
gc.freeze()

# BackfillPolicy is marked beta in Dagster 1.13; said once here instead of at every asset.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*BackfillPolicy.*")
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")

from rebound_oro_pipeline.defs.all import build_definitions  # noqa: E402 - after the filter
from rebound_oro_pipeline.settings import Settings  # noqa: E402

defs = build_definitions(Settings())
