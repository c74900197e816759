"""What follows from a decision: plans to write, automatic replies, notifications, permissions, overflow, callback times."""
