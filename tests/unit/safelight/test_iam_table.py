"""`docs/iam.md` names everything that the roles may do, and nothing else.

That each line is needed, and that the duty it names shows it, an emulator proves:
`tests/stack/test_roles.py`.
"""

from __future__ import annotations

from safelight.template import Given, Template
from tests.stack import roles
from tests.stack.duties import DUTIES
from tests.stack.iam_table import rows

GIVEN = Given(
    {"Target": "aws", "BucketName": "bucket"},
    resources={"Distribution": "E1"},
    attributes={
        "ThumbnailQueue.Arn": "arn:aws:sqs:us-east-1:000000000000:safelight-thumbnail",
        "PublishQueue.Arn": "arn:aws:sqs:us-east-1:000000000000:safelight-publish",
        "Thumbnailer.Arn": "arn:aws:lambda:us-east-1:000000000000:function:safelight-thumbnailer",
    },
)


def test_the_table_is_the_templates() -> None:
    template = Template.read()
    granted = {
        (grant.role, grant.statement, grant.action, roles.shown(grant))
        for role in roles.ROLES
        for grant in roles.grants(role, roles.policy(template, role, GIVEN))
    }
    assert {(row.role, row.statement, row.action, row.on) for row in rows()} == granted


def test_each_duty_is_the_roles_own() -> None:
    assert [row for row in rows() if DUTIES[row.duty][0] != row.role] == []


def test_taking_one_away_leaves_all_the_others() -> None:
    """Or it would not be this one that a duty lacks."""
    template = Template.read()
    for role in roles.ROLES:
        policy = roles.policy(template, role, GIVEN)

        def all_of(document: roles.Policy, role: str = role) -> set[tuple[str, str, str | None]]:
            return {(g.action, g.on, g.prefix) for g in roles.grants(role, document)}

        for grant in roles.grants(role, policy):
            gone = {(grant.action, grant.on, grant.prefix)}
            assert all_of(roles.without(policy, grant)) == all_of(policy) - gone
