"""Reasons for no verdict, as exceptions that a check raises: each becomes the outcome of the same name."""


class Inconclusive(Exception):
    """The reference, the problem or the step sizes do not allow a decision; the message is the reason."""


class Unsupported(Exception):
    """The layer refuses, with a clear error, a capability that it does not claim."""


class Skip(Exception):
    """The check does not apply to the layer; the message is the reason."""
