"""The template's parameters that a person sets on a local stack: checked, and kept with it.

``make up PARAMETERS="Originals=stripped KeepLocation=true"`` or ``safelight up --parameter
Originals=stripped``.  They stay, in the stack's home, until they are set otherwise; ``Name=``
goes back to the template's default.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from safelight import home as homes
from safelight.home import Home, read_json, write_json
from safelight.problem import Problem

OWN: Final = frozenset(
    {
        "Target",
        "Mode",
        "BucketName",
        "SiteUrl",
        "CodeVersion",
        "ThumbnailerImageUri",
        "SitegenImageUri",
        "Architecture",
        "ExistingBucket",
    }
)
"""What a local stack sets itself."""


class _Loader(yaml.SafeLoader):
    """Reads past CloudFormation's tags, of which parameters have none."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: {suffix: _plain(loader, node)})


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - there is no other kind
    return loader.construct_mapping(node, deep=True)


def _template() -> dict[str, Any]:
    text = (homes.checkout() / "infra" / "template.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--parameter``."""
    parser.add_argument(
        "--parameter",
        metavar="NAME=VALUE",
        dest="parameters",
        action="append",
        default=None,
        help="a parameter of the template, kept until it is set otherwise; NAME= goes back to the "
        "default; may be repeated (default: those in $SAFELIGHT_PARAMETERS)",
    )


def asked(given: Iterable[str] | None) -> dict[str, str]:
    """What ``--parameter``, or without it the environment, asks for.

    Raises :class:`Problem` for what is no parameter, or a value that it cannot have.
    """
    if given is None:
        text = os.environ.get("SAFELIGHT_PARAMETERS", "")
        try:
            given = shlex.split(text)
        except ValueError as error:
            raise Problem(
                f'PARAMETERS is {text!r}: {error}. Write PARAMETERS="Name=value Other=value".'
            ) from error
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise Problem(f"{each!r:.200} sets no parameter: write Name=value.")
        found[name] = value
    if found:
        declared = _template()["Parameters"]
        for name, value in found.items():
            _check(declared, name, value)
    return found


def _check(declared: Mapping[str, Any], name: str, value: str) -> None:
    free = sorted(set(declared) - OWN)
    if name not in declared:
        known = {each.lower(): each for each in free}
        meant = known.get(name.lower())
        hint = f"Is it {meant}?" if meant else f"There are: {', '.join(free)}."
        raise Problem(f"The template has no parameter {name!r:.100}. {hint}")
    if name in OWN:
        raise Problem(f"{name} is set by the stack itself. These can be: {', '.join(free)}.")
    if not value:
        return
    about = declared[name]
    allowed = [str(each) for each in about.get("AllowedValues", ())]
    what = f"{name}={value!r:.100}"
    if allowed and value not in allowed:
        raise Problem(f"{what}: it is one of {', '.join(allowed)}.")
    pattern = about.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, value):
        raise Problem(f"{what}: it must look like {pattern}. {about['Description']}")
    if about["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            raise Problem(f"{what}: it must be a number. {about['Description']}") from None
        low, high = about.get("MinValue"), about.get("MaxValue")
        if (low is not None and number < low) or (high is not None and number > high):
            raise Problem(f"{what}: it must be {_range(low, high)}.")


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"from {low} to {high}"


def keep(home: Home, changes: Mapping[str, str]) -> None:
    """Lay ``changes`` over what is kept in this home; an empty value takes one away."""
    if not changes:
        return
    wanted = {name: value for name, value in {**kept(home), **changes}.items() if value}
    write_json(_file(home), wanted)


def kept(home: Home) -> dict[str, str]:
    """The parameters that were set on the stack of this home."""
    found = read_json(_file(home)) or {}
    return {str(name): str(value) for name, value in found.items() if name not in OWN}


def forget(home: Home) -> None:
    """Go back to the template's defaults."""
    _file(home).unlink(missing_ok=True)


def _file(home: Home) -> Path:
    return home.path / "parameters.json"


def version(code: str, parameters: Mapping[str, str]) -> str:
    """The version of a stack whose services' code is ``code``: another one with other
    parameters, since those too are in the environment of workers that are warm."""
    if not parameters:
        return code
    told = "\n".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return f"{code}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables by which a service that is no function is told of the parameters.

    They are empty where a parameter has its default, which is the services' own.
    """
    template = _template()
    found: dict[str, str] = {}
    for function in ("Thumbnailer", "Sitegen"):
        variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
        for variable, value in variables.items():
            name = str(value.get("Ref")) if isinstance(value, dict) else ""
            if name in template["Parameters"] and name not in OWN:
                found[variable] = given.get(name, "")
    return found
