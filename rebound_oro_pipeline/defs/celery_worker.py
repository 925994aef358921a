"""The application of a Celery worker.

celery -A rebound_oro_pipeline.defs.celery_worker worker -Q dagster --concurrency 2

Executor and workers read the same settings, so that they meet at the same broker; a file for `dagster-celery` would be
a second place to say so, with the broker's password in it.
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from rebound_oro_pipeline.defs.celery_executor import executor_of
from rebound_oro_pipeline.settings import Settings

app = make_app(executor_of(Settings()).app_args())
execute_plan = create_task(app)
