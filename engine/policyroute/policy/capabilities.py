"""What a target may be declared to support.

Rule of this module: names and what they mean; `policy.known` says what is known of whom.
"""

from __future__ import annotations

from collections.abc import Mapping

CAPABILITIES: Mapping[str, str] = {
    "chat": "answers conversations; one that makes embeddings does only if it is declared to",
    "embeddings": "makes embeddings; only if it is declared to",
    "streaming": "streams",
    "tools": "calls tools",
    "tool_choice": "can be made to call a tool",
    "parallel_tools": "can be kept from several calls at once",
    "json_object": "answers in JSON when asked",
    "json_schema": "answers by a JSON Schema",
    "tools_with_schema": "does so where there are tools too",
    "images": "reads images",
    "image_urls": "fetches them by their address",
    "files": "reads files (PDF)",
    "audio": "hears audio",
    "video": "sees video",
    "system": "has a system role",
    "mid_system": "takes system turns in the middle of a conversation",
    "prefill": "continues an answer that is begun",
    "reasoning": "thinks, and takes how much",
    "sampling": "takes temperature, top_p and top_k",
    "sampling_reasoning": "takes them while it thinks",
    "penalties": "takes presence_penalty, frequency_penalty and logit_bias",
    "seed": "takes a seed",
    "logprobs": "gives log probabilities",
    "n": "gives several answers at once",
}
"""What a target may be declared to support or not. One that says nothing is taken to support what its dialect, vendor
and model are known to, and embeddings only where that is known."""
