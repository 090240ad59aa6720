"""What of an event is nobody else's business, taken out.

Events tell who uploaded a photo, from where, and in which account.  A log, a fixture or a bug
report needs none of that.  Keys, buckets, times and message ids stay: they are the point.

It reaches into JSON within JSON, as envelopes have it, and keeps the style it was written in; of
text that is no JSON (any more) it takes out what it can tell by its shape.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

ACCOUNT = "000000000000"
ADDRESS = "192.0.2.1"  # RFC 5737: for documentation, nobody's
NOBODY = "EXAMPLE"

_FIELDS: dict[str, str] = {
    "account": ACCOUNT,
    "accountId": ACCOUNT,
    "awsAccountId": ACCOUNT,
    "recipientAccountId": ACCOUNT,
    "requester": ACCOUNT,
    "principalId": NOBODY,
    "SenderId": NOBODY,
    "userName": NOBODY,
    "accessKeyId": NOBODY,
    "sourceIPAddress": ADDRESS,
    "source-ip-address": ADDRESS,
    "x-amz-request-id": NOBODY,
    "x-amz-id-2": NOBODY,
    "request-id": NOBODY,
    "RequestId": NOBODY,
    "HostId": NOBODY,
    "AWSTraceHeader": NOBODY,
    "Signature": NOBODY,
    "SigningCertURL": "https://sns.example/certificate.pem",
    "UnsubscribeURL": "https://sns.example/unsubscribe",
    "SubscribeURL": "https://sns.example/subscribe",
    "Token": NOBODY,
}
_FIELD = re.compile(
    rf"""(?P<head>(?P<quote>\\*")(?P<name>{"|".join(map(re.escape, _FIELDS))})"""
    r"""(?P=quote)\s*:\s*(?P=quote)).*?(?P=quote)"""
)
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A user or role in an ARN, with its session (IAM user guide, "IAM identifiers").
    (
        re.compile(
            r"\b(arn:[a-z-]+:(?:iam|sts)::)[0-9]{12}:"
            r"(user|role|assumed-role|federated-user)/[\w+=,.@/-]+"
        ),
        rf"\g<1>{ACCOUNT}:\g<2>/{NOBODY}",
    ),
    (
        re.compile(r"\b(arn:[a-z-]+:[a-z0-9-]*:[a-z0-9-]*:)[0-9]{12}(?=:)"),
        rf"\g<1>{ACCOUNT}",
    ),
    # A queue's address holds the account.
    (
        re.compile(r"(//(?:sqs|queue)[a-z0-9.-]*\.amazonaws\.com(?:\.cn)?/)[0-9]{12}(?=/)"),
        rf"\g<1>{ACCOUNT}",
    ),
    # Unique identifiers of keys, users and roles, by their prefixes (same page).
    (re.compile(r"\bA(?:KIA|SIA|IDA|ROA|GPA|NPA|NVA|IPA)[A-Z2-7]{16,17}\b"), NOBODY),
)
_STYLES: tuple[dict[str, Any], ...] = tuple(
    {"separators": separators, "ensure_ascii": ascii_only}
    for separators in ((",", ":"), (", ", ": "))
    for ascii_only in (True, False)
)


def redact(value: Any) -> Any:
    """A JSON value without account ids, principals, addresses, request ids and signatures."""
    if isinstance(value, dict):
        return {
            name: _FIELDS[name] if name in _FIELDS and isinstance(inner, str) else redact(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [redact(inner) for inner in value]
    return redact_text(value) if isinstance(value, str) else value


def redact_text(text: str) -> str:
    """A text that is JSON itself is redacted inside, in the style it was written in; one that
    is broken JSON, as poison is, as far as its fields can be told."""
    if text[:1] in ("{", "["):
        # Deep nesting is one of the poisons.
        with contextlib.suppress(ValueError, RecursionError):
            inner = json.loads(text)
            style = next((s for s in _STYLES if json.dumps(inner, **s) == text), _STYLES[0])
            return json.dumps(redact(inner), **style)
        text = _FIELD.sub(lambda m: m["head"] + _FIELDS[m["name"]] + m["quote"], text)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text
