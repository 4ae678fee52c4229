"""What other dialects ask, in Gemini's words, and what is said of what Gemini has none for."""

from __future__ import annotations

import json
from typing import Any

from policyroute.dialects.gemini import Gemini
from policyroute.request.prompt import (
    Call,
    Choice,
    Format,
    Function,
    Media,
    Other,
    Prompt,
    Refusal,
    Result,
    Text,
    Thought,
    Turn,
)

GEMINI = Gemini()
HI: dict[str, Any] = {"role": "user", "parts": [{"text": "hi"}]}
SIGNED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"q": {"type": "string"}}}


def foreign(*turns: Turn, **more: Any) -> tuple[dict[str, Any], list[str]]:
    written = GEMINI.write(Prompt("other", turns, **more), "m", False)
    return written.data, [str(change) for change in written.changes]


def said(*parts: Any) -> Turn:
    return Turn("user", parts)


CONVERSATION = (
    Turn("system", (Text("Be kind."),), {"name": "x"}),
    Turn("system", (Text("Be brief."),)),
    said(Text("Look."), Text("")),
    Turn("assistant", (Thought("hm", {"signature": "s"}), Text("I will."), Call("c1", "look", '{"q":"x"}'))),
    Turn("assistant", (Call("", "find", ""), Call("c3", "odd", "no json"))),
    said(Result("c1", (Text('{"a": 1}'),)), Result("", (Text("text"),), error=True, name="find")),
    said(Result("c3", (Text("seen"), Media("image", "image/png", data="AAAA")))),
    Turn("system", (Text("Be quick."),)),
    said(Other("input_audio", {"x": 1}), Text("And?")),
    Turn("assistant", (Refusal("No."),)),
    said(Text("Why?")),
)


def test_a_conversation_of_another_dialect() -> None:
    data, changes = foreign(*CONVERSATION)
    assert data == {
        "systemInstruction": {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Look."}]},
            {
                "role": "model",
                "parts": [
                    {"text": "I will."},
                    {
                        "functionCall": {"id": "c1", "name": "look", "args": {"q": "x"}},
                        "thoughtSignature": SIGNED,
                    },
                    {"functionCall": {"name": "find", "args": {}}},
                    {"functionCall": {"id": "c3", "name": "odd", "args": {"input": "no json"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "c1", "name": "look", "response": {"a": 1}}},
                    {"functionResponse": {"name": "find", "response": {"error": "text"}}},
                    {"functionResponse": {"id": "c3", "name": "odd", "response": {"output": "seen"}}},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"text": "<system>\nBe quick.\n</system>"},
                    {"text": "And?"},
                ],
            },
            {"role": "model", "parts": [{"text": "No."}]},
            {"role": "user", "parts": [{"text": "Why?"}]},
        ],
    }
    assert changes == [
        "messages.thought=dropped",
        "messages.result.media=moved",
        "messages.system=rewritten",
        "messages.refusal=rewritten",
    ]


def test_a_conversation_that_goes_on_begins_with_the_same_bytes() -> None:
    for end in range(3, len(CONVERSATION)):
        shorter, longer = (foreign(*CONVERSATION[:at])[0]["contents"] for at in (end, end + 1))
        before, after = (json.dumps(contents).rstrip("]}") for contents in (shorter, longer))
        assert after.startswith(before)


MEDIA: list[tuple[Media, Any, list[str]]] = [
    (Media("image", "image/png", data="AA"), {"inlineData": {"mimeType": "image/png", "data": "AA"}}, []),
    (Media("file", data="AA", name="a.csv"), {"inlineData": {"mimeType": "text/csv", "data": "AA"}}, []),
    (Media("file", data="AA"), {"inlineData": {"mimeType": "application/pdf", "data": "AA"}}, []),
    (
        Media("image", url="https://x.y/a.webp?b=c.png", detail="high"),
        {"fileData": {"mimeType": "image/webp", "fileUri": "https://x.y/a.webp?b=c.png"}},
        ["messages.image.detail=dropped", "messages.image=rewritten"],
    ),
    (
        Media("image", url="https://[x/a", detail="auto"),
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://[x/a"}},
        ["messages.image=rewritten"],
    ),
    (Media("file", file_id="file-1"), None, ["messages.file=dropped"]),
]


def test_media() -> None:
    for media, part, changes in MEDIA:
        data, found = foreign(said(Text("See:"), media))
        assert data["contents"][0]["parts"][1:] == ([part] if part else [])
        assert found == changes


CONFIGS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (
        {"temperature": 0.5, "top_p": 1, "top_k": 3, "stop": ("a", "b"), "seed": 7, "n": 2, "max_tokens": 9},
        {
            "temperature": 0.5,
            "topP": 1,
            "topK": 3,
            "stopSequences": ["a", "b"],
            "seed": 7,
            "candidateCount": 2,
            "maxOutputTokens": 9,
        },
        [],
    ),
    (
        {"presence_penalty": 1, "frequency_penalty": -1, "modalities": ("text",)},
        {"presencePenalty": 1, "frequencyPenalty": -1, "responseModalities": ["TEXT"]},
        [],
    ),
    ({"logprobs": 0}, {"responseLogprobs": True}, []),
    ({"logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}, []),
    ({"format": Format("text")}, {"responseMimeType": "text/plain"}, []),
    ({"format": Format("json_object")}, {"responseMimeType": "application/json"}, []),
    (
        {"format": Format("json_schema", SCHEMA, "n", strict=True)},
        {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        [],
    ),
    ({"effort": "low"}, {"thinkingConfig": {"thinkingLevel": "LOW"}}, []),
    ({"effort": "max"}, {"thinkingConfig": {"thinkingLevel": "HIGH"}}, ["effort=clamped"]),
    ({"effort": "none"}, {"thinkingConfig": {"thinkingBudget": 0}}, []),
    ({"thinking_tokens": 0}, {"thinkingConfig": {"thinkingBudget": 0}}, []),
    ({"thinking_tokens": 2048}, {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": True}}, []),
    (
        {"effort": "high", "thinking_tokens": 2048},
        {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": True}},
        ["thinking_tokens=dropped"],
    ),
    ({"verbosity": "low"}, {}, ["verbosity=dropped"]),
    ({"user": "u", "metadata": {"a": "b"}, "cache": True}, {}, ["metadata=dropped", "user=dropped"]),
]


def test_how_an_answer_is_to_be() -> None:
    for asked, config, changes in CONFIGS:
        data, found = foreign(said(Text("hi")), **asked)
        assert (data.get("generationConfig", {}), found) == (config, changes)


def test_tools_and_which_of_them() -> None:
    tools = (Function("look", "Looks.", SCHEMA, strict=True), Other("web_search", {}), Function("find", strict=False))
    data, changes = foreign(said(Text("hi")), tools=tools, choice=Choice("required", ("look",)), parallel=False)
    declared = [{"name": "look", "description": "Looks.", "parametersJsonSchema": SCHEMA}, {"name": "find"}]
    assert data["tools"] == [{"functionDeclarations": declared}]
    assert data["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["look"]}}
    assert changes == ["tools.strict=dropped", "parallel=dropped"]
    for wanted, word in ((Choice("auto"), "AUTO"), (Choice("none"), "NONE"), (Choice("required"), "ANY")):
        data, _ = foreign(said(Text("hi")), tools=tools, choice=wanted)
        assert data["toolConfig"] == {"functionCallingConfig": {"mode": word}}
    data, changes = foreign(said(Text("hi")), tools=(Other("web_search", {}),), choice=Choice("auto"))
    assert not {"tools", "toolConfig"} & set(data)
    assert "tool_choice=dropped" in changes


def test_safety_of_a_policy_goes_over_the_clients() -> None:
    hate = {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}
    sexual = {"category": "HARM_CATEGORY_SEXUALLY_EXPLICIT", "threshold": "OFF"}
    prompt = GEMINI.read({"contents": [HI], "safety_settings": [hate, sexual]})
    asked = Prompt("gemini", prompt.turns, safety={"hate": "low", "hats": "off"}, extra=prompt.extra)
    written = GEMINI.write(asked, "m", False)
    assert written.data["safetySettings"] == [sexual, {**hate, "threshold": "BLOCK_LOW_AND_ABOVE"}]
    assert "safety_settings" not in written.data
    assert [str(change) for change in written.changes] == ["safety.hats=dropped"]


def test_what_a_body_says_to_other_dialects() -> None:
    prompt = GEMINI.read(
        {
            "system_instruction": {"parts": [{"text": "Be kind."}]},
            "contents": [
                {"parts": [{"text": "hi"}, {"file_data": {"file_uri": "https://x/a.png", "mime_type": "image/png"}}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "hm", "thought": True, "thoughtSignature": "s"},
                        {"functionCall": {"name": "look", "args": {"q": 1.0}}},
                        {"executableCode": {"code": "1"}},
                    ],
                },
                {"role": "function", "parts": [{"functionResponse": {"name": "look", "response": {"output": "x"}}}]},
            ],
            "tools": [
                {"functionDeclarations": [{"name": "look", "parameters": {"type": "OBJECT"}}]},
                {"google_search": {}},
            ],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {"type": "STRING"},
                "topK": 3,
            },
        }
    )
    parts = [part for turn in prompt.turns for part in turn.parts]
    assert [turn.role for turn in prompt.turns] == ["system", "user", "assistant", "user"]
    assert parts[2] == Media("image", "image/png", url="https://x/a.png")
    assert parts[3:5] == [Thought("hm", {"thoughtSignature": "s"}), Call("", "look", '{"q":1.0}')]
    assert parts[6] == Result("", (Text("x"),), name="look")
    assert prompt.tools == (
        Function("look", parameters={"type": "object"}),
        Other("googleSearch", {"google_search": {}}),
    )
    assert (prompt.choice, prompt.format, prompt.top_k) == (
        Choice("required"),
        Format("json_schema", {"type": "string"}),
        3,
    )
