"""OroCommerce and ReBound imitated over HTTP: stateful, seeded, with faults on request."""
