"""Customers and identities: aliases, contact changes, reply windows, sessions, export and erasure."""
