"""The same pipeline, mended: an event is a hint that something may have changed, and no command.

The handler looks what is there now and makes the thumbnail match; each message ends on its own; the
photo stays where its owner put it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from examples.naive.naive import INBOX, thumbnail


def make(s3: Any) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The handler, with boto3's S3 client or one that is like it."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        failed = []
        for message in event["Records"]:
            try:
                for bucket, key in changed(message["body"]):
                    reconcile(bucket, key)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this message's
                print(f"failed: {error!r}")
                failed.append({"itemIdentifier": message["messageId"]})
        return {"batchItemFailures": failed}

    def reconcile(bucket: str, key: str) -> None:
        wanted = f"thumbnails/{key.removeprefix(INBOX)}"
        try:
            photo = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            s3.delete_object(Bucket=bucket, Key=wanted)
        else:
            s3.put_object(Bucket=bucket, Key=wanted, Body=thumbnail(photo))

    return handler


def changed(body: str) -> Iterator[tuple[str, str]]:
    """The buckets and keys that a message is about."""
    event = json.loads(body)
    if event.get("Event") == "s3:TestEvent":
        return
    for record in event["Records"]:
        # Keys are form-encoded in S3's events.
        yield record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"])
