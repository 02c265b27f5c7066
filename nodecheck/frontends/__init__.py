"""Ways to start nodecheck."""
