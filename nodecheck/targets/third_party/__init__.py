"""Adapters for libraries, one module each."""
