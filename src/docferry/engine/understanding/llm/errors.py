"""What can go wrong with a language model."""

from __future__ import annotations


class LanguageModelError(Exception):
    """The model could not be asked, or its answer cannot be used. The message is one line and bears no key."""
