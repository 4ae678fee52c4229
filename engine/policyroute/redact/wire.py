"""What the wire formats call things, all four together: which keys are theirs, and what stands under some of them.

Rule of this module: facts of the dialects and of JSON Schema. A key that is not listed is looked at as if a client had
made it up, so that a list which is too short costs time and never a value.
"""

from __future__ import annotations

from typing import Final

from policyroute.schemas.vocabulary import KNOWN, NAMED, SILENT, VALUES

FREE: Final = frozenset({"arguments", "input", "args", "response", "metadata", "labels"})
"""An object right under one of these is of the client's or a model's making."""
ARGUMENTS: Final = frozenset({"arguments", "partial_json"})
"""A text there is a JSON text."""
EXAMPLES: Final = VALUES | {"input_examples"}
"""And anything below these."""
NAMES: Final = EXAMPLES | frozenset(
    """id name toolUseId callId responseId allowedFunctionNames allowed_function_names required propertyOrdering pattern
    $ref dependentRequired user safety_identifier container conversation prompt_cache_key""".split()
)
"""Texts that somebody compares."""
DATA: Final = frozenset("data file_data fileData bytes b64_json url uri fileUri file_uri file_url image_url".split())
"""Maybe files."""
WORDS: Final = frozenset(
    """type role model object status finish_reason finishReason stop_reason media_type mime_type mimeType
    service_tier serviceTier effort detail""".split()
)
"""What stands there is a word of the wire."""
VECTORS: Final = frozenset({"embedding"})
"""Numbers there say nothing that anybody could read, and there are many."""
SEALED: Final = frozenset("signature thoughtSignature thought_signature encrypted_content encrypted_index".split())
"""What stands there is ciphertext, which only its issuer reads."""

_CHAT: Final = """
messages model role content name tool_calls tool_call_id function arguments function_call functions tools tool_choice
type parameters strict description response_format json_schema schema stream stream_options include_usage max_tokens
max_completion_tokens temperature top_p top_k min_p n stop seed presence_penalty frequency_penalty repetition_penalty
logit_bias logprobs top_logprobs user metadata store service_tier parallel_tool_calls modalities audio voice format
prediction reasoning_effort verbosity web_search_options safety_identifier prompt_cache_key prompt_cache_retention
text image_url url detail input_audio data file file_data file_id filename refusal id custom grammar definition syntax
mode allowed_tools reasoning_content reasoning extra_body provider"""
_RESPONSES: Final = """
input instructions previous_response_id include max_output_tokens max_tool_calls background truncation conversation
prompt variables version effort summary generate_summary output call_id status encrypted_content annotations item_id
output_index content_index context_management file_url container vector_store_ids filters ranking_options
max_num_results server_label server_url server_description headers require_approval allowed_tools connector_id
authorization search_context_size user_location country city region timezone approximate queries results action
actions environment acknowledged_safety_checks pending_safety_checks code outputs index score url_citation
file_citation title start_index end_index"""
_ANTHROPIC: Final = """
system thinking signature budget_tokens display tool_use tool_use_id tool_result is_error input_schema cache_control
ttl source media_type citations enabled document context stop_sequences disable_parallel_tool_use mcp_servers
defer_loading input_examples allowed_callers max_uses allowed_domains blocked_domains output_config output_format
speed inference_geo user_id anthropic_beta anthropic_version cited_text document_index document_title start_char_index
end_char_index search_result encrypted_index error_code return_code stdout stderr page_age caller tool_id
eager_input_streaming task_budget total edits keep trigger value clear_at_least exclude_tools clear_tool_inputs"""
_GEMINI: Final = """
contents parts systemInstruction system_instruction inlineData inline_data mimeType mime_type fileData fileUri
file_uri functionCall function_call functionResponse function_response args response thought thoughtSignature
thought_signature functionDeclarations function_declarations parametersJsonSchema parameters_json_schema
responseJsonSchema response_json_schema behavior toolConfig tool_config functionCallingConfig function_calling_config
allowedFunctionNames allowed_function_names generationConfig generation_config candidateCount candidate_count
maxOutputTokens max_output_tokens stopSequences stop_sequences topP topK responseMimeType response_mime_type
responseSchema response_schema presencePenalty frequencyPenalty responseLogprobs responseModalities
response_modalities thinkingConfig thinking_config includeThoughts include_thoughts thinkingBudget thinking_budget
thinkingLevel thinking_level mediaResolution media_resolution speechConfig speech_config safetySettings
safety_settings category threshold cachedContent cached_content serviceTier labels displayName display_name
executableCode codeExecutionResult language outcome codeExecution code_execution googleSearch google_search urlContext
url_context videoMetadata startOffset endOffset fps generateContentRequest toolCall toolResponse willContinue
scheduling"""
_ANSWERS: Final = """
choices delta message finish_reason usage prompt_tokens completion_tokens total_tokens object created
system_fingerprint stop_reason stop_sequence input_tokens output_tokens candidates finishReason content usageMetadata
promptTokenCount candidatesTokenCount totalTokenCount modelVersion responseId created_at completed_at
incomplete_details error"""

WIRE: Final = (
    KNOWN
    | SILENT
    | FREE
    | EXAMPLES
    | NAMED
    | NAMES
    | DATA
    | WORDS
    | SEALED
    | VECTORS
    | frozenset(f"{_CHAT} {_RESPONSES} {_ANTHROPIC} {_GEMINI} {_ANSWERS}".split())
)
"""Keys that are no client's invention, where they stand outside of what clients and models make."""
