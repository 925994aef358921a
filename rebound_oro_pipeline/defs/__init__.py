"""Dagster definitions: few lines each, calling services."""
