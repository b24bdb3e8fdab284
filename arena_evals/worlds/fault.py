"""What a tool says when it cannot do what it is told."""


class Fault(Exception):
    """A call that failed; its text is what the caller reads."""
