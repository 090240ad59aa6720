"""A CloudFormation that plays out what a test wrote down: states, events and change sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from safelight.stack_events import Event


def event(name: str, kind: str, status: str, reason: str = "") -> dict[str, Any]:
    """An entry of StackEvents, but for its identifier."""
    return {
        "LogicalResourceId": name,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def of_stack(status: str, reason: str = "") -> dict[str, Any]:
    """One about the stack itself."""
    return event("stack", "AWS::CloudFormation::Stack", status, reason)


def events(*entries: dict[str, Any]) -> list[Event]:
    """The same, as Safelight reads them."""
    return [Event.of({**entry, "EventId": str(index)}) for index, entry in enumerate(entries)]


def refusal(message: str, operation: str = "DescribeStacks") -> ClientError:
    """What CloudFormation answers to what it cannot do."""
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)


class Formations:
    """One stack.  ``status`` is what it is now; ``plot`` what happens to it, a step at each time
    it is asked about: a status, and the events that come with it."""

    def __init__(self, status: str | None = None, **parameters: str) -> None:
        self.status = status
        self.parameters = parameters
        self.outputs: dict[str, str] = {}
        self.plot: list[tuple[str | None, list[dict[str, Any]]]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.change_set: dict[str, Any] = {"Status": "CREATE_COMPLETE", "Changes": []}
        self._events: list[dict[str, Any]] = []

    def happened(self, *entries: dict[str, Any]) -> None:
        """Events of before."""
        for entry in entries:
            self._events.append({**entry, "EventId": f"e{len(self._events)}"})

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The requests of that kind."""
        return [request for name, request in self.calls if name == operation]

    # -- What boto3's client has -----------------------------------------------------------------

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        if self.plot:
            self.status, entries = self.plot.pop(0)
            self.happened(*entries)
        if self.status is None:
            raise refusal(f"Stack with id {StackName} does not exist")
        return {
            "Stacks": [
                {
                    "StackStatus": self.status,
                    "Parameters": [
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in self.parameters.items()
                    ],
                    "Outputs": [
                        {"OutputKey": key, "OutputValue": value}
                        for key, value in self.outputs.items()
                    ],
                }
            ]
        }

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("describe_change_set", request))
        return self.change_set

    def get_paginator(self, operation: str) -> _Pages:
        assert operation == "describe_stack_events"
        return _Pages(self._events)

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> dict[str, Any]:
            self.calls.append((operation, request))
            return {}

        return call


class _Pages:
    """Two events a page, the newest first."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._entries = entries

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        newest_first = self._entries[::-1]
        for start in range(0, max(len(newest_first), 1), 2):
            yield {"StackEvents": newest_first[start : start + 2]}
