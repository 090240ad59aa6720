"""Adoption: a bucket that is there already, with photos in it and duties of its own.

Such a bucket is not the stack's to shape (the template's ``ExistingBucket``).  Its notifications
and its policy are each one document, and to set one is to replace all of it
(``PutBucketNotificationConfiguration``, ``PutBucketPolicy``).  So what is there is read, ours is
laid beside it, and what is not ours goes back exactly as it came: :func:`merged` and
:func:`without` for the notifications, :func:`merged_policy` and :func:`policy_without` for the
policy.  All four are pure.  :func:`attach` and :func:`detach` do it to a bucket.

What is ours is told by its name, which holds the stack's: :func:`label`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gallery import keys
from safelight.problem import Problem
from safelight.template import Given, Template

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TARGETS = {
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
}
"""The kinds of notifications, and where each keeps its target (S3 API reference)."""

MAX_POLICY = 20 * 1024
"""The most bytes a bucket's policy may have (S3 user guide, "Bucket policies")."""

Notification = dict[str, Any]
Statement = dict[str, Any]


def label(stack: str) -> str:
    """What the names of this stack's notifications and statements begin with.

    Letters and digits only: the identifier of a policy's statement takes nothing else.
    """
    digest = hashlib.sha256(stack.encode()).hexdigest()[:12]
    return f"Safelight{digest}"


# -- What is to be there ---------------------------------------------------------------------


def notifications(template: Template, given: Given) -> list[Notification]:
    """The template's notifications as S3's API takes them, one for each queue and prefix."""
    configured = template.properties("Bucket", given)["NotificationConfiguration"]
    found: dict[str, Notification] = {}
    for each in configured["QueueConfigurations"]:
        rules = each["Filter"]["S3Key"]["Rules"]
        place = json.dumps([each["Queue"], rules])
        if place not in found:
            found[place] = {
                "Id": f"{label(given.stack)}{len(found) + 1}",
                "QueueArn": each["Queue"],
                "Events": [],
                "Filter": {"Key": {"FilterRules": rules}},
            }
        found[place]["Events"].append(each["Event"])
    return list(found.values())


def statements(template: Template, given: Given) -> list[Statement]:
    """What the template's bucket policy allows: the distribution to read what is public.

    What it denies (plain HTTP) is not for us to deny to others in a bucket of theirs.
    """
    document = template.properties("BucketPolicy", given)["PolicyDocument"]
    allowed = (each for each in document["Statement"] if each["Effect"] == "Allow")
    return [{**each, "Sid": f"{label(given.stack)}{each['Sid']}"} for each in allowed]


# -- Notifications ---------------------------------------------------------------------------


def merged(there: Mapping[str, Any], ours: Sequence[Notification], stack: str) -> dict[str, Any]:
    """The configuration ``there`` with our notifications in it, in place of earlier ones of ours.

    Everything else is exactly as it was.  Raises :class:`Problem` where S3 would refuse it: two
    notifications about the same event may not have prefixes, and suffixes, that overlap (S3 user
    guide, "Configuring event notifications using object key name filtering").
    """
    result = without(there, stack)
    for own in ours:
        for kind, target in TARGETS.items():
            for foreign in result.get(kind, []):
                if _overlap(own, foreign):
                    raise Problem(_refusal(own, foreign, foreign.get(target, "?")))
    result["QueueConfigurations"] = [
        *result.get("QueueConfigurations", []),
        *(copy.deepcopy(own) for own in ours),
    ]
    return result


def without(there: Mapping[str, Any], stack: str) -> dict[str, Any]:
    """The configuration ``there`` without this stack's notifications."""
    begins = label(stack)
    result: dict[str, Any] = {}
    for kind, value in there.items():
        if kind == "ResponseMetadata":
            # Not the bucket's: boto3 puts it into every answer.
            continue
        if kind not in TARGETS:
            result[kind] = copy.deepcopy(value)
            continue
        left = [each for each in value if not str(each.get("Id", "")).startswith(begins)]
        if left:
            result[kind] = copy.deepcopy(left)
    return result


def _overlap(one: Notification, other: Notification) -> bool:
    return any(
        _same_event(a, b) for a in one.get("Events", []) for b in other.get("Events", [])
    ) and all(_same_names(_rule(one, end), _rule(other, end), end) for end in ("prefix", "suffix"))


def _same_event(one: str, other: str) -> bool:
    """Whether one of two kinds of events, each perhaps ``s3:ObjectCreated:*``, is the other."""
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _same_names(one: str, other: str, end: str) -> bool:
    """Whether a key can have both prefixes (or suffixes)."""
    if end == "prefix":
        return one.startswith(other) or other.startswith(one)
    return one.endswith(other) or other.endswith(one)


def _rule(notification: Notification, name: str) -> str:
    rules = notification.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    # S3 gives back "Prefix" for "prefix".
    values = [rule.get("Value", "") for rule in rules if rule.get("Name", "").lower() == name]
    return values[0] if values else ""


def _refusal(own: Notification, foreign: Notification, target: str) -> str:
    prefix, suffix = _rule(foreign, "prefix"), _rule(foreign, "suffix")
    about = f"names that begin with {prefix!r}" if prefix else "every name"
    if suffix:
        about += f" and end with {suffix!r}"
    return (
        f"The bucket already sends {', '.join(foreign.get('Events', []))} for {about} to {target} "
        f"(notification {foreign.get('Id', 'without a name')!r}), and S3 sends an event about one "
        f"key to one place only. Safelight needs those under {_rule(own, 'prefix')!r}. Narrow "
        "that notification to another prefix, or have it go to an SNS topic to which both "
        "subscribe; or give Safelight a bucket of its own."
    )


# -- The policy ------------------------------------------------------------------------------


def merged_policy(there: str | None, ours: Sequence[Statement], stack: str, bucket: str) -> str:
    """The policy ``there`` (``None``: there is none) with our statements in it, in place of
    earlier ones of ours; everything else as it was.

    Raises :class:`Problem` if it is no policy, would be too long, or lets everybody read the
    catalog, which is nobody's business.
    """
    document = _policy(policy_without(there, stack))
    foreign = document["Statement"]
    for statement in foreign:
        if _publishes(statement, f"arn:aws:s3:::{bucket}/{keys.SITE}"):
            raise Problem(
                f"The bucket's policy lets everybody read all of it (statement "
                f"{statement.get('Sid', 'without a name')!r}): the catalog, too, which holds what "
                "photos say about themselves. Narrow that statement to what has to be public, or "
                "give Safelight a bucket of its own."
            )
    document["Statement"] = [*foreign, *copy.deepcopy(list(ours))]
    text = json.dumps(document, separators=(",", ":"))
    if len(text.encode()) > MAX_POLICY:
        raise Problem(
            f"The bucket's policy would have {len(text.encode()):,} bytes, and S3 takes "
            f"{MAX_POLICY:,}. Shorten it, or give Safelight a bucket of its own."
        )
    return text


def policy_without(there: str | None, stack: str) -> str | None:
    """The policy ``there`` without this stack's statements; ``None`` if that leaves nothing."""
    if there is None:
        return None
    document = _policy(there)
    begins = label(stack)
    kept = [each for each in document["Statement"] if not each.get("Sid", "").startswith(begins)]
    if len(kept) == len(document["Statement"]):
        return there
    return json.dumps({**document, "Statement": kept}, separators=(",", ":")) if kept else None


def _policy(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"Version": "2012-10-17", "Statement": []}
    try:
        document = json.loads(text)
        found = document["Statement"]
        # One statement need not be a list (IAM user guide, "Statement").
        document["Statement"] = [found] if isinstance(found, dict) else list(found)
        if all(isinstance(each, dict) for each in document["Statement"]):
            return dict(document)
    except (ValueError, KeyError, TypeError):
        pass
    raise Problem("The bucket's policy is no policy that can be read; look at it in S3's console.")


def _publishes(statement: Statement, arn: str) -> bool:
    """Whether a statement lets everybody, without a condition, read the object ``arn``."""
    if statement.get("Effect") != "Allow" or statement.get("Condition"):
        return False
    principal = statement.get("Principal")
    everybody = principal == "*" or (
        isinstance(principal, dict) and "*" in _listed(principal.get("AWS", []))
    )
    actions = _listed(statement.get("Action", []))
    resources = _listed(statement.get("Resource", []))
    return (
        everybody
        and any(fnmatchcase("s3:getobject", action.lower()) for action in actions)
        and any(fnmatchcase(arn, resource) for resource in resources)
    )


def _listed(value: Any) -> Iterable[str]:
    return [value] if isinstance(value, str) else list(value)


# -- A bucket --------------------------------------------------------------------------------


def attach(s3: S3Client, template: Template, given: Given) -> list[str]:
    """Add the stack's notifications and statements to its bucket; what was changed, in words.

    Idempotent: with nothing to change, nothing is written.  S3 has no conditional write for
    either, so whoever changes them in the same second may be overwritten.  The queues and the
    distribution must be there.  Raises :class:`Problem` where the two do not go together; then
    nothing has been changed.
    """
    bucket = given.parameters["BucketName"]
    there = s3.get_bucket_notification_configuration(Bucket=bucket)
    before = _plain(there)
    after = merged(before, notifications(template, given), given.stack)
    policy = policy_of(s3, bucket)
    new_policy = merged_policy(policy, statements(template, given), given.stack, bucket)
    changed = []
    if after != before:
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration=after,  # type: ignore[arg-type]
        )
        changed.append(f"added to the notifications of {bucket}: {_count(before, given.stack)}")
    if policy is None or json.loads(policy) != json.loads(new_policy):
        s3.put_bucket_policy(Bucket=bucket, Policy=new_policy)
        changed.append(f"added to the policy of {bucket}: what CloudFront may read")
    return changed


def detach(s3: S3Client, bucket: str, stack: str) -> list[str]:
    """Undo :func:`attach`; what was changed, in words.  Idempotent."""
    changed = []
    before = _plain(s3.get_bucket_notification_configuration(Bucket=bucket))
    after = without(before, stack)
    if after != before:
        s3.put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration=after,  # type: ignore[arg-type]
        )
        changed.append(f"taken out of the notifications of {bucket}")
    policy = policy_of(s3, bucket)
    left = policy_without(policy, stack)
    if left != policy:
        if left is None:
            s3.delete_bucket_policy(Bucket=bucket)
        else:
            s3.put_bucket_policy(Bucket=bucket, Policy=left)
        changed.append(f"taken out of the policy of {bucket}")
    return changed


def _plain(there: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: value for kind, value in there.items() if kind != "ResponseMetadata"}


def _count(before: Mapping[str, Any], stack: str) -> str:
    others = sum(len(without(before, stack).get(kind, [])) for kind in TARGETS)
    return f"those of stack {stack}, beside {others} of others" if others else f"stack {stack}'s"


def policy_of(s3: S3Client, bucket: str) -> str | None:
    """The bucket's policy as it is; ``None`` if it has none."""
    try:
        return s3.get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return None
        raise
