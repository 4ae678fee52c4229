"""Asks every target the same edge cases and says what has changed since last time.

Rule of this package: what was said is measured and thrown away; only figures, words of ours and names are kept.
"""
