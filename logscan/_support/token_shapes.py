"""Secrets that are known by their form alone: keys and tokens that providers issue, in one table.

The prefixes and lengths are facts that the rules of gitleaks (github.com/gitleaks/gitleaks, MIT) and the
plug-ins of detect-secrets (github.com/Yelp/detect-secrets, Apache-2.0) collect. Only forms with a prefix that
nothing else has are here: forms such as "32 hex digits near the word datadog" also match fingerprints and
message ids, and a value with a name is masked by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_W = "[A-Za-z0-9_-]"
_A = "[A-Za-z0-9]"
_H = "[0-9a-f]"
_B = "[A-Za-z0-9+/]"
SHAPES: tuple[tuple[str, str], ...] = (
    ("1Password", rf"A3-[A-Z0-9]{{6}}-[A-Z0-9]{{6,11}}-[A-Z0-9-]{{11,23}}|ops_eyJ{_B}{{40,2000}}={{0,2}}"),
    ("Adobe", rf"p8e-{_A}{{32}}"),
    ("age", r"AGE-SECRET-KEY-1[A-Z0-9]{50,60}"),
    ("Airtable", rf"pat{_A}{{14}}\.{_H}{{64}}"),
    ("Alibaba", rf"LTAI{_A}{{16,24}}"),
    ("Anthropic", rf"sk-ant-{_W}{{20,200}}"),
    ("Artifactory", rf"AKC[a-z]?{_A}{{40,90}}|cmVmd{_A}{{40,80}}"),
    ("Atlassian", r"ATATT3[A-Za-z0-9_=-]{20,250}"),
    ("AWS", rf"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{{16}}|ABSK{_B}{{60,300}}={{0,2}}"),
    ("AWS", r"bedrock-api-key-[A-Za-z0-9+/=]{20,2000}"),
    ("ClickHouse", rf"4b1d{_A}{{38}}"),
    ("Clojars", r"CLOJARS_[a-z0-9]{60}"),
    ("Cloudflare", rf"v1\.0-{_H}{{24}}-{_H}{{100,160}}"),
    ("Databricks", rf"dapi{_H}{{32}}(?:-\d)?"),
    ("DigitalOcean", rf"do[opr]_v1_{_H}{{64}}"),
    ("Discord", rf"[MNO]{_W}{{23,27}}\.{_W}{{6}}\.{_W}{{27,40}}"),
    ("Doppler", rf"dp\.(?:pt|st|ct|sa)\.{_A}{{40,50}}"),
    ("Duffel", rf"duffel_(?:test|live)_{_W}{{43}}"),
    ("Dynatrace", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    ("EasyPost", rf"EZ[AT]K{_A}{{54}}"),
    ("Facebook", rf"EAA[A-Z]{_A}{{80,400}}"),
    ("Flutterwave", rf"FLW(?:SEC|PUB)K(?:_TEST)?-{_A}{{12,40}}(?:-X)?"),
    ("Fly.io", rf"fo1_{_W}{{43}}|fm[12][ar]?_{_B}{{80,900}}={{0,3}}"),
    ("Frame.io", rf"fio-u-{_W}{{64}}"),
    ("GitHub", rf"gh[opsur]_{_A}{{30,255}}|github_pat_\w{{50,255}}"),
    ("GitLab", rf"gl(?:pat|dt|ft|rt|cbt|ptt|imt|agent|oas|soat|ffct)-{_W}{{20,320}}|GR1348941{_W}{{20}}"),
    ("Google", rf"AIza{_W}{{35}}|GOCSPX-{_W}{{20,40}}|ya29\.{_W}{{20,2000}}"),
    ("Grafana", rf"glc_{_B}{{32,400}}={{0,3}}|glsa_{_A}{{32}}_[0-9A-Fa-f]{{8}}"),
    ("Harness", rf"[ps]at\.{_W}{{22}}\.{_A}{{24}}\.{_A}{{20}}"),
    ("HashiCorp", rf"hv[bsr]\.{_W}{{20,300}}|{_A}{{14}}\.atlasv1\.{_W}{{60,70}}"),
    ("Heroku", rf"HRKU-{_W}{{36,64}}"),
    ("Hugging Face", r"(?:hf|api_org)_[A-Za-z]{34}"),
    ("Infracost", rf"ico-{_A}{{32}}"),
    (
        "LaunchDarkly, Linear",
        rf"(?:sdk|mob|api)-{_H}{{8}}(?:-{_H}{{4}}){{3}}-{_H}{{12}}|lin_(?:api|oauth)_{_A}{{32,64}}",
    ),
    ("Mailchimp", rf"{_H}{{32}}-us\d{{1,2}}"),
    ("Mailgun", rf"key-{_H}{{32}}|pubkey-{_H}{{32}}"),
    ("Mapbox", r"[ps]k\.[a-z0-9]{60}\.[a-z0-9]{22}"),
    ("MaxMind", rf"{_A}{{6}}_{_A}{{29}}_mmk"),
    ("Microsoft Entra", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("New Relic", r"NR(?:AK|II|JS|AL|AA)-[A-Za-z0-9-]{19,42}"),
    ("Notion", rf"ntn_{_A}{{40,50}}|secret_{_A}{{43}}"),
    ("npm", rf"npm_{_A}{{36}}"),
    ("Octopus Deploy", r"API-[A-Z0-9]{25,27}"),
    ("OpenAI", rf"sk-(?:proj-|svcacct-|admin-)?{_W}{{20,200}}"),
    ("OpenShift", rf"sha256~{_W}{{43}}"),
    ("Perplexity", rf"pplx-{_A}{{40,64}}"),
    ("PlanetScale", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,64}"),
    ("Postman", rf"PMAK-{_H}{{24}}-{_H}{{34}}"),
    ("Prefect", rf"pn[bu]_{_A}{{36}}"),
    ("Pulumi", rf"pul-{_H}{{40}}"),
    ("PyPI", rf"pypi-AgE{_W}{{50,1000}}"),
    ("ReadMe", r"rdme_[a-z0-9]{70}"),
    ("RubyGems", rf"rubygems_{_H}{{48}}"),
    ("Scalingo", rf"tk-us-{_W}{{48}}"),
    ("SendGrid", rf"SG\.{_W}{{16,32}}\.{_W}{{32,64}}"),
    ("Sendinblue", rf"xkeysib-{_H}{{64}}-{_A}{{16}}"),
    ("Sentry", rf"sntry[su]_{_B}{{40,500}}={{0,2}}(?:_{_B}{{43}})?"),
    ("SettleMint", rf"sm_[aps]at_{_A}{{16}}"),
    ("Shippo", r"shippo_(?:live|test)_[0-9A-Fa-f]{40}"),
    ("Shopify", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    ("Slack", r"xox[a-z](?:\.xox[bp])?-[A-Za-z0-9-]{8,250}|xapp-\d-[A-Za-z0-9-]{20,200}"),
    ("Sonar", rf"sq[apu]_{_A}{{40}}"),
    ("Sourcegraph", rf"sgp_(?:(?:{_H}{{16}}|local)_)?{_H}{{40}}"),
    ("Square", rf"sq0[a-z]{{3}}-{_W}{{22,60}}|EAAA{_W}{{58,62}}"),
    ("Stripe", rf"(?:sk|rk|whsec)_(?:(?:test|live|prod)_)?{_A}{{16,250}}"),
    ("Tailscale", rf"tskey-[a-z]{{2,12}}-{_A}{{8,40}}-{_A}{{16,64}}"),
    ("Telegram", rf"\d{{8,10}}:A{_W}{{34}}"),
    ("Twilio", rf"(?:AC|SK){_H}{{32}}"),
    ("Typeform", r"tfp_[A-Za-z0-9_.=-]{40,60}"),
    ("Vault", rf"s\.{_A}{{24}}"),
    ("Yandex", rf"AQVN{_W}{{35,38}}|YC{_W}{{38}}|t1\.{_W}{{8,400}}\.{_W}{{86}}"),
)
"""Provider, and the form of what it issues."""

_AROUND = rb"(?<![A-Za-z0-9_+/-])(?=[A-Za-z0-9_.:~+/-]{16})(?:%s)(?![A-Za-z0-9_+/-])"
_SHAPE = re.compile(_AROUND % "|".join(form for _, form in SHAPES).encode())
_HOOK = re.compile(
    rb"(?:hooks\.slack\.com\\?/(?:services|workflows|triggers)\\?/|webhook\.office\.com\\?/webhookb2\\?/"
    rb"|discord(?:app)?\.com\\?/api\\?/webhooks\\?/|api\.telegram\.org\\?/bot"
    rb"|chat\.googleapis\.com\\?/v1\\?/spaces\\?/)([^\s\"'<>?#,;)\]}]{8,512})"
)
"""Addresses whose path is the secret."""
_JWT = re.compile(
    rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+\.(?:eyJ)?[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){0,3}"
)
_DER = re.compile(
    # base64 of DER, by its first bytes: SEQUENCE, INTEGER 3 (PKCS#12); SEQUENCE, INTEGER 0 or 1, and a key
    # (PKCS#8, PKCS#1, EC); the magic number of JKS and JCEKS.
    rb"(?<![A-Za-z0-9+/])(?:MII[A-Za-z0-9+/]{2}[AQgw]IBA(?:zC|DAN|AKC)|MIACAQMwg|MI[GH][A-Za-z0-9+/]{1,2}AgEAMB"
    rb"|MHcCAQEEI|MIGkAgEBB|MC4CAQAwBQYDK2V|/u3\+7Q|zs7Ozg)(?:[A-Za-z0-9+/=]|\\?[rn]|\\\\[rn]|\s(?=[A-Za-z0-9+/=]))++"
)
_JWK = re.compile(rb"([\"'])(?:d|p|q|dp|dq|qi|k)\1\s*:\s*\1([A-Za-z0-9_-]{16,}+)\1")


def shaped(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Places of secrets that are known by their form: begin, end, kind."""
    for found in _SHAPE.finditer(data):
        yield found.start(), found.end(), "key of a provider"
    for found in _HOOK.finditer(data):
        yield found.start(1), found.end(1), "address of a hook"
    for found in _JWT.finditer(data):
        yield found.start(), found.end(), "token"
    for found in _DER.finditer(data):
        yield found.start(), found.end(), "private key"
    if b'"kty"' in data or b"'kty'" in data:
        for found in _JWK.finditer(data):
            yield found.start(2), found.end(2), "private key"
