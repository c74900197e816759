"""Staffing simulation and the people of the demo."""
