"""Phone callbacks: booking, verification codes, attempts, timers, cancellation, the do-not-call list."""
