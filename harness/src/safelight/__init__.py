"""Safelight's harness: the command line, the local stacks, fixtures, replay and simulation."""

__version__ = "0.1.0"
