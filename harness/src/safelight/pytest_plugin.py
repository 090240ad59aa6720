"""The pytest plugin: a clock, a bucket and a queue that are virtual, for whoever asks.

Loaded by pytest wherever Safelight is installed, so it imports nothing until a test asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from safelight.testing import VirtualClock, VirtualQueue, VirtualS3


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """The clock that the virtual bucket and queue go by; it stands until it is advanced."""
    from safelight.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def virtual_s3(virtual_clock: VirtualClock) -> VirtualS3:
    """boto3's S3 client, over buckets in memory; ``notify`` makes it tell a queue."""
    from safelight.testing import VirtualS3

    return VirtualS3(virtual_clock)


@pytest.fixture
def virtual_sqs(virtual_clock: VirtualClock) -> VirtualQueue:
    """An SQS queue with a dead-letter queue: a minute's visibility, three receives."""
    from safelight.testing import VirtualQueue

    return VirtualQueue("queue", virtual_clock, visibility=60, max_receives=3)
