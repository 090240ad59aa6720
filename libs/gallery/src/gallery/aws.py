"""boto3 clients, made one way everywhere.

The endpoint, the region and the credentials come from where boto3 looks for them
(``AWS_ENDPOINT_URL``, ``AWS_REGION``, …): on AWS the role, on an emulator the variables that
the emulator sets for its functions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


def _config() -> Config:
    # Asked for anew each time: the harness learns the endpoint after this was imported.
    emulator = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return Config(
        # "standard" retries throttling, 5xx and broken connections with jitter (boto3, Retries).
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=32,
        # Emulators serve buckets by path; AWS takes either for the buckets we make.
        s3={"addressing_style": "path"} if emulator else {},
        # boto3 1.36 began to add CRC trailers to each put, which not every S3 takes.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def s3_client(session: boto3.Session | None = None) -> S3Client:
    """An S3 client."""
    return (session or boto3.Session()).client("s3", config=_config())


def sqs_client(session: boto3.Session | None = None) -> SQSClient:
    """An SQS client.  A long poll takes up to 20 s, well inside its read timeout."""
    return (session or boto3.Session()).client("sqs", config=_config())


def cloudfront_client(session: boto3.Session | None = None) -> Any:
    """A CloudFront client.  Its distributions are the same in every region."""
    return (session or boto3.Session()).client("cloudfront", config=_config())
