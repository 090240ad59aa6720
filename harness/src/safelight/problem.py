"""What goes wrong, in words for the person at the keyboard."""

from __future__ import annotations


class Problem(Exception):
    """Something a person can mend: the message says what is wrong and what to do about it.

    The command line prints it without a traceback and exits with 1.
    """


class ImageUnavailable(Problem):
    """A container image is neither on this machine nor to be pulled."""
