"""The operators' door: command line, configuration, composition."""
