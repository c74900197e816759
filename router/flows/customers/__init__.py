"""What customers see while they wait: their own feed, and an estimate of the wait."""
