"""What is raised where looking through a text takes more than its bound.

Rule of this module: whoever catches it refuses. Nobody knows what is in the text.
"""

from __future__ import annotations


class Exhausted(Exception):
    """Looking through a text took more than its bound."""
