"""What commands share: arguments, progress, a session with the database."""
