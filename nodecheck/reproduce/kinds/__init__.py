"""Kinds of scripts: each is the same few lines for many checks."""
