"""Adapters for libraries, one module for each library."""
