"""What can go wrong outside of the mathematics."""


class SourceError(ValueError):
    """A model or vocabulary could not be had; the message says what to do."""
