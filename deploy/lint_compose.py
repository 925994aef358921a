#!/usr/bin/env python
"""Check compose files against the Compose specification: `lint_compose.py FILE …`; the first fault ends it."""

import json
import re
import sys
from pathlib import Path

import compose_spec
import yaml

for name in sys.argv[1:]:
    # As Compose does before it looks further: YAML's merge keys resolved, then variables by their defaults.
    document = json.dumps(yaml.safe_load(Path(name).read_text(encoding="utf-8")))
    services = len(compose_spec.PyCompose.from_json(re.sub(r"\$\{\w+:[-?]([^}]*)\}", r"\1", document)))
    sys.stdout.write(f"{name}: {services} services\n")
