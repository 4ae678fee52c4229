"""What crossed to whom: one record an attempt, chained so that nobody changes one unseen.

Rule of this room: no text of a prompt and no value of a person's is in any of its values.
"""

from policyroute.audit.chain import Entry, Head, heads_in, linked, read
from policyroute.audit.findings import Code, Finding, Verified
from policyroute.audit.marks import Marks
from policyroute.audit.record import (
    Amount,
    Assertion,
    AuditRecord,
    Cause,
    Cut,
    Holder,
    Outcome,
    Receiver,
    Volume,
)
from policyroute.audit.verification import Line, verify

__all__ = [
    "Amount",
    "Assertion",
    "AuditRecord",
    "Cause",
    "Code",
    "Cut",
    "Entry",
    "Finding",
    "Head",
    "Holder",
    "Line",
    "Marks",
    "Outcome",
    "Receiver",
    "Verified",
    "Volume",
    "heads_in",
    "linked",
    "read",
    "verify",
]
