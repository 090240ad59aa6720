"""What the bucket's notifications are attached to, and holding them for a while.

A scenario whose notifications come late, twice or not at all has to be S3 itself for as long as
it runs: the bucket's own notifications about originals are taken off, and put back at the end.
What was taken off is kept in the stack's home meanwhile, so that the next replay, or `up`, can
put it back if the end never came.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gallery import keys
from safelight.home import Home, read_json, write_json
from safelight.stack import Deployment


def _kept(home: Home) -> Path:
    return home.path / "notifications.json"


@contextmanager
def held(deployment: Deployment, home: Home) -> Iterator[None]:
    """Without the bucket's notifications about originals; those about records stay.

    Only for a local stack, whose bucket is nobody's only one.
    """
    reattach(deployment, home)
    s3 = deployment.s3()
    found: dict[str, Any] = {
        name: value
        for name, value in s3.get_bucket_notification_configuration(
            Bucket=deployment.bucket
        ).items()
        if name != "ResponseMetadata"
    }
    write_json(_kept(home), {"bucket": deployment.bucket, "configuration": found})
    try:
        without = {
            **found,
            "QueueConfigurations": [
                each for each in found.get("QueueConfigurations", []) if not _of_originals(each)
            ],
        }
        _put(deployment, without)
        yield
    finally:
        reattach(deployment, home)


def reattach(deployment: Deployment, home: Home) -> bool:
    """Put back what :func:`held` took off, if it was not; whether there was anything."""
    found = read_json(_kept(home))
    if found is None or found.get("bucket") != deployment.bucket:
        return False
    _put(deployment, found["configuration"])
    _kept(home).unlink(missing_ok=True)
    return True


def _put(deployment: Deployment, configuration: Any) -> None:
    deployment.s3().put_bucket_notification_configuration(
        Bucket=deployment.bucket, NotificationConfiguration=configuration
    )


def _of_originals(configuration: Any) -> bool:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return any(
        rule.get("Name", "").lower() == "prefix"
        and str(rule.get("Value", "")).startswith(keys.PHOTOS)
        for rule in rules
    )
