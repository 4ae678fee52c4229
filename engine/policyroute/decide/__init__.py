"""Decisions: from a request's facts and a compiled program to an ordered list of candidates, with the reasons."""
