"""A pipeline as people write it first: a photo comes into ``unprocessed/``, a thumbnail goes to
``thumbnails/``, and the photo is moved to ``processed/``.

It works on the first day.  ``test_photos.py`` shows what it does on the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

INBOX = "unprocessed/"


def thumbnail(photo: bytes) -> bytes:
    """A stand-in for the rendering: what matters here is the plumbing."""
    return b"a thumbnail of " + photo


def make(s3: Any) -> Callable[[dict[str, Any], Any], None]:
    """The handler, with boto3's S3 client or one that is like it."""

    def handler(event: dict[str, Any], context: Any) -> None:
        for message in event["Records"]:
            for record in json.loads(message["body"])["Records"]:
                bucket = record["s3"]["bucket"]["name"]
                key = record["s3"]["object"]["key"]
                name = key.removeprefix(INBOX)
                photo = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                s3.put_object(Bucket=bucket, Key=f"thumbnails/{name}", Body=thumbnail(photo))
                s3.copy_object(
                    Bucket=bucket,
                    Key=f"processed/{name}",
                    CopySource={"Bucket": bucket, "Key": key},
                )
                s3.delete_object(Bucket=bucket, Key=key)

    return handler
