"""Joins ReBound returns to OroCommerce B2B: exact credit notes, stock updates and a ledger that finance can trust."""
