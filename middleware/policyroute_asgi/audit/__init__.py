"""Audit records on their way to a disk, and back to whoever asks: sinks, the writer before them, their reader."""
