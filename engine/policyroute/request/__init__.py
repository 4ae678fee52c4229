"""A client's request, in no provider's words.

`ModelRequest` is made from bytes, by `ModelRequest.read`; the rest are its parts. Dialects register how they are read.
"""

from __future__ import annotations

from policyroute.request.ingest import CREDENTIAL_HEADERS, MAX_DEPTH
from policyroute.request.model_request import ModelRequest, RequestReader, register
from policyroute.request.profiles import PROFILES, SHIPPED, Profiles
from policyroute.request.values import BadRequest, Client, Message, Operation, ResponseFormat, Tool, ToolCall

__all__ = [
    "CREDENTIAL_HEADERS",
    "MAX_DEPTH",
    "PROFILES",
    "SHIPPED",
    "BadRequest",
    "Client",
    "Message",
    "ModelRequest",
    "Operation",
    "Profiles",
    "RequestReader",
    "ResponseFormat",
    "Tool",
    "ToolCall",
    "register",
]
