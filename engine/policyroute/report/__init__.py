"""What happened to many requests, in figures: by hour, profile, target and provider, and whether others were needed.

Rule of this room: values in, values out; figures of parts, merged, are the figures of the whole.
"""

from __future__ import annotations

from policyroute.report.figures import DIMENSIONS, Cell, Dimension, Figures
from policyroute.report.histogram import Histogram
from policyroute.report.outages import Outage
from policyroute.report.verdict import ENOUGH, Verdict, judged

__all__ = ["DIMENSIONS", "ENOUGH", "Cell", "Dimension", "Figures", "Histogram", "Outage", "Verdict", "judged"]
