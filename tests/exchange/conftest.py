from __future__ import annotations

from collections.abc import Callable

import pytest

from policyroute.absent import ABSENT
from policyroute.clearance import Clearance
from policyroute.decide.decision import Candidate
from policyroute.policy.accounts import SecretRef
from policyroute.policy.model import Price, Provider, Target
from policyroute.policy.qualities import ByTask
from policyroute.problems import Span

SPAN = Span("policy.yaml", 1, 1, 1, 2)


def _candidate(target: str, provider: str = "", window: int | None = None, model: str = "", keys: int = 1) -> Candidate:
    provider = provider or f"{target}-provider"
    account = Provider(
        name=provider,
        dialect="openai_chat",
        base_url=f"https://{provider}.example/v1",
        api_keys=tuple(SecretRef("env", f"{provider.upper()}_{number}") for number in range(keys)),
        region="eu",
        clearance=Clearance.INTERNAL,
        failure_domains=(),
        tags={},
        span=SPAN,
    )
    spec = Target(
        name=target,
        model=model or f"{target}-model",
        providers=(account,),
        quality=ByTask(),
        context_window=ABSENT if window is None else window,
        max_output_tokens=ABSENT,
        price=Price(ABSENT, ABSENT, ABSENT, ABSENT),
        supports={},
        tags={},
        span=SPAN,
    )
    return Candidate(target, spec, account, facts=None)


@pytest.fixture(scope="session")
def candidate() -> Callable[..., Candidate]:
    """Makes a candidate of its own account, unless a provider is named."""
    return _candidate
