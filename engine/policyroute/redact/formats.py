"""What the tokens of services look like, as the services publish it.

Rule of this module: a table. A row: the kind, what stands in every such token (the prefilter looks for it), the
token's pattern, and how many of its characters may stand before that. What a row does not say holds of all: no letter
or digit stands right before or after, and the token is no filler (`xxxx`, `EXAMPLE`).
"""

from __future__ import annotations

from dataclasses import dataclass

from policyroute.redact import plausible
from policyroute.redact.checksums import Check, crc32_base62


@dataclass(frozen=True, slots=True)
class Format:
    kind: str
    mark: str
    """In lower case. Empty: nothing does, and the pattern is looked for everywhere."""
    pattern: str
    """Its group, if there is one, is the secret; else all of it."""
    before: int = 0
    checked: Check | None = None
    """A token that it holds of is one, however it looks."""
    filler: bool = False
    """Tokens so short or so plain that filler cannot be told from them."""


def _same(
    kind: str, marks: str, pattern: str, checked: Check | None = None, *, filler: bool = False
) -> tuple[Format, ...]:
    """One row for each of the `marks`, which stand in front of the pattern."""
    return tuple(
        Format(kind, mark.lower(), _literally(mark) + pattern, checked=checked, filler=filler) for mark in marks.split()
    )


def _literally(mark: str) -> str:
    return mark.replace(".", r"\.").replace("$", r"\$")


_OPENAI = (
    r"sk-(?:[a-z]{2,12}-)?(?:[A-Za-z0-9_-]{74}T3BlbkFJ[A-Za-z0-9_-]{74}|[A-Za-z0-9_-]{58}T3BlbkFJ[A-Za-z0-9_-]{58}"
    r"|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})"
)

FORMATS: tuple[Format, ...] = (
    # Model providers, and ours
    *_same("policyroute_key", "plr_", r"[A-Za-z0-9]{49}", crc32_base62),
    Format("openai_key", "t3blbkfj", _OPENAI, 92),
    *_same("openai_key", "sk-proj- sk-svcacct- sk-admin- sk-None-", r"[A-Za-z0-9_-]{20,200}"),
    *_same("openai_key", "sk-", r"(?:[A-Za-z0-9]{48}|[A-Za-z0-9]{32})"),
    *_same("anthropic_key", "sk-ant-api03- sk-ant-admin01-", r"[A-Za-z0-9_-]{93}AA"),
    *_same("anthropic_key", "sk-ant-oat01- sk-ant-ort01- sk-ant-sid01-", r"[A-Za-z0-9_-]{80,120}"),
    Format("openrouter_key", "sk-or-v1-", r"sk-or-v1-[0-9a-f]{64}"),
    Format("google_api_key", "aizasy", r"AIzaSy[A-D][0-9A-Za-z_-]{31}[AEIMQUYcgkosw048]"),  # 29 bytes, 5 fixed
    *_same("groq_key", "gsk_", r"[A-Za-z0-9]{48,56}"),
    *_same("xai_key", "xai-", r"[A-Za-z0-9]{70,90}"),
    *_same("perplexity_key", "pplx-", r"[A-Za-z0-9]{40,56}"),
    *_same("replicate_token", "r8_", r"[A-Za-z0-9]{37}"),
    *_same("huggingface_token", "hf_ api_org_", r"[A-Za-z0-9]{34,37}"),
    *_same("langsmith_key", "lsv2_pt_ lsv2_sk_", r"[0-9a-f]{32}_[0-9a-f]{10}"),
    # Code hosting and packages
    *_same("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36}", crc32_base62),
    Format("github_token", "github_pat_", r"github_pat_[A-Za-z0-9_]{82}"),
    *_same("npm_token", "npm_", r"[A-Za-z0-9]{36}", crc32_base62),
    Format("npm_token", ":_authtoken",
        r"//[A-Za-z0-9.:/_-]{3,100}/:_authToken\s{0,3}=\s{0,3}[\"']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        104),
    *_same("gitlab_token", "glpat- gldt- glft- glsoat- glffct- glrt-",
        r"(?:[A-Za-z0-9_-]{20,50}|[A-Za-z0-9_-]{27,300}\.[0-9a-z]{2}\.?[0-9a-z]{7})"),
    *_same("gitlab_token", "glcbt-", r"(?:[0-9a-zA-Z]{1,5}_)?[A-Za-z0-9_-]{20,50}"),
    *_same("gitlab_token", "glimt-", r"[A-Za-z0-9_-]{25}"),
    *_same("gitlab_token", "glptt-", r"[A-Za-z0-9_-]{40}"),
    *_same("gitlab_token", "glagent-", r"[A-Za-z0-9_-]{50,1000}"),
    *_same("gitlab_token", "gloas-", r"[A-Za-z0-9_-]{64}"),
    *_same("gitlab_token", "GR1348941", r"[A-Za-z0-9_-]{20,50}"),
    Format("gitlab_token", "_gitlab_session=", r"_gitlab_session=([0-9a-z]{32})"),
    *_same("pypi_token", "pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZ", r"[A-Za-z0-9_-]{70,400}"),
    Format("bundler_credential", "bundle_",
        r"BUNDLE_[A-Z0-9_]{2,60}__[A-Z]{2,10}[\"']?\s{0,3}[=:]\s{0,3}[\"']?([^\s\"':$<{]{2,64}:[^\s\"'$<{]{4,128})"),
    *_same("rubygems_key", "rubygems_", r"[0-9a-f]{48}"),
    *_same("clojars_token", "CLOJARS_", r"[A-Za-z0-9]{60}"),
    *_same("nuget_key", "oy2", r"[a-z0-9]{43}"),
    *_same("artifactory_key", "AKC", r"[A-Za-z0-9]{10,20}", filler=True),
    *_same("artifactory_key", "AKC", r"[A-Za-z0-9]{21,80}"),
    *_same("artifactory_key", " ".join(f"AP{each}" for each in "0123456789ABCDEF"), r"[A-Za-z0-9]{8,20}", filler=True),
    *_same("artifactory_key", " ".join(f"AP{each}" for each in "0123456789ABCDEF"), r"[A-Za-z0-9]{21,80}"),
    *_same("artifactory_key", "cmVmd", r"[A-Za-z0-9]{59}"),
    *_same("sourcegraph_token", "sgp_", r"(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}"),
    *_same("sonar_token", "squ_ sqp_ sqa_", r"[0-9a-f]{40}"),
    *_same("snyk_token", "snyk_uat. snyk_sat.", r"[0-9a-f]{8}\.[A-Za-z0-9._-]{40,200}"),
    *_same("docker_token", "dckr_pat_ dckr_oat_", r"[A-Za-z0-9_-]{20,60}"),
    # Clouds and hosting
    *_same("aws_access_key", "AKIA ASIA ABIA ACCA", r"[A-Z2-7]{16}"),
    Format("aws_bedrock_key", "absk", r"ABSK[A-Za-z0-9+/]{109,269}={0,2}"),
    Format("aws_bedrock_key", "bedrock-api-key-", r"bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t[A-Za-z0-9+/=]*"),
    Format("azure_client_secret", "q~",
        r"(?:^|[^A-Za-z0-9_~.\-])([A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34})(?:$|[^A-Za-z0-9_~.\-])", 5),
    Format("azure_storage_key", "accountkey=", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    Format("azure_sas", "sig=", r"[?&]sig=([A-Za-z0-9%+/]{40,90}(?:%3D|=))", 1),
    *_same("gcp_oauth_secret", "GOCSPX-", r"[A-Za-z0-9_-]{28}"),
    *_same("google_oauth_token", "ya29.", r"[A-Za-z0-9_-]{20,}"),
    *_same("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{64}"),
    *_same("heroku_key", "HRKU-AA HRKU-", r"[A-Za-z0-9_-]{36,60}"),
    *_same("flyio_token", "fo1_", r"[A-Za-z0-9_-]{43}"),
    *_same("flyio_token", "fm1r_ fm1a_ fm2_", r"[A-Za-z0-9+/]{100,}={0,3}"),
    *_same("vercel_token", "vcp_ vci_ vca_ vcr_", r"[A-Za-z0-9]{24,60}"),
    *_same("netlify_token", "nfp_ nfc_ nfo_", r"[A-Za-z0-9_]{36}"),
    *_same("cloudflare_key", "v1.0-", r"[0-9a-f]{24}-[0-9a-f]{146}"),
    *_same("alibaba_access_key", "LTAI", r"[A-Za-z0-9]{16,24}"),
    *_same("tencent_secret_id", "AKID", r"[A-Za-z0-9]{32}"),
    *_same("yandex_token", "AQVN", r"[A-Za-z0-9_-]{35,38}"),
    *_same("yandex_token", "YCAJE YCM YCN", r"[A-Za-z0-9_-]{20,38}"),
    *_same("databricks_token", "dapi", r"[0-9a-f]{32}(?:-[0-9])?"),
    *_same("planetscale_token", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[A-Za-z0-9_=.-]{32,64}"),
    *_same("neon_key", "napi_", r"[a-z0-9]{64}"),
    *_same("supabase_key", "sbp_ sb_secret_", r"[A-Za-z0-9_-]{31,44}"),
    *_same("clickhouse_key", "4b1d", r"[A-Za-z0-9]{38}"),
    *_same("terraform_token", "ATLASV1.", r"[A-Za-z0-9_=-]{60,70}"),
    Format("terraform_token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", 14),
    *_same("vault_token", "hvs. hvb. hvr.", r"[A-Za-z0-9_-]{24,300}"),
    *_same("vault_token", "s.", r"[A-Za-z0-9]{24}"),
    *_same("doppler_token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.",
        r"(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    *_same("pulumi_token", "pul-", r"[0-9a-f]{40}"),
    *_same("prefect_key", "pnu_ pnb_", r"[A-Za-z0-9]{36}"),
    *_same("openshift_token", "sha256~", r"[A-Za-z0-9_-]{43}"),
    Format("infracost_key", "ico-", r"(?:^|[^A-Za-z0-9.])(ico-[A-Za-z0-9]{32})", 1),
    *_same("harness_key", "pat. sat.", r"[A-Za-z0-9_-]{22}\.[0-9a-zA-Z]{24}\.[A-Za-z0-9]{20}"),
    *_same("octopus_key", "API-", r"[A-Z0-9]{26}"),
    *_same("tailscale_key", "tskey-auth- tskey-api- tskey-client-", r"[A-Za-z0-9]{8,20}-[A-Za-z0-9]{20,40}"),
    *_same("defined_token", "dnkey-", r"[A-Za-z0-9_=-]{26}-[A-Za-z0-9_=-]{52}"),
    # Money
    *_same("stripe_key", "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_ whsec_", r"[A-Za-z0-9]{10,99}"),
    *_same("square_token", "EAAA sq0atp- sq0csp-", r"[A-Za-z0-9_=-]{22,60}"),
    *_same("paypal_token", "access_token$production$", r"[0-9a-z]{16}\$[0-9a-f]{32}"),
    *_same("flutterwave_key", "FLWSECK-", r"[0-9a-h]{32}-X"),
    *_same("flutterwave_key", "FLWSECK_TEST- FLWPUBK_TEST-", r"[0-9a-hA-H]{12,32}(?:-X)?"),
    *_same("razorpay_key", "rzp_live_ rzp_test_", r"[A-Za-z0-9]{14}"),
    *_same("shippo_token", "shippo_live_ shippo_test_", r"[0-9a-fA-F]{40}"),
    *_same("easypost_key", "EZAK EZTK", r"[A-Za-z0-9]{54}"),
    *_same("duffel_token", "duffel_live_ duffel_test_", r"[A-Za-z0-9_=-]{43}"),
    *_same("plaid_token", "access-sandbox- access-development- access-production-",
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    *_same("gocardless_token", "live_", r"[A-Za-z0-9_=-]{40}"),
    # People, mail, chat
    *_same("slack_token", "xoxb- xoxp- xoxs- xoxo-", r"[0-9]{6,14}(?:-[0-9A-Za-z]{6,80}){1,4}"),
    *_same("slack_token", "xoxa- xoxr- xoxe-",
        r"(?:[0-9]-[0-9A-Za-z]{8,200}|[0-9A-Za-z]{20,200}|[0-9]{6,14}(?:-[0-9A-Za-z]{6,80}){1,4})"),
    *_same("slack_token", "xapp-", r"[0-9]-[A-Z0-9]{6,20}-[0-9]{8,16}-[A-Za-z0-9]{20,80}"),
    *_same("slack_token", "xoxe.xoxb- xoxe.xoxp-", r"[0-9]-[A-Za-z0-9]{100,200}"),
    Format("slack_webhook", "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{40,60})"),
    Format("teams_webhook", ".webhook.office.com/",
        r"\.webhook\.office\.com/(webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{20,})"),
    Format("discord_token", "", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    Format("discord_webhook", "/api/webhooks/", r"/api/webhooks/([0-9]{17,20}/[A-Za-z0-9_-]{60,70})"),
    Format("telegram_token", ":a", r"(?:^|/bot|[^A-Za-z0-9])([0-9]{5,16}:A[A-Za-z0-9_-]{34})", 20),
    Format("twilio_key", "", r"(?:SK|AC)(?:[0-9a-z]{32}|[0-9a-fA-F]{32})", filler=True),
    *_same("sendgrid_key", "SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    *_same("mailgun_key", "key- pubkey-", r"[0-9a-f]{32}"),
    Format("mailchimp_key", "-us", r"[0-9a-f]{32}-us[0-9]{1,2}", 32),
    *_same("sendinblue_key", "xkeysib- xsmtpsib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    *_same("postman_key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    *_same("intercom_token", "dG9rOg", r"[A-Za-z0-9+/=]{40,80}"),
    *_same("facebook_token", "EAAM EAAC", r"[A-Za-z0-9]{90,250}"),
    Format("facebook_token", "", r"[0-9]{15,16}(?:\||%7C|%)[A-Za-z0-9_-]{27,40}"),
    Format("twitter_token", "", r"A{21}[A-Za-z0-9%]{80,120}", checked=lambda token: plausible.spread(token[21:])),
    *_same("linear_key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{40,64}"),
    *_same("notion_token", "ntn_", r"[0-9]{11}[A-Za-z0-9]{35}"),
    *_same("notion_token", "secret_", r"[A-Za-z0-9]{43}"),
    *_same("airtable_token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    *_same("figma_token", "figd_ figo_", r"[A-Za-z0-9_-]{40}"),
    *_same("dropbox_token", "sl.u. sl.", r"[A-Za-z0-9_=-]{130,}"),
    *_same("atlassian_token", "ATATT3xFfGF0 ATCTT3xFfGN0 ATBB", r"[A-Za-z0-9_=-]{20,250}"),
    *_same("typeform_token", "tfp_", r"[A-Za-z0-9_.=-]{59}"),
    *_same("frameio_token", "fio-u-", r"[A-Za-z0-9_=-]{64}"),
    *_same("shopify_token", "shpat_ shpca_ shppa_ shpss_ shptka_", r"[0-9a-fA-F]{32}"),
    *_same("adobe_secret", "p8e-", r"[A-Za-z0-9]{32}"),
    *_same("intra42_secret", "s-s4t2ud- s-s4t2af-", r"[0-9a-f]{64}"),
    *_same("settlemint_token", "sm_pat_ sm_aat_ sm_sat_", r"[A-Za-z0-9]{16}"),
    *_same("scalingo_token", "tk-us-", r"[A-Za-z0-9_-]{48}"),
    *_same("mapbox_token", "sk.eyJ1Ijoi pk.eyJ1Ijoi tk.eyJ1Ijoi", r"[A-Za-z0-9_-]{30,120}\.[A-Za-z0-9_-]{20,40}"),
    # Watching and measuring
    Format("sumologic_id", "sumo",
        r"(?i:sumo(?:_?logic)?[_. -]?access[_. -]?(?:id|key)?)[\"']?\s{0,3}(?:=>?|:)\s{0,3}[\"']?(su[A-Za-z0-9]{12})"),
    *_same("grafana_token", "glsa_", r"[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}"),
    *_same("grafana_token", "glc_", r"[A-Za-z0-9+/]{32,400}={0,3}"),
    *_same("grafana_token", "eyJrIjoi", r"[A-Za-z0-9]{60,400}={0,3}"),
    *_same("sentry_token", "sntrys_eyJpYXQiO", r"[A-Za-z0-9+/=_-]{60,300}"),
    *_same("sentry_token", "sntryu_", r"[0-9a-f]{64}"),
    *_same("newrelic_key", "NRAK- NRJS- NRII-", r"[A-Za-z0-9-]{19,32}"),
    *_same("dynatrace_token", "dt0c01. dt0s16.", r"[A-Za-z0-9]{8,24}\.[A-Za-z0-9]{60,64}"),
    *_same("posthog_key", "phx_ phc_", r"[A-Za-z0-9]{40,50}"),
    *_same("launchdarkly_key", "sdk- api- mob-", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"),
    *_same("readme_key", "rdme_", r"[a-z0-9]{70}"),
    # Keys of people
    *_same("onepassword_key", "A3-",
        r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}"),
    *_same("onepassword_key", "ops_eyJ", r"[A-Za-z0-9+/_-]{200,}={0,3}"),
    *_same("age_key", "AGE-SECRET-KEY-1", r"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    Format("maxmind_key", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", 36),
    *_same("authress_key", "sc_ ext_ scauth_ authress_",
        r"[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,120}"),
)  # fmt: skip
