"""What of a prompt may cross to a provider, and what stays behind.

Rule of this package: pure, from the original prompt, and in doubt nothing goes. A prompt in which nothing has to be
changed is the very prompt.
"""

from policyroute.scrub.glance import glance
from policyroute.scrub.leaking import Listening, asserted, leaks, overheard
from policyroute.scrub.normal import normalised
from policyroute.scrub.outcome import Cut, Refusal, Scrubbed, Sizes
from policyroute.scrub.outputs import Outputs
from policyroute.scrub.profile import DEFAULT, Assertions, Gate, Profile, Selector
from policyroute.scrub.scrubbing import scrubbed
from policyroute.scrub.segment import Segment
from policyroute.scrub.traces import Traces
from policyroute.scrub.walk import segments

__all__ = [
    "DEFAULT",
    "Assertions",
    "Cut",
    "Gate",
    "Listening",
    "Outputs",
    "Profile",
    "Refusal",
    "Scrubbed",
    "Segment",
    "Selector",
    "Sizes",
    "Traces",
    "asserted",
    "glance",
    "leaks",
    "normalised",
    "overheard",
    "scrubbed",
    "segments",
]
