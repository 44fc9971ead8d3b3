"""Which runs answer which tests, and what they measured: planning, launching, storing, measuring."""
