"""For the tests of other pipelines: a bucket, a queue and a clock that misbehave on command.

Nothing here needs a network, a container or AWS, nor any of Safelight's services.
``docs/testing-your-pipeline.md`` shows how it is used; the pytest plugin
(:mod:`safelight.pytest_plugin`) has it as fixtures.
"""

from gallery.memory import Call, MemoryObject, MemoryStore
from gallery.queue import Message
from safelight.fixtures import Fixture, all_fixtures, load
from safelight.simulation.bucket import SimulatedBucket
from safelight.simulation.clock import VirtualClock
from safelight.simulation.laws import LawBroken
from safelight.simulation.notifications import ENCODINGS, Notification, Outbox
from safelight.simulation.notifications import body as notification
from safelight.simulation.sqs import Letter, VirtualQueue
from safelight.testing.library import chosen, safelight_events
from safelight.testing.mapping import Context, EventSourceMapping, FunctionDied, Invocation
from safelight.testing.s3 import VirtualS3
from safelight.testing.troubles import TROUBLES, Broken, Pipeline, bad_days, broken_laws

__all__ = [
    "ENCODINGS",
    "TROUBLES",
    "Broken",
    "Call",
    "Context",
    "EventSourceMapping",
    "Fixture",
    "FunctionDied",
    "Invocation",
    "LawBroken",
    "Letter",
    "MemoryObject",
    "MemoryStore",
    "Message",
    "Notification",
    "Outbox",
    "Pipeline",
    "SimulatedBucket",
    "VirtualClock",
    "VirtualQueue",
    "VirtualS3",
    "all_fixtures",
    "bad_days",
    "broken_laws",
    "chosen",
    "load",
    "notification",
    "safelight_events",
]
