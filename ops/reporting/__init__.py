"""Figures as tables and as a page with charts."""
