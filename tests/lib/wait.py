# SPDX-License-Identifier: MIT
"""Waiting for a condition with a deadline."""
import time


def wait_until(condition, timeout=5.0, what="", interval=0.01):
    """Calls condition() until it is true and returns what it gave; fails after timeout seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(interval)


def stays(condition, seconds, what="", interval=0.02):
    """Fails as soon as condition() is false within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"no longer so: {what or condition}"
        time.sleep(interval)


class Timed:
    """with Timed() as t: ...; t.seconds"""

    def __enter__(self):
        self.start = time.monotonic()
        self.seconds = None
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start
