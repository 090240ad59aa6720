"""The template, read: as CloudFormation takes it, and as it comes out for given parameters.

``infra/template.yaml`` is the only description of the infrastructure. Whatever else has to know a
part of it (a bucket policy to be added to one that is there, the permissions of a role) takes it
from there by :meth:`Template.properties`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from safelight import home as homes
from safelight.problem import Problem

MAX_BODY = 51_200
"""The most bytes of a template that CloudFormation takes in a request (its quotas)."""

_GONE = object()
"""What ``AWS::NoValue`` becomes: nothing at all."""


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's tags, ``!Sub x``, in their long form, ``{"Fn::Sub": "x"}``."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = str(node.value)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@dataclass(frozen=True)
class Given:
    """What a template is resolved with.

    ``parameters`` are laid over the template's defaults. ``resources`` are what ``!Ref`` of a
    resource gives, by its name, and ``attributes`` what ``!GetAtt`` does, by ``Name.Attribute``.
    """

    parameters: Mapping[str, str]
    stack: str = "safelight"
    region: str = "us-east-1"
    account: str = "000000000000"
    partition: str = "aws"
    resources: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


class Template:
    """A CloudFormation template, from its text in YAML."""

    def __init__(self, text: str, name: str = "the template") -> None:
        self.name = name
        self.document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader

    @classmethod
    def read(cls, path: Path | None = None) -> Template:
        """The one at ``path``; by default ``infra/template.yaml``."""
        path = path or homes.checkout() / "infra" / "template.yaml"
        return cls(path.read_text(encoding="utf-8"), path.name)

    def body(self) -> str:
        """The template as CloudFormation is given it: JSON, since without comments and
        indentation it is short enough to be sent along.

        Raises :class:`Problem` if even so it is not.
        """
        document = copy.deepcopy(self.document)
        for resource in document["Resources"].values():
            if resource["Type"] == "AWS::CloudWatch::Dashboard":
                # JSON too, in which indentation means nothing.
                body = resource["Properties"]["DashboardBody"]
                body["Fn::Sub"] = re.sub(r"\n *", " ", body["Fn::Sub"])
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
        if size > MAX_BODY:
            raise Problem(
                f"{self.name} is too long for CloudFormation: {size:,} bytes of {MAX_BODY:,}, "
                "without its comments. Take something out of it."
            )
        return text

    def parameters(self) -> dict[str, dict[str, Any]]:
        """Each parameter's declaration, by its name."""
        found: dict[str, dict[str, Any]] = self.document.get("Parameters", {})
        return found

    def exists(self, resource: str, given: Given) -> bool:
        """Whether there is this resource, with these parameters."""
        condition = self.document["Resources"][resource].get("Condition")
        return condition is None or self._condition(condition, given)

    def properties(self, resource: str, given: Given) -> Any:
        """The resource's properties, with every function worked out.

        Raises :class:`KeyError` if one refers to what ``given`` does not have.
        """
        return self._value(self.document["Resources"][resource].get("Properties", {}), given)

    def _value(self, node: Any, given: Given) -> Any:
        if isinstance(node, list):
            items = (self._value(item, given) for item in node)
            return [item for item in items if item is not _GONE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument, given)
        pairs = ((key, self._value(value, given)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not _GONE}

    def _function(self, name: str, argument: Any, given: Given) -> Any:
        if name == "Ref":
            return self._reference(argument, given)
        if name == "Fn::GetAtt":
            return given.attributes[".".join(argument)]
        if name == "Fn::Sub":
            return re.sub(r"\$\{([^!}]+)\}", lambda found: self._named(found[1], given), argument)
        if name == "Fn::If":
            condition, yes, no = argument
            return self._value(yes if self._condition(condition, given) else no, given)
        raise NotImplementedError(f"{name} is not worked out here: teach {__name__} to")

    def _named(self, name: str, given: Given) -> str:
        return given.attributes[name] if "." in name else str(self._reference(name, given))

    def _reference(self, name: str, given: Given) -> Any:
        pseudo = {
            "AWS::AccountId": given.account,
            "AWS::NoValue": _GONE,
            "AWS::Partition": given.partition,
            "AWS::Region": given.region,
            "AWS::StackName": given.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters():
            return given.parameters.get(name, self.parameters()[name].get("Default"))
        return given.resources[name]

    def _condition(self, name: str, given: Given) -> bool:
        return self._true(self.document["Conditions"][name], given)

    def _true(self, node: Any, given: Given) -> bool:
        ((name, argument),) = node.items()
        if name == "Condition":
            return self._condition(argument, given)
        if name == "Fn::Equals":
            left, right = (str(self._value(side, given)) for side in argument)
            return left == right
        if name == "Fn::Not":
            return not self._true(argument[0], given)
        if name == "Fn::And":
            return all(self._true(part, given) for part in argument)
        if name == "Fn::Or":
            return any(self._true(part, given) for part in argument)
        raise NotImplementedError(f"{name} is not worked out here: teach {__name__} to")
