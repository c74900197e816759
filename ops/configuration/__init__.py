"""The configuration file: sources, secrets, settings, positions of faults."""
