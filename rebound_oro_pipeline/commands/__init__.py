"""The commands of `rebound-oro`, a module for each group; `cli.py` puts them together."""
