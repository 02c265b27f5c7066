"""Checks that an answer does not depend on how the problem is posed."""
