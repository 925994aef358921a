"""Clients that speak the words of the two APIs and know no policy."""
