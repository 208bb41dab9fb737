"""Errors that a person reads: each names the thing, the place and the remedy, and carries an exit status."""

from __future__ import annotations


class FrwatchError(Exception):
    """Something went wrong that its text explains to a user; `frwatch` prints that one line, no traceback.

    `exit_status` is what the command then returns: 1 the answer is no, 2 wrong use, 3 something that is
    needed is not there.
    """

    exit_status = 1


class WrongUse(FrwatchError):
    """An argument, a setting or a file that a person wrote is not what it must be."""

    exit_status = 2


class NotThere(FrwatchError):
    """A broker, an engine, a registry, a file or a port that the command needs is not to be had."""

    exit_status = 3
