"""Why a check has no verdict: each becomes the outcome of the same name."""


class Inconclusive(Exception):
    """The reference, the problem or the ladder cannot decide; the message says why."""


class Unsupported(Exception):
    """The layer refuses, with a clear error, something that it never promised."""


class Skip(Exception):
    """The check does not apply to this layer; the message says why."""
