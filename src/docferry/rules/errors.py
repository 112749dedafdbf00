"""The error that reading a fact ends in, inside the worker."""


class CannotRead(Exception):
    """A fact cannot be read; the message says why, for people."""
