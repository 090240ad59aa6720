"""`safelight destroy`: everything off AWS but the photos.

The bucket stays with all that is in it, unless it is named on the command line: it may hold
somebody's only copies.  What stays is told, and what it costs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from rich.markup import escape

from safelight import account as accounts
from safelight import adoption, consent
from safelight.account import Account
from safelight.deploy import STACK, tell
from safelight.plan import IMAGES, REGISTRY_STACK, REPOSITORIES
from safelight.problem import Problem
from safelight.rollout import Rollout, State
from safelight.screen import console, errors, printable, say

# S3 Standard, the first 50 TB, us-east-1 (aws.amazon.com/s3/pricing, November 2026). Elsewhere up
# to twice that.
_DOLLARS_A_GIGABYTE_MONTH = 0.023
_COUNTED = 200_000
_BATCH = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--stack", metavar="NAME", default=STACK, help=f"the stack's name (default: {STACK})"
    )
    parser.add_argument(
        "--region", metavar="R", help="the region (default: as the AWS command line's)"
    )
    parser.add_argument(
        "--delete-photos",
        metavar="BUCKET",
        nargs="?",
        const="",
        help="also delete the bucket and every photo in it; its name has to be typed, here or "
        "when asked",
    )
    consent.arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Do it."""
    account = accounts.find(accounts.region(options.region))
    rollout = Rollout(account.client("cloudformation"), options.stack)
    state = rollout.state()
    if state is not None and state.is_busy:
        say(f"CloudFormation is at work on {options.stack} ({state.status}): waiting for it …")
        state = rollout.wait(tell)
    if state is not None and state.outputs and "ThumbnailQueueUrl" not in state.outputs:
        raise Problem(f"The stack {options.stack!r} is not Safelight's, and is left alone.")
    bucket = state.parameters.get("BucketName", "") if state is not None else ""
    if options.delete_photos is not None:
        bucket = bucket or options.delete_photos
        _check_deletion(account, options, state, bucket)
    registry = Rollout(account.client("cloudformation"), REGISTRY_STACK)
    lonely = _is_lonely(account, registry, options.stack)
    if state is None and not lonely and options.delete_photos is None:
        say(f"There is no stack {options.stack!r} in {account.region}. Nothing is left to do.")
        return 0
    _announce(account, options, state, bucket, lonely=lonely)
    if not consent.ask("Go on?", yes=options.yes):
        say("Nothing was done.")
        return 1
    if options.delete_photos is not None and not _typed(options.delete_photos, bucket):
        raise Problem(f"That is not the bucket's name, {bucket}. Nothing was done.")
    if state is not None:
        _take_down(account, rollout, state)
    if lonely:
        say("Deleting the image repositories …")
        registry.delete(tell)
    if options.delete_photos is not None:
        _delete_bucket(account, bucket)
    _tell_what_is_left(account, bucket if options.delete_photos is None else "", lonely=lonely)
    return 0


# -- What there is -------------------------------------------------------------------------------


def _check_deletion(
    account: Account, options: argparse.Namespace, state: State | None, bucket: str
) -> None:
    """Raise :class:`Problem` unless that bucket is one that may be deleted here."""
    if not bucket:
        raise Problem(
            f"There is no stack {options.stack!r} to tell which bucket is meant: "
            "--delete-photos BUCKET."
        )
    if options.delete_photos and options.delete_photos != bucket:
        raise Problem(
            f"The stack {options.stack!r} has the bucket {bucket!r}, not "
            f"{printable(options.delete_photos)!r}. Nothing was done."
        )
    if state is not None and state.parameters.get("ExistingBucket") == "true":
        raise Problem(
            f"The bucket {bucket} was there before Safelight, which adopted it: it is not "
            "Safelight's to delete. Without --delete-photos the rest is taken away; the bucket "
            "you may then delete yourself."
        )
    if state is None and not _is_a_gallery(account, bucket):
        raise Problem(
            f"{printable(bucket)} is no bucket of Safelight's (it has no catalog/site.json), or "
            "not yours. Nothing was done."
        )


def _is_a_gallery(account: Account, bucket: str) -> bool:
    try:
        account.client("s3").head_object(
            Bucket=bucket, Key="catalog/site.json", ExpectedBucketOwner=account.id
        )
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (403, 404):
            return False
        raise
    return True


def _is_lonely(account: Account, registry: Rollout, stack: str) -> bool:
    """Whether the image repositories are there, and no stack but ``stack`` takes its images from
    them."""
    state = registry.state()
    if state is None:
        return False
    repositories = {state.outputs.get(output, "") for output in REPOSITORIES.values()} - {""}
    for other in _stacks(account):
        if other["StackName"] == stack:
            continue
        images = {
            parameter.get("ParameterValue", "")
            for parameter in other.get("Parameters", [])
            if parameter["ParameterKey"] in IMAGES.values()
        }
        # By the path within the registry: in a rehearsal its host is another.
        used = {_path(image) for image in images}
        if used & {_path(repository) for repository in repositories}:
            return False
    return True


def _path(reference: str) -> str:
    """``safelight/thumbnailer`` of ``HOST/safelight/thumbnailer@sha256:…``."""
    return reference.partition("/")[2].partition("@")[0]


def _stacks(account: Account) -> Iterator[Any]:
    pages = account.client("cloudformation").get_paginator("describe_stacks").paginate()
    for page in pages:
        yield from page["Stacks"]


def _announce(
    account: Account, options: argparse.Namespace, state: State | None, bucket: str, *, lonely: bool
) -> None:
    console.print(f"In account {account.id}, region {account.region}, this would")
    if state is not None:
        console.print(
            escape(f"  • delete the stack {options.stack}: queues, functions, CloudFront, alarms")
        )
        if state.parameters.get("ExistingBucket") == "true":
            console.print(
                escape(f"  • take Safelight's part out of {bucket}'s notifications and policy")
            )
    if lonely:
        console.print("  • delete the image repositories, which no other stack uses")
    if options.delete_photos is not None:
        console.print(
            escape(f"  • DELETE THE BUCKET {bucket} AND EVERY PHOTO IN IT, for ever"),
            style="bold red",
        )
    elif bucket:
        console.print(escape(f"  • keep the bucket {bucket}, with everything in it"))


def _typed(given: str, bucket: str) -> bool:
    """Whether the bucket's name was typed, on the command line or now."""
    if given:
        return given == bucket
    if not sys.stdin.isatty():
        raise Problem(
            "To delete photos the bucket's name has to be typed, and there is nobody here to "
            f"type it: --delete-photos {bucket}"
        )
    errors.print(escape(f"Type the bucket's name to delete it, {bucket}: "), end="")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == bucket


# -- Done ----------------------------------------------------------------------------------------


def _take_down(account: Account, rollout: Rollout, state: State) -> None:
    bucket = state.parameters.get("BucketName", "")
    s3 = account.client("s3")
    try:
        if state.parameters.get("ExistingBucket") == "true":
            for line in adoption.detach(s3, bucket, rollout.name):
                say(f"{line[0].upper()}{line[1:]}.")
        elif bucket:
            _silence(s3, account, bucket, rollout.name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise
    say(f"Deleting the stack {rollout.name}; CloudFront takes a few minutes …")
    rollout.delete(tell)


def _silence(s3: Any, account: Account, bucket: str, stack: str) -> None:
    """Have the bucket, which stays, tell our queues of nothing any more: as long as it names
    queues that are gone, S3 refuses to have its notifications changed."""
    there = s3.get_bucket_notification_configuration(Bucket=bucket, ExpectedBucketOwner=account.id)
    there.pop("ResponseMetadata", None)
    queues = there.get("QueueConfigurations", [])
    own = tuple(f":{stack}-{name}" for name in ("thumbnail", "publish"))
    kept = [each for each in queues if not each["QueueArn"].endswith(own)]
    if len(kept) == len(queues):
        return
    there["QueueConfigurations"] = kept
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=there, ExpectedBucketOwner=account.id
    )


def _delete_bucket(account: Account, bucket: str) -> None:
    """Delete all that is in it, old versions and unfinished uploads too, and then itself.

    Idempotent.  Raises :class:`Problem` naming what could not be deleted.
    """
    s3 = account.client("s3")
    owner = {"Bucket": bucket, "ExpectedBucketOwner": account.id}
    gone = 0
    try:
        for batch in _versions(s3, owner):
            answer = s3.delete_objects(**owner, Delete={"Objects": batch, "Quiet": True})
            refused = answer.get("Errors", [])
            if refused:
                first = refused[0]
                raise Problem(
                    f"{len(refused)} objects of {bucket} could not be deleted, such as "
                    f"{printable(str(first.get('Key')))}: {printable(str(first.get('Message')))}. "
                    "Run it again."
                )
            gone += len(batch)
            say(f"{gone} objects deleted")
        for upload in _uploads(s3, owner):
            s3.abort_multipart_upload(**owner, **upload)
        s3.delete_bucket(**owner)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return
        if error.response["Error"]["Code"] == "BucketNotEmpty":
            raise Problem(
                f"Something was put into {bucket} meanwhile. Stop that, then run it again."
            ) from error
        raise
    say(f"The bucket {bucket} is deleted.")


def _versions(s3: Any, owner: dict[str, str]) -> Iterator[list[dict[str, str]]]:
    """Everything in the bucket, in batches that one request may delete."""
    for page in s3.get_paginator("list_object_versions").paginate(
        **owner, PaginationConfig={"PageSize": _BATCH}
    ):
        batch = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for one in page.get(kind, [])
        ]
        if batch:
            yield batch


def _uploads(s3: Any, owner: dict[str, str]) -> Iterator[dict[str, str]]:
    for page in s3.get_paginator("list_multipart_uploads").paginate(**owner):
        for one in page.get("Uploads", []):
            yield {"Key": one["Key"], "UploadId": one["UploadId"]}


# -- What is left --------------------------------------------------------------------------------


@dataclass
class _Left:
    """What is in a bucket: objects, bytes, and whether there was more than was counted."""

    objects: int = 0
    size: int = 0
    more: bool = False
    parts: dict[str, int] = field(default_factory=dict)


def _tell_what_is_left(account: Account, bucket: str, *, lonely: bool) -> None:
    console.print("Done.")
    if bucket:
        left = _count(account, bucket)
        if left is None:
            console.print(escape(f"The bucket {bucket} is gone, too; somebody deleted it."))
        else:
            least = "at least " if left.more else ""
            dollars = left.size / 1e9 * _DOLLARS_A_GIGABYTE_MONTH
            console.print(
                escape(
                    f"What is left is the bucket {bucket}: {least}{left.objects:,} objects, "
                    f"{left.size / 1e9:,.2f} GB, {_photos(left)} of them originals. It costs about "
                    f"{least}${dollars:,.2f} a month (S3 Standard, us-east-1).\n"
                    "`safelight deploy` with the same --stack makes a gallery of it again; "
                    f"`safelight destroy --delete-photos {bucket}` deletes it."
                )
            )
    registry = Rollout(account.client("cloudformation"), REGISTRY_STACK).state()
    if registry is not None and not lonely:
        console.print(
            "The image repositories stay, because another stack runs what is in them: about "
            "$0.10 a gigabyte and month."
        )


def _count(account: Account, bucket: str) -> _Left | None:
    left = _Left()
    try:
        for page in (
            account.client("s3")
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, ExpectedBucketOwner=account.id)
        ):
            for one in page.get("Contents", []):
                left.objects += 1
                left.size += one["Size"]
                part = one["Key"].partition("/")[0]
                left.parts[part] = left.parts.get(part, 0) + 1
            if left.objects >= _COUNTED:
                left.more = True
                break
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return None
        raise
    return left


def _photos(left: _Left) -> str:
    return f"{left.parts.get('photos', 0):,}"
