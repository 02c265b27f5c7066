"""Modules of the user as fields: the part of the problems that knows torch, in which they are written."""
