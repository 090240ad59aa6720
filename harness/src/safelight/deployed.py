"""A stack on AWS, found by its name: what `--stack NAME` means to the commands that have it.

CloudFormation is asked for the stack's outputs, each time anew: nothing is remembered that
could be of yesterday's stack.  Everything is reached as boto3 reaches AWS, with the
credentials, the profile and the region of whoever asks; so ``AWS_ENDPOINT_URL`` makes an
emulator stand in for AWS.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)

from safelight.problem import Problem
from safelight.screen import printable, say
from safelight.stack import Deployment, cloudformation, current

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

# Of these statuses of a stack its outputs are there, and what they name works or may work.
_CHANGING = {
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "IMPORT_ROLLBACK_IN_PROGRESS",
}
_HALF = {"UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"}
_OFFERED = 10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--stack`` and ``--region`` of a command that works on AWS too."""
    parser.add_argument(
        "--stack",
        metavar="NAME",
        help="the CloudFormation stack of this name on AWS (default: the local stack)",
    )
    parser.add_argument(
        "--region",
        metavar="R",
        help="with --stack: the region it is in (default: as the AWS command line's)",
    )


def chosen(options: argparse.Namespace) -> Deployment:
    """The stack that a command is about: the one on AWS that ``options`` name, or the local
    one.  Raises :class:`Problem`."""
    if options.stack is not None:
        return find(options.stack, options.region)
    if options.region is not None:
        raise Problem("--region goes with --stack NAME; the local stack is in no region.")
    return current()


def find(name: str, region: str | None = None) -> Deployment:
    """The stack ``name`` on AWS, in ``region`` or else the environment's or profile's.

    Raises :class:`Problem`, saying what helps, if there is none, if it is none of Safelight's,
    if it is not (or not any more) of any use, or if AWS does not answer us.
    """
    try:
        # boto3 itself does not look at AWS_REGION, which the AWS command line prefers.
        where = region or os.environ.get("AWS_REGION") or boto3.Session().region_name
        if not where:
            raise Problem(
                "Which region is the stack in? Say --region, or set AWS_REGION: neither the "
                "environment nor the AWS profile names one."
            )
        found = _describe(name, where)
        if found is None:
            raise Problem(_no_such_stack(name, where))
    except (ClientError, BotoCoreError) as error:
        raise Problem(
            explained(error) or f"AWS did not say where the stack {name!r:.200} is: {error}"
        ) from error
    _check_status(name, where, found)
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in found.get("Outputs", [])}
    try:
        return Deployment.from_outputs(name, None, where, outputs)
    except KeyError as error:
        raise Problem(
            f"The stack {name!r:.200} in {where} is not one of Safelight's, or of another "
            f"version: it has no output {error}. `make deploy` makes one."
        ) from error


def _describe(name: str, region: str) -> Mapping[str, Any] | None:
    try:
        stacks = cloudformation(None, region).describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # "Stack with id NAME does not exist", or a name that no stack can have.
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            return None
        raise
    # A deleted stack is found for ninety days, by its identifier.
    there = [stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
    return there[0] if there else None


def _no_such_stack(name: str, region: str) -> str:
    asked = _emulator()
    place = f"in {region}" + (f" at {asked} (AWS_ENDPOINT_URL)" if asked else "")
    told = f"There is no stack {printable(name)!r:.200} {place}."
    try:
        others = _safelights(region)
    except (ClientError, BotoCoreError):
        # It was only for a better message.
        others = []
    if others:
        return f"{told} Safelight's there: {', '.join(others)}."
    return (
        f"{told} None there is Safelight's: is it in another region (--region), or another "
        "account (AWS_PROFILE)? `make deploy` makes one."
    )


def _safelights(region: str) -> list[str]:
    found: list[str] = []
    for page in cloudformation(None, region).get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            outputs = {entry.get("OutputKey") for entry in stack.get("Outputs", [])}
            if {"BucketName", "ThumbnailQueueUrl", "PublishQueueUrl"} <= outputs:
                found.append(stack["StackName"])
        if len(found) >= _OFFERED:
            break
    return sorted(found)[:_OFFERED]


def _check_status(name: str, region: str, found: Mapping[str, Any]) -> None:
    status, reason = found["StackStatus"], found.get("StackStatusReason", "")
    why = f" ({printable(reason)})" if reason else ""
    stack = f"The stack {name!r:.200} in {region}"
    if status in _CHANGING:
        say(f"{stack} is being changed ({status}): what is seen may be of before or after.")
    elif status in _HALF:
        say(f"{stack} is {status}{why}: its parts may not fit together. Deploy again.")
    elif status == "REVIEW_IN_PROGRESS":
        raise Problem(
            f"{stack} was never made: there is a change set that nobody agreed to. `make deploy`."
        )
    elif status in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}:
        raise Problem(f"{stack} is still being created ({status}): wait until it is.")
    elif status in {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}:
        raise Problem(
            f"{stack} could not be created: it is {status}{why}. The first of its events that "
            "failed says why; then `make deploy` again."
        )
    elif status.startswith("DELETE_"):
        raise Problem(
            f"{stack} is being deleted, or half deleted ({status}{why}). Its bucket stays, "
            "unless that was to go too."
        )


def explained(error: Exception) -> str | None:
    """What is wrong with how AWS is asked, and what helps; ``None`` if it is something else.

    Wherever it comes up: a session may expire in the middle of a command.
    """
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, ProfileNotFound):
        return f"{error}. `aws configure list-profiles` lists them; AWS_PROFILE chooses."
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            f"There are no AWS credentials, or half of some ({error}). `aws configure`, "
            "`aws sso login`, or AWS_PROFILE for those of another profile."
        )
    if isinstance(error, SSOError | TokenRetrievalError):
        return f"The AWS session has ended: `aws sso login`. ({error})"
    if isinstance(error, InvalidRegionError | NoRegionError):
        return f"That is no region: {error} Say one such as --region eu-central-1."
    unreachable = (
        EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError | ConnectionClosedError
    )
    if isinstance(error, unreachable):
        asked = _emulator()
        return f"{error}. " + (
            f"AWS_ENDPOINT_URL is set to {asked}: unset it to ask AWS itself."
            if asked
            else "Is there a network, and is the region's name right?"
        )
    return None


def _refused(error: ClientError) -> str | None:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _EXPIRED:
        return f"The AWS session has expired ({code}): `aws sso login`, or fetch new credentials."
    if code in _UNKNOWN:
        return (
            f"AWS does not know these credentials ({code}). `aws sts get-caller-identity` shows "
            "whose they are; AWS_PROFILE chooses others."
        )
    if code in _DENIED:
        return (
            f"These credentials may not do that ({error.operation_name}): {error}. Ask for the "
            "permission, or choose others by AWS_PROFILE."
        )
    return None


def _emulator() -> str:
    return os.environ.get("AWS_ENDPOINT_URL", "")
