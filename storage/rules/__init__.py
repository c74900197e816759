"""Revisions of the rulebook, overrides of hours, issue classifiers."""
