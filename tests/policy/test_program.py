"""What a policy means: every section and effect as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from policyroute.absent import ABSENT
from policyroute.cel.compile import Compiler
from policyroute.clearance import Clearance
from policyroute.failures import GROUPS, FailureKind
from policyroute.policy.accounts import SecretRef
from policyroute.policy.actions import Deny, Fallback, Limits, Rewrite, Route, Value
from policyroute.policy.compile import compile_policy
from policyroute.policy.files import shipped_packs
from policyroute.policy.model import Mode, Program, RateLimit
from policyroute.policy.qualities import ByTask, Floor
from policyroute.request import PROFILES, Client, Profiles

Make = Callable[[str], Program]
Based = Callable[[str], Mapping[str, str]]


def test_providers(program: Make) -> None:
    made = program("""
providers:
  full: {dialect: openai_chat, base_url: https://a.example/v1/, api_key: {env: KEY}, region: eu,
         clearance: confidential, failure_domains: [azure], tags: {kind: cloud}}
  bare: {dialect: openai_chat, base_url: "embedded:", api_key: {file: secrets/key}}
  none: {dialect: openai_chat, base_url: http://localhost:8000}
""").providers
    full, bare = made["full"], made["bare"]
    assert (full.base_url, full.api_keys, full.region) == ("https://a.example/v1", (SecretRef("env", "KEY"),), "eu")
    assert (full.clearance, full.failure_domains, full.tags) == (Clearance.CONFIDENTIAL, ("azure",), {"kind": "cloud"})
    assert (bare.base_url, bare.api_keys, bare.region) == ("embedded:", (SecretRef("file", "secrets/key"),), "")
    assert (bare.clearance, bare.failure_domains, made["none"].api_keys) == (Clearance.INTERNAL, (), ())


def test_targets(program: Make) -> None:
    made = program("""
targets:
  full: {providers: [openai, frankfurt], model: m, quality: 1, context_window: 8000, max_output_tokens: 100,
         price: {input: 1, cached_input: 0.5}, supports: {tools: false}, tags: {a: b}}
  bare: {provider: openai, model: n}
  vectors: {provider: openai, model: v, supports: {embeddings: true}}
  both: {provider: openai, model: b, supports: {embeddings: true, chat: true}}
""").targets
    full, bare = made["full"], made["bare"]
    assert [provider.name for provider in full.providers] == ["openai", "frankfurt"]
    assert (full.quality, full.context_window, full.max_output_tokens) == (ByTask(1), 8000, 100)
    assert (full.price.input, full.price.cached_input, full.price.output) == (1, 0.5, ABSENT)
    assert [name for name, able in full.supports.items() if not able] == ["embeddings", "tools", "prefill"]
    assert (bare.quality, bare.context_window, bare.price.input) == (ByTask(), ABSENT, ABSENT)
    assert [name for name, able in bare.supports.items() if not able] == ["embeddings", "prefill"]
    assert [name for name, able in made["vectors"].supports.items() if not able] == ["chat", "prefill"]
    assert made["both"].supports["chat"] and made["both"].supports["embeddings"]


def test_effects(program: Make) -> None:
    rules = {
        rule.id: rule
        for rule in program(r"""
rules:
  - id: everything
    when: request.stream
    deny: {status: 413, code: too_long, message: Too long}
    require: target.region == "eu"
    quality_floor: 0.9
    route: {targets: [gpt, eu], weights: {gpt: 9, eu: 1}}
    fallback: {after: [timeout, refused], retries: 0, max_swaps: 1, max_attempts: 3, swap_delay: 0s}
    limits: {connect: 500ms, ttft: 1m30s, idle: 1.5s, total: 1h}
  - id: plain
    mode: shadow
    deny: {}
  - id: ranked
    route: {targets: [mini, gpt], rank: cost}
  - id: ranked-by-cel
    route: {targets: [mini, requested], rank: -target.quality}
  - id: edits
    fallback: {after: {add: [schema_invalid], remove: [timeout]}}
  - id: payload
    transform:
      set: {temperature: 0.2, user: {cel: client.id}, stop: [END]}
      default: {max_tokens: 100}
      remove: [seed]
      system: {prepend: Before., append: After.}
      rewrite: [{find: '(a+)b', replace: '\1'}]
      raw: {openai_chat: {logit_bias: {"50256": -100}, service_tier: null}}
      where: target.provider != "frankfurt"
    request_headers: {set: {X-Team: {cel: client.team}, X-Kind: fixed}, remove: [X-Debug]}
""").rules
    }
    rule = rules["everything"]
    assert rule.deny == Deny(413, "too_long", "Too long")
    assert rule.quality_floor == Floor(ByTask(0.9))
    assert rule.route == Route(("gpt", "eu"), {"gpt": 9, "eu": 1})
    assert rule.fallback == Fallback(
        after=GROUPS["timeout"] | {FailureKind.REFUSED}, retries=0, max_swaps=1, max_attempts=3, swap_delay=0
    )
    assert rule.limits == Limits(connect=0.5, ttft=90, idle=1.5, total=3600)
    assert rule.when is not None
    assert rule.when.reads == {"request.stream"}
    assert rule.require is not None
    assert (rule.mode, rule.position, rule.fails_closed) == (Mode.ENFORCE, 0, True)

    assert (rules["plain"].mode, rules["plain"].when, rules["plain"].deny) == (
        Mode.SHADOW,
        None,
        Deny(403, "denied", "Denied by policy"),
    )
    assert rules["ranked"].route == Route(("mini", "gpt"), None, "cost")
    ranked = rules["ranked-by-cel"].route
    assert ranked is not None
    assert not isinstance(ranked.rank, str)
    edits = rules["edits"].fallback
    assert edits is not None
    assert edits == Fallback(after_add=frozenset({FailureKind.SCHEMA_INVALID}), after_remove=GROUPS["timeout"])

    transform = rules["payload"].transform
    assert transform is not None
    assert (transform.set["temperature"], transform.set["stop"]) == (Value(0.2), Value(["END"]))
    assert transform.set["user"].expression is not None
    assert (transform.default, transform.remove) == ({"max_tokens": Value(100)}, ("seed",))
    assert (transform.system_prepend, transform.system_append, transform.system_replace) == ("Before.", "After.", None)
    assert transform.rewrite == (Rewrite("(a+)b", "\\1"),)
    assert transform.raw == {"openai_chat": {"logit_bias": {"50256": -100}, "service_tier": None}}
    assert transform.where is not None
    headers = rules["payload"].request_headers
    assert headers is not None
    assert (list(headers.set), headers.set["x-kind"], headers.remove) == (
        ["x-team", "x-kind"],
        Value("fixed"),
        ("x-debug",),
    )


def test_the_default(program: Make) -> None:
    made = program("default: {route: [requested, eu], fallback: {retries: 2}, limits: {total: 1m}}\n").default
    assert made.route == Route(("requested", "eu"))
    assert made.fallback == Fallback(retries=2)
    assert made.limits == Limits(total=60)


def test_clients(program: Make) -> None:
    one, other = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", "E3B0" + "0" * 60
    made = program(f"""
profiles: {{known: [CHAT, NIGHTLY], default: NIGHTLY}}
clients:
  full: {{key_sha256: [{one}, {other}], tenant: acme, team: build, tier: pro, tags: {{region: eu}},
         profiles: [NIGHTLY], models: [gpt, "qwen*"], role: operator,
         rate_limit: {{rpm: 60, tpm: 90000, concurrency: 4}}}}
  bare: {{key_sha256: "{"1" * 64}"}}
""")
    full, bare = made.clients["full"], made.clients["bare"]
    assert full.facts == Client(
        id="full",
        tenant="acme",
        team="build",
        tier="pro",
        tags={"region": "eu"},
        role="operator",
        profiles=("NIGHTLY",),
        models=("gpt", "qwen*"),
    )
    assert (full.keys, full.rate_limit, full.span.line) == ((one, other.lower()), RateLimit(60, 90000, 4), 5)
    assert bare.facts == Client(id="bare", tenant="bare")
    assert bare.rate_limit is None
    assert made.profiles == Profiles(("CHAT", "NIGHTLY"), "NIGHTLY", ())


def test_without_the_sections_nobody_is_a_client_and_the_shipped_profiles_are_known(program: Make) -> None:
    made = program("rules: [{id: a, deny: {}}]\n")
    assert made.clients == {}
    assert made.profiles == Profiles(("CHAT", "AGENT", "BATCH", "SAVINGS"), "CHAT")


def test_a_default_alone_leaves_the_shipped_profiles(program: Make) -> None:
    assert program("profiles: {default: AGENT}\n").profiles == Profiles(PROFILES, "AGENT")


def test_who_is_refused_first_where_there_is_no_room(program: Make) -> None:
    shipped = program("").profiles
    assert sorted(PROFILES, key=shipped.standing) == ["BATCH", "SAVINGS", "CHAT", "AGENT"]
    assert program("profiles: {default: BATCH}\n").profiles.shed == shipped.shed
    own = program("profiles: {known: [CHAT, NIGHTLY, DAILY]}\n").profiles
    assert [own.standing(name) for name in own.known] == [0, 0, 0]
    said = program("profiles: {known: [CHAT, NIGHTLY, DAILY], shed: [NIGHTLY, CHAT]}\n").profiles
    assert [said.standing(name) for name in said.known] == [1, 0, 2]
    assert program("profiles: {shed: []}\n").profiles.standing("BATCH") == 0


def test_order_is_file_name_then_place_and_packs_come_last(
    compile_files: Callable[..., tuple[Program, object]], based: Based
) -> None:
    files = {
        **based("use: [profiles]\ndisable: [profiles/batch]\nrules: [{id: z, deny: {}}, {id: a, deny: {}}]"),
        "10-early.yaml": "version: 1\nrules: [{id: m, deny: {}}]\n",
    }
    program, _ = compile_files(files)
    assert [rule.id for rule in program.rules] == [
        "m",
        "z",
        "a",
        "profiles/chat",
        "profiles/agent",
        "profiles/agent-floor",
        "profiles/savings",
    ]
    assert [rule.position for rule in program.rules] == list(range(7))
    shuffled, _ = compile_files(dict(reversed(files.items())))
    assert shuffled.revision == program.revision
    assert [rule.id for rule in shuffled.rules] == [rule.id for rule in program.rules]


def test_the_revision_names_the_text(compile_files: Callable[..., tuple[Program, object]], based: Based) -> None:
    def revision(files: Mapping[str, str]) -> str:
        return compile_files(files)[0].revision

    files = based("rules: [{id: a, deny: {}}]\n")
    same = revision(files)
    assert revision(dict(files)) == same
    assert revision(based("rules: [{id: b, deny: {}}]\n")) != same
    assert revision({**files, "98-empty.yaml": "version: 1\n"}) != same
    assert revision(based("use: [profiles]\nrules: [{id: a, deny: {}}]\n")) != same


def test_variables_come_after_those_they_read(program: Make) -> None:
    made = program("""
variables:
  a: variables.b && request.stream
  b: variables.c > 3
  c: request.size + 1
""").variables
    assert list(made) == ["c", "b", "a"]
    assert [str(each.type) for each in made.values()] == ["int", "bool", "bool"]


def test_constants_are_folded(program: Make) -> None:
    rule = program("""
constants: {tiers: [pro, max], most: 10}
rules:
  - id: a
    when: client.tier in constants.tiers && request.size > constants.most
    deny: {}
""").rules[0]
    assert rule.when is not None
    assert rule.when.reads == {"client.tier", "request.size"}


def test_embedded_tests_are_kept_with_their_places(program: Make) -> None:
    (case,) = program("""
rules: [{id: a, deny: {}}]
tests:
  - name: all are denied
    given: {request: {profile: AGENT, body: {model: null}}, targets: {gpt: {latency: {ttft_p50: 300ms}}}}
    expect: {denied: {code: denied, rule: a}, route_rule: default}
""").cases
    assert (case.spec.name, case.span.line, case.span.column) == ("all are denied", 5, 11)
    assert case.spec.given.request.profile == "AGENT"
    latency = case.spec.given.targets["gpt"].latency
    assert latency is not None
    assert latency.ttft_p50 == 0.3


def test_an_edit_compiles_only_what_changed(based: Based) -> None:
    compiler = Compiler()
    text = "rules:\n" + "".join(f"  - {{id: r{n}, when: request.size > {n}, deny: {{}}}}\n" for n in range(20))
    first, _ = compile_policy(based(text), shipped_packs(), compiler)
    edited = "\n# a line more\n" + text.replace("> 7,", "> 700,")
    second, _ = compile_policy(based(edited), shipped_packs(), compiler)
    assert first is not None
    assert second is not None
    trees = [
        (one.when and one.when.tree, two.when and two.when.tree)
        for one, two in zip(first.rules, second.rules, strict=True)
    ]
    assert [number for number, (one, two) in enumerate(trees) if one is not two] == [7]
    assert [rule.span.line for rule in second.rules] == [rule.span.line + 2 for rule in first.rules]


@pytest.mark.parametrize("name", ["chat", "agent", "batch", "savings"])
def test_a_rule_of_a_pack_names_its_file(program: Make, name: str) -> None:
    rules = {rule.id: rule for rule in program("use: [profiles]\n").rules}
    assert rules[f"profiles/{name}"].span.file == "profiles (pack)"
