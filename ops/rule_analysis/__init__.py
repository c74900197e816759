"""Rules tried before they serve: checks, explanations, tests, replays, mutations, warnings."""
