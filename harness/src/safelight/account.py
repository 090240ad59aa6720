"""The AWS account and region that a deployment goes to, and its clients.

Everything is reached as boto3 reaches AWS: credentials, profile and region are those of whoever
asks, and ``AWS_ENDPOINT_URL`` makes an emulator stand in for AWS.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3

from safelight.problem import Problem
from safelight.stack import client

CLOUDFRONT_REGION = "us-east-1"
"""Where CloudFront looks for certificates, whatever the stack's region."""


@dataclass(frozen=True)
class Account:
    """Who deploys, and where to: the account's ``id``, the ``region``, the caller's ``arn``."""

    id: str
    region: str
    arn: str

    @property
    def is_root(self) -> bool:
        """Whether the credentials are those of the account's root user."""
        return self.arn.endswith(":root")

    @property
    def partition(self) -> str:
        """``aws``, or that of China or of a government."""
        parts = self.arn.split(":")
        return parts[1] if len(parts) > 1 and parts[1] else "aws"

    def client(self, service: Any, region: str | None = None) -> Any:
        """A boto3 client, in the account's region unless another is given."""
        return client(service, None, region or self.region)


def region(given: str | None) -> str:
    """The region that is meant: the one given, or the environment's, or the profile's.

    Raises :class:`Problem` if none is.
    """
    # boto3 does not heed AWS_REGION, which the AWS command line and the other SDKs do.
    found = given or os.environ.get("AWS_REGION", "").strip() or boto3.Session().region_name
    if not found:
        raise Problem(
            "Which region? Say --region, such as --region eu-central-1, or set AWS_REGION: "
            "neither the environment nor the AWS profile names one."
        )
    return str(found)


def find(where: str) -> Account:
    """The account of the credentials at hand.  Raises what boto3 raises."""
    identity = client("sts", None, where).get_caller_identity()
    return Account(identity["Account"], where, identity["Arn"])


def emulator() -> str:
    """The emulator that stands in for AWS (``AWS_ENDPOINT_URL``); nothing if it is AWS."""
    return os.environ.get("AWS_ENDPOINT_URL", "").strip()
