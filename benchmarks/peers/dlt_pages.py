"""dlt on the same chained pages: `rest_api` at its best settings, or an Arrow-fed resource.

    .venv-bench/bin/python benchmarks/peers/dlt_pages.py rest_api|arrow URL postgresql://… FOLDER

Prints {"seconds": …}.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

kind, url, database_url, folder = sys.argv[1:]
os.environ |= {
    "DLT_DATA_DIR": folder,
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__START_METHOD": "spawn",
    "DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "RUNTIME__LOG_LEVEL": "ERROR",
}

import dlt  # noqa: E402
import pyarrow as pa  # noqa: E402
import requests  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402


@dlt.resource(name="returns")
def arrow_pages() -> Iterator[Any]:
    """Yield each page as an Arrow table."""
    with requests.Session() as session:
        number: int | None = 1
        while number is not None:
            page = session.get(url, params={"page": number}, timeout=30).json()
            yield pa.Table.from_pylist([{**row, "item": json.dumps(row["item"])} for row in page["data"]])
            yield dlt.mark.with_table_name(
                pa.Table.from_pylist(
                    [
                        {"return_id": row["id"], **item, "reason": json.dumps(item["reason"])}
                        for row in page["data"]
                        for item in row["item"]
                    ]
                ),
                "return_lines",
            )
            number = page["next"]


def main() -> None:
    """Run the pipeline once."""
    source = (
        rest_api_source(
            {
                "client": {
                    "base_url": url.rpartition("/")[0],
                    "paginator": {
                        "type": "page_number",
                        "base_page": 1,
                        "total_path": None,
                        "page_param": "page",
                        "stop_after_empty_page": False,
                        "maximum_page": int(os.environ["PAGES"]),
                    },
                },
                "resources": [{"name": "returns", "endpoint": {"path": "returns", "data_selector": "data"}}],
            }
        )
        if kind == "rest_api"
        else arrow_pages()
    )
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(credentials=database_url), dataset_name="peer"
    )
    started = time.perf_counter()
    pipeline.run(source, loader_file_format="parquet")
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
