"""The files and variables a policy names: where they may be, what is found, and what is said of those that are not."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from tests.support.tokens import CLIENT_SECRET, service_account

from policyroute_asgi.preparation import Active, Preparation, Prepared
from policyroute_asgi.provider_connections import Connection

Policy = Callable[[str], str]
SECRET = "sk-very-secret-indeed"
CA = trustme.CA()


@pytest.fixture
def put(directory: Path, policy: Policy) -> Callable[[str], Path]:
    """Give the provider these settings; returns the directory."""

    def write(settings: str, base_url: str = "https://here.example") -> Path:
        text = policy("small").replace('"embedded:", region: eu}', f"{base_url}, region: eu, {settings}}}")
        (directory / "main.yaml").write_text(text)
        return directory

    return write


def active(prepared: Prepared) -> Active:
    assert prepared.active is not None, prepared.problems
    return prepared.active


def problem(prepared: Prepared) -> str:
    assert prepared.active is None
    [found] = prepared.problems
    assert SECRET not in str(found) + str(found.as_json())
    return found.code


def keys(prepared: Prepared) -> list[tuple[str, str]]:
    return [(key.place, key.value) for key in active(prepared).keys["here"]]


# Where --------------------------------------------------------------------------------------------------------------


def test_files_are_looked_up_beside_the_policy(put: Callable[[str], Path]) -> None:
    directory = put("api_key: {file: keys/one}")
    (directory / "keys").mkdir()
    (directory / "keys" / "one").write_text(SECRET)
    assert keys(Preparation(directory).from_directory()) == [("file keys/one", SECRET)]
    whole = put(f"api_key: {{file: {directory / 'keys' / 'one'}}}")
    assert keys(Preparation(whole).from_directory())[0][1] == SECRET


def test_another_directory_may_be_named_and_then_only_that_one_counts(
    put: Callable[[str], Path], tmp_path: Path
) -> None:
    directory = put("api_key: {file: one}")
    (directory / "one").write_text("beside the policy")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "one").write_text(SECRET)
    assert keys(Preparation(directory, secrets_dir=secrets).from_directory())[0][1] == SECRET
    put(f"api_key: {{file: {directory / 'one'}}}")
    assert problem(Preparation(directory, secrets_dir=secrets).from_directory()) == "secret-outside"


@pytest.mark.parametrize("way", ["../one", "/proc/self/environ", "link", "folder/../../one", "linked/one"])
def test_no_way_leads_out(put: Callable[[str], Path], tmp_path: Path, way: str) -> None:
    directory = put(f"api_key: {{file: {way}}}")
    (tmp_path / "one").write_text(SECRET)
    (tmp_path / "policies-too").mkdir()
    (tmp_path / "policies-too" / "one").write_text(SECRET)
    (directory / "link").symlink_to("../one")
    (directory / "linked").symlink_to("../policies-too")
    (directory / "folder").mkdir()
    assert problem(Preparation(directory).from_directory()) == "secret-outside"


def test_links_of_a_mounted_secret_stay_inside(put: Callable[[str], Path], tmp_path: Path) -> None:
    """As Kubernetes mounts one: `key -> ..data/key`, `..data -> ..2026_01_01`; the mount itself may be a link too."""
    directory = put("api_key: {file: key}")
    mount = tmp_path / "mount"
    (mount / "..2026_01_01").mkdir(parents=True)
    (mount / "..2026_01_01" / "key").write_text(SECRET)
    (mount / "..data").symlink_to("..2026_01_01")
    (mount / "key").symlink_to("..data/key")
    (tmp_path / "secrets").symlink_to("mount")
    assert keys(Preparation(directory, secrets_dir=tmp_path / "secrets").from_directory())[0][1] == SECRET


def test_a_policy_that_is_one_file_has_its_keys_beside_it(put: Callable[[str], Path]) -> None:
    directory = put("api_key: {file: one}")
    (directory / "one").write_text(SECRET)
    assert keys(Preparation(directory / "main.yaml").from_directory())[0][1] == SECRET


# What -----------------------------------------------------------------------------------------------------------------


def test_a_pool_is_found_in_its_order_and_needs_every_key(put: Callable[[str], Path]) -> None:
    directory = put("api_keys: [{env: ONE}, {file: two}]")
    (directory / "two").write_text("sk-2\n")
    environment = {"ONE": "sk-1"}
    prepared = Preparation(directory, environment=environment).from_directory()
    assert keys(prepared) == [("env ONE", "sk-1"), ("file two", "sk-2")]
    assert pickle.loads(pickle.dumps(active(prepared).keys)) == active(prepared).keys
    (directory / "two").unlink()
    missing = Preparation(directory, environment=environment).from_directory()
    assert problem(missing) == "missing-secret"
    assert missing.problems[0].path == "providers.here.api_keys[1]"


@pytest.mark.parametrize(
    "reference",
    [
        "file: sk-proj-0123456789abcdefghijk",
        "file: 3f9a0c51d2e44b1c9a7f8e6d5c4b3a29",
        "env: gsk_0123456789abcdefghijk",
        "env: AIzaSyA0123456789abcdefghijk",
    ],
)
def test_a_pasted_key_is_not_repeated(put: Callable[[str], Path], reference: str) -> None:
    prepared = Preparation(put(f"api_key: {{{reference}}}"), environment={}).from_directory()
    assert problem(prepared) == "missing-secret"
    pasted = reference.split(": ")[1]
    assert pasted not in str(prepared.problems)


def test_accounts_are_read_whole_and_can_be_sent_to_other_processes(put: Callable[[str], Path]) -> None:
    app = "{azure_ad: {tenant: t, client_id: c, client_secret: {env: S}}}"
    directory = put(f"api_keys: [{{google: {{credentials: {{file: sa.json}}}}}}, {app}]")
    (directory / "sa.json").write_text(service_account("https://oauth2.googleapis.com/token"))
    environment = {"S": CLIENT_SECRET}
    found = active(Preparation(directory, environment=environment).from_directory()).keys["here"]
    assert [key.place for key in found] == ["google file sa.json", "azure_ad env S"]
    sent = pickle.loads(pickle.dumps(found))
    assert [key.grant for key in sent] == [key.grant for key in found] and None not in [key.grant for key in sent]
    again = Preparation(directory, environment=environment).from_directory()
    assert active(again).keys["here"] == found
    changed = Preparation(directory, environment={"S": "another"}).from_directory()
    assert active(changed).keys["here"] != found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "missing-secret"),
        (f"not json, but {SECRET}", "credentials-unusable"),
        (f'{{"type": "authorized_user", "refresh_token": "{SECRET}"}}', "credentials-unusable"),
        (service_account("https://x.example", private_key=SECRET), "credentials-unusable"),
        (service_account("https://x.example", private_key_id="k\ud800"), "credentials-unusable"),
    ],
)
def test_what_is_no_service_account_is_a_problem(put: Callable[[str], Path], text: str | None, code: str) -> None:
    directory = put("api_key: {google: {credentials: {file: sa.json}}}")
    if text is not None:
        (directory / "sa.json").write_text(text)
    prepared = Preparation(directory).from_directory()
    assert problem(prepared) == code
    assert "`sa.json`" in prepared.problems[0].message


def test_tls_files_are_read_as_text(put: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "house.pem").write_bytes(CA.cert_pem.bytes())
    directory = put(
        f"tls: {{ca: {tmp_path / 'house.pem'}, cert: us.pem, key: us.key}}, proxy_auth: {{env: P}}, "
        "proxy: http://p.example:3128"
    )
    issued = CA.issue_cert("us")
    (directory / "us.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (directory / "us.key").write_bytes(issued.private_key_pem.bytes())
    prepared = Preparation(directory, environment={"P": "user:sesame"}).from_directory()
    found = active(prepared).connections["here"]
    assert found == Connection(
        "http://p.example:3128",
        "user:sesame",
        CA.cert_pem.bytes().decode(),
        issued.cert_chain_pems[0].bytes().decode(),
        issued.private_key_pem.bytes().decode(),
    )
    assert "sesame" not in repr(prepared) and "PRIVATE" not in repr(prepared)


def test_a_provider_without_settings_has_none_and_none_is_a_setting(put: Callable[[str], Path]) -> None:
    assert active(Preparation(put("tags: {}")).from_directory()).connections == {}
    assert active(Preparation(put("proxy: none")).from_directory()).connections == {"here": Connection(proxy="")}


def test_what_no_connection_can_be_secured_with_refuses_the_policy(put: Callable[[str], Path]) -> None:
    directory = put("tls: {cert: us.pem, key: us.key}")
    (directory / "us.pem").write_bytes(CA.issue_cert("us").cert_chain_pems[0].bytes())
    (directory / "us.key").write_bytes(CA.issue_cert("them").private_key_pem.bytes())
    assert problem(Preparation(directory).from_directory()) == "tls-unusable"
    (directory / "us.key").unlink()
    assert "missing-secret" in {each.code for each in Preparation(directory).from_directory().problems}


def test_the_clients_key_must_be_among_the_secrets_and_the_authorities_need_not(
    put: Callable[[str], Path], tmp_path: Path
) -> None:
    issued = CA.issue_cert("us")
    (tmp_path / "us.pem").write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    assert problem(Preparation(put("tls: {cert: ../us.pem}")).from_directory()) == "secret-outside"


def test_a_certificate_that_is_renewed_is_taken_up(put: Callable[[str], Path]) -> None:
    directory = put("tls: {cert: us.pem}")
    preparation = Preparation(directory)
    found: list[str | None] = []
    for name in ("old", "new"):
        (directory / "us.pem").write_bytes(CA.issue_cert(name).private_key_and_cert_chain_pem.bytes())
        found.append(active(preparation.from_directory()).connections["here"].cert)
    assert None not in found and found[0] != found[1]
    (directory / "us.pem").write_text("garbage")
    assert problem(preparation.from_directory()) == "tls-unusable"


def test_a_device_is_no_key(put: Callable[[str], Path]) -> None:
    directory = put("api_key: {file: pipe}")
    os.mkfifo(directory / "pipe")
    assert problem(Preparation(directory).from_directory()) == "missing-secret"
