"""What the service remembers: SQLAlchemy Core on SQLite and PostgreSQL, one transaction at a time."""
