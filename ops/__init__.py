"""The operators' surface: command line, configuration, composition."""
