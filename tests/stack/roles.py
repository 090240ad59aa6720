"""The functions' roles, taken apart: each single thing that a policy grants, and the policy
without it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from safelight.template import Given, Template

ROLES = {"thumbnailer": "ThumbnailerRole", "sitegen": "SitegenRole", "sweep": "SweepRole"}
"""The resources of the roles, by the names that `docs/iam.md` has for them."""

Policy = dict[str, Any]


@dataclass(frozen=True)
class Grant:
    """One action on one thing; ``statement`` is the statement that grants it.

    ``on`` is a resource as it stands in the policy, and ``prefix`` a name that may be listed.
    """

    role: str
    statement: str
    action: str
    on: str
    prefix: str | None = None

    def __str__(self) -> str:
        return f"{self.role} {self.statement} {self.action} {shown(self)}"


def shown(grant: Grant) -> str:
    """What it is about, as `docs/iam.md` shows it: without the parts that differ by stack."""
    if grant.prefix is not None:
        return f"names under `{grant.prefix}`" if grant.prefix else "names at the top"
    service, name = grant.on.split(":")[2], grant.on.rpartition(":")[2]
    if service == "s3":
        return f"`{name.partition('/')[2]}`"
    if service == "sqs":
        return f"queue `{name.rpartition('-')[2]}`"
    return {"logs": "its log group", "cloudfront": "the distribution", "lambda": "the thumbnailer"}[
        service
    ]


def policy(template: Template, role: str, given: Given) -> Policy:
    """A role's policy, as the template has it."""
    (found,) = template.properties(ROLES[role], given)["Policies"]
    document: Policy = found["PolicyDocument"]
    return document


def grants(role: str, document: Policy) -> list[Grant]:
    """Everything that it grants, one by one."""
    return [grant for statement in document["Statement"] for grant in _of(role, statement)]


def _of(role: str, statement: Mapping[str, Any]) -> Iterator[Grant]:
    for action in _list(statement["Action"]):
        for resource in _list(statement["Resource"]):
            for prefix in _prefixes(statement):
                yield Grant(role, statement["Sid"], action, resource, prefix)


def without(document: Policy, grant: Grant) -> Policy:
    """The policy with all that it grants but this."""
    kept: list[Any] = []
    for statement in document["Statement"]:
        if statement["Sid"] != grant.statement:
            kept.append(statement)
            continue
        for other in _of(grant.role, statement):
            if other != grant:
                kept.append(_alone(statement, other, len(kept)))
    return {**document, "Statement": kept}


def _alone(statement: Mapping[str, Any], grant: Grant, number: int) -> dict[str, Any]:
    """A statement that grants just this."""
    found = copy.deepcopy(dict(statement))
    found |= {"Sid": f"{grant.statement}{number}", "Action": grant.action, "Resource": grant.on}
    if grant.prefix is not None:
        ((operator, _),) = found["Condition"].items()
        found["Condition"] = {operator: {"s3:prefix": grant.prefix}}
    return found


def _prefixes(statement: Mapping[str, Any]) -> list[str | None]:
    conditions = statement.get("Condition", {}).values()
    found = [each for condition in conditions for each in _list(condition.get("s3:prefix", []))]
    return found or [None]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
