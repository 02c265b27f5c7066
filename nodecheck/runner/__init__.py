"""Runs checks on layers, here or in child processes."""
