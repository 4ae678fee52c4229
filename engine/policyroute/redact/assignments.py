"""Values that a name says are secret: `password = "..."`, `api_key: ...`, `the password is ...`; and the data of a
manifest that says that it is a secret.

Rule of this module: the name has to say so, and the value has to be possible: most lines with such names hold no
secret.
"""

from __future__ import annotations

from collections.abc import Iterator

from policyroute.redact import plausible
from policyroute.redact.credentials import opened
from policyroute.redact.engine import compiled
from policyroute.redact.views import View
from policyroute.redact.words import Asked

_PASSWORDS = ("password", "passwd", "passphrase", "passwort", "kennwort", "pwd", "contraseña", "mot de passe", "_pass")
_TOKENS = (
    "secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "accesskey", "access-key", "access key",
    "private_key", "privatekey", "auth_key", "authkey", "encryption_key", "encryptionkey", "signing_key", "signingkey",
    "account_key", "accountkey", "master_key", "masterkey", "license_key", "licensekey", "credential", "webhook_key",
    "service_key", "_apikey", "authorization",
)  # fmt: skip
_SERVICES = tuple(
    "adafruit adobe airtable algolia alibaba asana atlassian beamer bitbucket bittrex cloudflare codecov cohere "
    "coinbase confluent contentful datadog discord droneci dropbox etsy facebook fastly finicity finnhub flickr "
    "freshbooks gitter hashicorp heroku hubspot intercom jfrog kraken kucoin launchdarkly linkedin looker "
    "mailchimp mailgun mattermost messagebird meraki netlify newrelic new_relic nytimes okta plaid rapidapi "
    "sendbird sidekiq snyk sonar sourcegraph squarespace sumologic sumo_ travis twitch twitter yandex zendesk "
    "bundle_enterprise bundle_gems".split()
)
_PUBLIC = tuple(
    "public accessor _id -id name url uri path file type length count max min size version hash field label "
    "prefix format expires expiry issuer algorithm policy endpoint placeholder regex pattern header limit usage "
    "budget column class tokenizer tokens credentialsid".split()
)

_ASSIGNED = compiled(
    r"[A-Za-z0-9_.\-]{0,32}?(?:[\"'`\]]|\\\"){0,2}[ \t]{0,8}(?:value[ \t]{0,2})?"
    r"(?::=|=>|==?|:|\bis\b:?|\bto\b|>|,)[ \t]{0,8}"
    r"(?:[brfBRF]{0,2}\\?\"([^\"\n\\]{4,256})\\?\"|[brfu]?'([^'\n]{4,256})'|`([^`\n]{4,256})`|([^\s\"'`;<>]{6,256}))"
)
_QUERY = compiled(r"&[A-Za-z_.\-]{1,40}=")  # of a URL or a form: another name
_NAME = 40
_DATA = compiled(
    r"\n[ \t]{1,8}[A-Za-z0-9_.\-]{1,64}:[ \t]{1,4}[\"']?([A-Za-z0-9+/]{8,}={0,2})[\"']?[ \t]{0,4}\r?(?:\n|$)"
)
_SECRET = "kind: secret"  # of Kubernetes
_LONGEST_DATA = 2000  # characters of a value; a longer one is not found
_NEAR = 240  # characters after that in which values begin


def assignments(kinds: frozenset[str]) -> Iterator[Asked]:
    """The names of what `kinds` has, and who looks at them."""
    if "password" in kinds:
        yield from ((name, _password, 1) for name in _PASSWORDS)
        yield _SECRET, _manifest, 24
    if "api_key" in kinds:
        yield from ((name, _token, 1) for name in _TOKENS)
        yield from ((name, _service, 1) for name in _SERVICES)


def _password(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for first, last, quoted in _value(view, start, end):
        value = view.data[first:last].decode("latin-1")
        if plausible.password(value) and (quoted or not _expression(value)):
            yield first, last, "password"


def _token(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for first, last, quoted in _value(view, start, end):
        value = view.data[first:last].decode("latin-1")
        if plausible.token(value) and (quoted or not _expression(value)) and _one_word(value):
            yield first, last, "api_key"


def _service(view: View, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for first, last, _quoted in _value(view, start, end):
        value = view.data[first:last].decode("latin-1")
        if plausible.token(value, 16) and value.translate(_JOINTS).isalnum() and not _expression(value):
            yield first, last, "api_key"


def _manifest(view: View, _start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Base64 under `data:`, in the document that goes on here."""
    near = view.data[end : end + _NEAR].split(b"\n---", 1)[0]
    at = near.find(b"\ndata:")
    last = end + len(near)
    while at >= 0 and (found := _DATA.search(view.data, end + at, last + _LONGEST_DATA)) is not None:
        if found.start(1) >= last:
            return
        if len(found.group(1)) % 4 == 0 and opened(found.group(1)):
            yield *found.span(1), "password"
        at = found.end(1) - end


_JOINTS = str.maketrans("", "", "_-=:")


def _one_word(value: str) -> bool:
    return not any(each in value for each in " ,;(){}<>") and "://" not in value


def _value(view: View, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """What is assigned to the name that the word stands in; and whether in quotes."""
    found = _ASSIGNED.match(view.data, end, end + 360)
    if found is None:
        return
    group = next(each for each in (1, 2, 3, 4) if found.start(each) >= 0)
    first, last = found.span(group)
    if group == 4:
        more = _QUERY.search(view.data, first, last)
        last = first + len(view.data[first : more.start() if more is not None else last].rstrip(b".,;:)]}\\"))
    if not _is_public(_named(view.low, start, end)):
        yield first, last, group != 4


def _named(low: str, start: int, end: int) -> str:
    """The whole of the name."""
    while start and (low[start - 1].isalnum() or low[start - 1] in "_-") and end - start < _NAME:
        start -= 1
    while end < len(low) and (low[end].isalnum() or low[end] in "_-") and end - start < 2 * _NAME:
        end += 1
    return low[start:end]


def _is_public(name: str) -> bool:
    return name.endswith(("id", "ids")) or any(each in name for each in _PUBLIC)


def _expression(value: str) -> bool:
    """`settings.token2`, `read(x1)`: code, where no quotes are."""
    return "(" in value or (all(part.isidentifier() or not part for part in value.split(".")) and "." in value)
