"""The rulebook: TOML read into compiled rules, queues, issues, replies and assignment strategies, with faults by position."""
