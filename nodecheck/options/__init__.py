"""What can be chosen of a run."""
