"""The agents' and admins' endpoints, one module a resource."""
