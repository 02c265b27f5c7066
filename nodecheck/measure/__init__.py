"""What checks look at: cached measurements, computed from solutions."""
