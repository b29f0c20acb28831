"""Which names hold a secret, and which values of such names are none.

A name counts by its end: ``db.password`` and ``x-api-key`` hold a secret, ``passwordPolicy`` and
``token_type`` hold none. All functions but the last two take names in lower case.
"""

from __future__ import annotations

import re

NAME = b"abcdefghijklmnopqrstuvwxyz0123456789_.$-"
"""The bytes of a name."""
MAX_NAME = 64
"""Bytes of a name that are looked at on each side of the word in it."""

_HEADER = (
    rb"(?:proxy-)?authori[sz]ation|set-cookie2?|cookies?2?|x-(?:amz-security|auth|csrf|xsrf)-token|x-api-key"
)
_SESSION = rb"j?session[-_. ]?id|sess[-_]?id|asp\.net_sessionid|samlresponse|samlrequest|saml[-_]?art"
_TOKEN = rb"tokens?|bearer|jwt|assertion|csrf|xsrf"
_BEFORE_KEY = (
    b"api app access private secret encryption signing shared account master consumer subscription"
    b" function host license storage webhook hmac cipher auth aes ssh service"
).split()
_KEY = rb"(?:%s)[-_. ]?key" % b"|".join(_BEFORE_KEY)
_PASS = rb"pass(?:words?|wort|wd|w|[-_. ]?phrase|code)?|pwd|kennwort|secrets?|credentials?"
_OTHER = (
    rb"x-(?:amz|goog|hub)-signature(?:-256)?|(?:authori[sz]ation|auth|verification|one[-_]?time|mfa|activation)"
    rb"[-_. ]?code|code[-_]?verifier|(?<![a-z0-9_.-])_auth|x-auth"
    rb"|security[-_. ]?answer|connection[-_]?string|mnemonic"
    rb"|query[-_]?string|verifyapikey\.[a-z0-9_.-]{1,64}\.client_id"  # Apigee's name for the API key itself
)
_SHORT = rb"otp|totp|pin|m?pin|sid|sig|cvv2?|cvc2?|tan|psk|pw|pat"
"""Short words count alone or after a mark: ``card.pin``, but not ``spin``."""

CORE = re.compile(
    # Every branch begins with a letter, so that the search skips all others: half the time.
    rb"authori[sz]ation|cookies?2?|session[-_. ]?id|sess[-_]?id|samlre(?:sponse|quest)|saml[-_]?art|tokens?"
    rb"|bearer|jwt|assertion|csrf|xsrf|pass(?:words?|wort|wd|w|[-_. ]?phrase|code)?|pwd|kennwort"
    rb"|secrets?|credentials?|x-(?:amz|goog|hub)-signature|x-auth|verification[-_. ]?code"
    rb"|one[-_]?time[-_. ]?code|mfa[-_. ]?code|activation[-_. ]?code|auth[-_. ]?code"
    rb"|code[-_]?verifier|_auth|security[-_. ]?answer"
    rb"|connection[-_]?string|mnemonic|query[-_]?string|"
    + b"|".join(word + rb"[-_. ]?key" for word in _BEFORE_KEY)
    + b"|"
    + b"|".join(word + rb"(?![a-z])" for word in b"otp pin sid sig cvv cvc tan psk pw pat".split())
)
"""A word that may make a name secret, in lower-case text."""
_TAIL = (
    rb"(?:s|[-_.]?(?:value|text|hash|confirm(?:ation)?|repeat|old|new|plain|clear|encrypted|enc|b64|base64"
    rb"|string|data|bytes|in|out|raw|\d{1,3}))?"
)
_SECRET = re.compile(
    rb"(?:%s)%s\Z"
    % (
        b"|".join((_HEADER, _SESSION, _TOKEN, _KEY, _PASS, _OTHER, rb"(?<![a-z0-9])(?:%s)" % _SHORT)),
        _TAIL,
    )
)
_HEADER_NAME = re.compile(
    rb"(?:^|[.-])(?:(?:proxy-)?authori[sz]ation|set-cookie2?|cookies?2?|x-[a-z0-9-]{0,64}(?:token|key))\Z"
)
_SESSION_NAME = re.compile(rb"(?:%s)\Z" % _SESSION)
_TOKEN_NAME = re.compile(rb"(?:%s)\Z" % _TOKEN)
_NOT_SECRET = re.compile(
    rb"(?:by|com|sur|tres|en|under|over)pass\Z|(?:keystore|trust-?store|public)[-_.]?key\Z|(?:un|next)token\Z"
    rb"|(?:max|num|total|prompt|completion|input|output|count|n)[-_.]?tokens\Z|extended.master.secret\Z"
)

PLAIN = frozenset(
    (
        b"a absent accepted already also an and are array auth authentication authorization available "
        b"be blank bool boolean both bytes can cannot case changed const correct could credentials "
        b"default denied different disabled empty enabled encrypted equal error expired failed failure "
        b"false for found from function given has header hidden how in incorrect int integer invalid "
        b"is it kept known len let long malformed mandatory masked may might missing must n/a na "
        b"needed never new nil no none not null number object of off ok on only optional or present "
        b"protected ready realm redacted refused rejected removed required required. reset return "
        b"revoked right safe same scheme set short should still str string strong that the this to "
        b"token tokens too true type unavailable undefined unknown unset unused used valid var void "
        b"was weak what will with would wrong yes "
    ).split()
)
"""Words that stand where a secret could, and are none."""
_STARS = re.compile(rb"[*\s]*\Z")
_TEMPLATE = re.compile(
    rb"\s*(?:\{[\w.$:-]{1,128}\}|\$\{[^}\s]{1,128}\}|\$\([^)\s]{1,128}\)|\$[A-Za-z_]\w{0,64}|%[A-Za-z_]\w{0,64}%"
    rb"|ref://[\w.-]{1,128}|<[\w .-]{1,64}>|&lt;[\w .-]{1,64}&gt;)\s*\Z"
)
_SOME = re.compile(rb"[A-Za-z0-9\x80-\xff]")
_WORD_MARKS = b" \t\r\n\f\v.;:!?)]"


def is_secret(name: bytes) -> bool:
    """Whether a name in lower case holds a secret."""
    return _SECRET.search(name) is not None and _NOT_SECRET.search(name) is None


def is_header(name: bytes) -> bool:
    """Whether it is a header whose whole line is secret."""
    return _HEADER_NAME.search(name) is not None


def kind_of(name: bytes) -> str:
    """What the value of a secret name is called in counts."""
    if is_header(name):
        return "header"
    if _SESSION_NAME.search(name):
        return "session"
    return "token" if _TOKEN_NAME.search(name) else "secret"


def is_plain(value: bytes) -> bool:
    """Whether a value hides nothing: empty, stars, ``null``, a reference to a variable, a placeholder."""
    if len(value) > 256:
        return False
    if _STARS.match(value) or _TEMPLATE.match(value):
        return True
    words = value.rstrip(_WORD_MARKS).lower().split()
    return (len(words) <= 6 and all(word in PLAIN for word in words)) or not _SOME.search(value)


def is_opaque(value: bytes) -> bool:
    """Whether a value looks made by a machine: a digit beside letters, or capitals in its middle."""
    if len(value) < 8:
        return False
    letters = sum(byte | 32 in _LETTERS for byte in value)
    digits = sum(byte in b"0123456789" for byte in value)
    capitals = sum(byte in _CAPITALS for byte in value[1:])
    small = sum(byte in _LETTERS for byte in value)
    return letters > 0 and (digits > 0 or (capitals > 0 and small > 0))


_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz")
_CAPITALS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
