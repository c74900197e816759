"""Calendars: whether they are open at an instant, the next opening, arithmetic in open time, overrides."""
