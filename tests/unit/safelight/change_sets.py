"""Answers of CloudFormation's DescribeChangeSet, written after its API reference
(``ResourceChange``, ``ResourceChangeDetail``, ``ResourceTargetDefinition``)."""

from __future__ import annotations

from typing import Any


def add(name: str, kind: str) -> dict[str, Any]:
    """A resource that is new."""
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Add",
            "LogicalResourceId": name,
            "ResourceType": kind,
            "Scope": [],
            "Details": [],
        },
    }


def remove(name: str, kind: str, policy: str | None = "Delete") -> dict[str, Any]:
    """A resource that leaves the stack, and what its DeletionPolicy makes of that."""
    change: dict[str, Any] = {
        "Action": "Remove",
        "LogicalResourceId": name,
        "PhysicalResourceId": f"stack-{name}",
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
    }
    if policy is not None:
        change["PolicyAction"] = policy
    return {"Type": "Resource", "ResourceChange": change}


def modify(
    name: str,
    kind: str,
    *targets: dict[str, Any],
    replacement: str = "False",
    policy: str | None = None,
) -> dict[str, Any]:
    """A resource some of whose properties differ."""
    change: dict[str, Any] = {
        "Action": "Modify",
        "LogicalResourceId": name,
        "PhysicalResourceId": f"stack-{name}",
        "ResourceType": kind,
        "Replacement": replacement,
        "Scope": ["Properties"],
        "Details": [
            {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
            for target in targets
        ],
    }
    if policy is not None:
        change["PolicyAction"] = policy
    return {"Type": "Resource", "ResourceChange": change}


def target(name: str, recreation: str = "Never", **values: str) -> dict[str, Any]:
    """A property that differs; ``before`` and ``after`` if CloudFormation was asked for them."""
    found = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
    if "before" in values:
        found |= {"BeforeValue": values["before"], "AfterValue": values["after"]}
    return found
