"""`python -m rebound_oro_pipeline` is `rebound-oro`."""

from rebound_oro_pipeline.cli import main

main()
