"""Engines, transactions, and SQL that differs between PostgreSQL and SQLite."""
