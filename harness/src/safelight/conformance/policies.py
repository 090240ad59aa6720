"""Questions about permissions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from safelight.conformance.emulator import Emulator
from safelight.conformance.question import Topic, outcome

POLICIES = Topic("permissions", "Permissions")

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/"


@contextmanager
def _reader(emulator: Emulator) -> Iterator[tuple[Any, str]]:
    """A bucket, and a client of somebody who may read its objects, and nothing else."""
    iam = emulator.client("iam")
    name = f"question-{uuid.uuid4().hex[:8]}"
    with emulator.bucket() as bucket:
        allow = {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        iam.create_user(UserName=name)
        iam.put_user_policy(
            UserName=name,
            PolicyName="read",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
        )
        key = iam.create_access_key(UserName=name)["AccessKey"]
        try:
            yield emulator.client("s3", key["AccessKeyId"], key["SecretAccessKey"]), bucket
        finally:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
            iam.delete_user_policy(UserName=name, PolicyName="read")
            iam.delete_user(UserName=name)


@POLICIES.question(
    "put-denied",
    "PutObject by somebody whose policy allows GetObject alone",
    aws="403 AccessDenied",
    source=_S3 + "API/ErrorResponses.html",
)
def _put_denied(emulator: Emulator) -> str:
    with _reader(emulator) as (s3, bucket):
        return outcome(lambda: s3.put_object(Bucket=bucket, Key="a", Body=b""))


@POLICIES.question(
    "missing-denied",
    "HeadObject by them of a key that is not there (they may not list the bucket)",
    aws="403",
    source=_S3 + "API/API_HeadObject.html",
)
def _missing_denied(emulator: Emulator) -> str:
    with _reader(emulator) as (s3, bucket):
        return outcome(lambda: s3.head_object(Bucket=bucket, Key="a"))
