"""For the tests of other pipelines: a bucket, a queue and a clock that misbehave on command.

Nothing here needs a network, a container or AWS.  ``docs/simulation.md`` has an example.
"""

from gallery.memory import Call, MemoryObject, MemoryStore
from gallery.queue import Message
from safelight.simulation.bucket import SimulatedBucket
from safelight.simulation.clock import VirtualClock
from safelight.simulation.notifications import ENCODINGS, Notification, Outbox
from safelight.simulation.notifications import body as notification
from safelight.simulation.sqs import Letter, VirtualQueue

__all__ = [
    "ENCODINGS",
    "Call",
    "Letter",
    "MemoryObject",
    "MemoryStore",
    "Message",
    "Notification",
    "Outbox",
    "SimulatedBucket",
    "VirtualClock",
    "VirtualQueue",
    "notification",
]
