"""The HTTP layer: routing, authentication, problems, headers, OpenAPI."""
