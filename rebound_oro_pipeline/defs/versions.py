"""Data versions: what makes a day unsynced in Dagster's UI, and what does not.

Dagster takes a day for unsynced if something that it was made from has another data version now. Views and working sets
have no days, and every run, of whatever day, makes them anew; to no other day is that news. News are other code or
seeds, which a view or working set passes on from those it reads, and another policy.
"""

from collections.abc import Mapping
from hashlib import sha256

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
)

from rebound_oro_pipeline.sqlmodels.graph import descendants
from rebound_oro_pipeline.sqlmodels.model import Models
from rebound_oro_pipeline.sqlmodels.relations import marks_of

POLICIES = "reference.policies"
_MADE_FROM = (
    *(CODE_VERSION_TAG, DATA_VERSION_TAG),
    *(INPUT_DATA_VERSION_TAG_PREFIX, INPUT_EVENT_POINTER_TAG_PREFIX),
)


def versions_without_days(models: Models, policy_version: int) -> Mapping[str, dg.DataVersion]:
    """Return the data version of each view and working set, the same in every run under this code and policy."""
    versions = {relation: [definition] for relation, (definition, _) in marks_of(models).items()}
    given = {seed.relation: sha256(seed.path.read_bytes()).hexdigest() for seed in models.seeds.values()}
    given[POLICIES] = str(policy_version)
    for source, version in given.items():
        for relation in descendants(models, source) & versions.keys():
            versions[relation].append(f"{source} {version}")
    return {
        relation: dg.DataVersion(sha256(" ".join(parts).encode()).hexdigest())
        for relation, parts in versions.items()
    }


def tags_as_before(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> dict[str, str]:
    """Return the tags that say what a partition was last made from, for a report that makes nothing anew.

    Without them Dagster would go by the time of the report, and take whatever ran later for news.
    """
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    made = records[0].asset_materialization if records else None
    tags = made.tags or {} if made else {}
    return {name: value for name, value in tags.items() if name.startswith(_MADE_FROM)}
