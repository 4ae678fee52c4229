"""Keys are found in files as far as these can be read, each with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyroute.policy.keyholders import keyholders

ONE, TWO = "a" * 64, "B" * 64


@pytest.mark.parametrize(
    ("text", "lines", "keys"),
    [
        (f"clients: {{ci: {{key_sha256: {ONE}}}}}\n", (1, 1), ["1:28"]),
        (
            f"clients:\n  ci:\n    key_sha256:\n      - {ONE}\n      - '{TWO}'\n    team: x\n\nrules: []\n",
            (2, 6),
            ["4:9", "5:9"],
        ),
        (f"clients:\n  ci:\n    key_sha256: [{ONE},\n      {TWO}]\n  web: {{}}\n", (2, 4), ["3:18", "4:7"]),
        (f"clients:\n  ci: {{team: 3, key_sha256: {ONE}, bogus: [}}\n", None, []),
        (f"clients:\n  ci:\n    tags: {{}}\n    key_sha256: {ONE}  # old\n", (2, 4), ["4:17"]),
        ("clients:\n  ci:\n", (2, 2), []),
        ("clients:\n  ci: [x]\n", (2, 2), []),
    ],
)
def test_an_entry_is_found_from_its_name_to_its_last_character(
    text: str, lines: tuple[int, int] | None, keys: list[str]
) -> None:
    found = keyholders({"a.yaml": text})
    if lines is None:
        assert (found.clients, found.unread) == ((), ("a.yaml",))
        return
    (client,) = found.named("ci")
    assert (client.span.line, client.span.end_line) == lines
    assert [f"{span.line}:{span.column}" for _, span in client.keys] == keys
    assert [digest for digest, _ in client.keys] == [ONE, TWO.lower()][: len(keys)]


def test_an_entry_that_is_not_well_formed_has_its_keys_all_the_same() -> None:
    (client,) = keyholders({"a.yaml": f"clients: {{ci: {{key_sha256: [{ONE}, x], team: 1}}}}\n"}).clients
    assert client.spec is None
    assert [digest for digest, _ in client.keys] == [ONE]


def test_every_file_is_looked_at() -> None:
    texts = {
        "b.yaml": f"clients: {{ci: {{key_sha256: {ONE}}}}}\n",
        "a.yaml": "clients: {ci: {}}\n",
        "c.yaml": "rules: []\n",
    }
    found = keyholders(texts)
    assert [client.span.file for client in found.named("ci")] == ["a.yaml", "b.yaml"]
    assert found.files == ("a.yaml", "b.yaml")


def test_a_schema_beside_the_policies_holds_no_keys() -> None:
    texts = {"a.yaml": "clients: {ci: {}}\n", "b.schema.json": '{\n\t"clients": {"web": {}},\n\t"type": "object"\n}'}
    found = keyholders(texts)
    assert (found.files, found.unread) == (("a.yaml",), ())
    assert not found.named("web")


@given(
    st.text()
    | st.from_regex(r"clients:\n(  [a-z]{1,3}:( \{\}| \[a\]| x|\n    key_sha256: (a{64}|\[a{64}\]|x))\n){0,3}")
)
def test_any_text_is_read_or_said_to_be_unread(text: str) -> None:
    found = keyholders({"a.yaml": text})
    assert all(client.span.line <= client.span.end_line for client in found.clients)
