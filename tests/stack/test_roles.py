"""The roles, on MiniStack with its policies enforced: everything that a function does is allowed,
each permission is needed, and nothing else is allowed.

`docker/test_localemu.py` asks LocalEmu the same.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from safelight import port as ports
from safelight.ministack import MiniStack
from safelight.stack import client
from tests.stack import roles
from tests.stack.duties import DUTIES, NEVER, REGION, Desk, fails, is_refused, perform
from tests.stack.iam_table import Row, rows

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A stack on a MiniStack that checks policies."""
    stack = MiniStack(tmp_path_factory.mktemp("roles"), ports.unused(), checked=True)
    stack.start()
    try:
        _make_function(stack.url, "stands-for-the-thumbnailer")
        yield Desk(stack.url, "embedded", "stands-for-the-thumbnailer")
    finally:
        stack.stop(keep=False)


def _make_function(endpoint: str, name: str) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = client("iam", endpoint, REGION).create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust)
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return event\n")
    client("lambda", endpoint, REGION).create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )


@pytest.mark.parametrize("duty", DUTIES)
def test_every_duty_can_be_done(desk: Desk, duty: str) -> None:
    """With the role's whole policy, and without one refusal on the way."""
    assert perform(desk, duty) == []


@pytest.mark.parametrize("row", rows(), ids=str)
def test_each_permission_is_needed(desk: Desk, row: Row) -> None:
    """Without it, and with all others, the duty that the table names cannot be done."""
    policy = desk.policies[row.role]
    (grant,) = [
        each
        for each in roles.grants(row.role, policy)
        if (each.statement, each.action, roles.shown(each)) == (row.statement, row.action, row.on)
    ]
    assert fails(desk, row.duty, roles.without(policy, grant))


@pytest.mark.parametrize(("role", "act"), NEVER, ids=lambda name: name.replace(" ", "-"))
def test_nothing_else_is_allowed(desk: Desk, role: str, act: str) -> None:
    """Above all: no original is written, whoever asks."""
    assert is_refused(desk, role, NEVER[role, act])


def test_a_refusal_is_the_policys_doing(desk: Desk) -> None:
    """Or the test above would prove nothing: whoever may do everything does all of it."""
    everything = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"}],
    }
    role = "thumbnailer"
    kept = desk.policies[role]
    desk.policies[role] = everything
    try:
        for act in ("put photos/here.jpg", "copy to photos/here.jpg", "read another bucket",
                    "send to another queue", "tell another distribution"):  # fmt: skip
            assert not is_refused(desk, role, NEVER[role, act]), act
    finally:
        desk.policies[role] = kept
