"""A stack is proposed, followed, and brought back from wherever an earlier attempt left it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safelight.problem import Problem
from safelight.rollout import Proposal, Rollout, State
from safelight.stack_events import Event
from tests.unit.safelight.change_sets import add, modify, target
from tests.unit.safelight.formations import Formations, event, of_stack

FUNCTION = "AWS::Lambda::Function"
BODY = json.dumps({"Parameters": {"A": {}, "B": {}, "C": {}}, "Resources": {}})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safelight.rollout.time.sleep", lambda _: None)


class Told:
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[Event] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def tell(self, one: Event) -> None:
        self.events.append(one)


def _rollout(cfn: Formations) -> Rollout:
    return Rollout(cfn, "gallery", {"safelight:stack": "gallery"})  # type: ignore[arg-type]


def _proposal(*, creates: bool) -> Proposal:
    return Proposal("safelight-1", creates, ())


# -- Proposing -----------------------------------------------------------------------------------


def test_a_new_stack_is_proposed_with_what_was_given() -> None:
    cfn = Formations(None)
    cfn.change_set = {"Status": "CREATE_COMPLETE", "Changes": [add("F", FUNCTION)]}
    found = _rollout(cfn).propose(BODY, {"A": "1", "Z": "not the template's"})
    assert found is not None
    assert found.creates
    assert [str(one) for one in found.sentences] == ["adds a function (F)"]
    (request,) = cfn.made("create_change_set")
    assert request["ChangeSetType"] == "CREATE"
    assert request["Parameters"] == [{"ParameterKey": "A", "ParameterValue": "1"}]
    assert request["Tags"] == [{"Key": "safelight:stack", "Value": "gallery"}]


def test_what_is_not_given_stays_as_it_is_and_what_is_new_is_the_templates() -> None:
    """`deploy --domain D`, and later `deploy` alone: the domain stays."""
    cfn = Formations("UPDATE_COMPLETE", A="1", B="2", Old="x")
    _rollout(cfn).propose(BODY, {"A": "3"})
    (request,) = cfn.made("create_change_set")
    assert request["ChangeSetType"] == "UPDATE"
    assert request["Parameters"] == [
        {"ParameterKey": "A", "ParameterValue": "3"},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]


def test_a_stack_that_was_only_proposed_is_proposed_as_new() -> None:
    cfn = Formations("REVIEW_IN_PROGRESS", A="1")
    found = _rollout(cfn).propose(BODY, {"A": "3"})
    assert found is not None
    assert found.creates
    assert cfn.made("create_change_set")[0]["ChangeSetType"] == "CREATE"


def test_an_import_has_no_tags_which_are_refused_with_one() -> None:
    cfn = Formations(None)
    found = _rollout(cfn).propose(BODY, {}, imports=[{"ResourceType": "AWS::S3::Bucket"}])
    assert found is not None
    assert not found.creates
    (request,) = cfn.made("create_change_set")
    assert request["ChangeSetType"] == "IMPORT"
    assert "Tags" not in request


@pytest.mark.parametrize(
    "why",
    [
        "The submitted information didn't contain changes. Submit different information to "
        "create a change set.",
        "No updates are to be performed.",
    ],
)
def test_no_difference_is_no_proposal_and_leaves_none_behind(why: str) -> None:
    cfn = Formations("CREATE_COMPLETE")
    cfn.change_set = {"Status": "FAILED", "StatusReason": why, "Changes": []}
    assert _rollout(cfn).propose(BODY, {}) is None
    assert len(cfn.made("delete_change_set")) == 1


def test_what_is_not_accepted_is_told_and_an_empty_stack_is_not_left() -> None:
    cfn = Formations("REVIEW_IN_PROGRESS")
    cfn.change_set = {"Status": "FAILED", "StatusReason": "Bad thing", "Changes": []}
    with pytest.raises(Problem, match="does not accept that: Bad thing"):
        _rollout(cfn).propose(BODY, {})
    assert cfn.made("delete_stack") == [{"StackName": "gallery"}]


def test_all_pages_of_a_change_set_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    cfn = Formations("CREATE_COMPLETE")
    pages: list[dict[str, Any]] = [
        {"Status": "CREATE_IN_PROGRESS"},
        {
            "Status": "CREATE_COMPLETE",
            "Changes": [modify("A", FUNCTION, target("Code"))],
            "NextToken": "2",
        },
        {"Status": "CREATE_COMPLETE", "Changes": [modify("B", FUNCTION, target("Code"))]},
    ]
    monkeypatch.setattr(cfn, "describe_change_set", lambda **_: pages.pop(0))
    found = _rollout(cfn).propose(BODY, {})
    assert found is not None
    assert [one.names for one in found.sentences] == [("A",), ("B",)]


# -- Following -----------------------------------------------------------------------------------


def test_an_update_is_followed_to_its_end() -> None:
    cfn = Formations("CREATE_COMPLETE")
    cfn.happened(event("Before", FUNCTION, "CREATE_COMPLETE"))
    cfn.plot = [
        ("CREATE_COMPLETE", []),
        # CloudFormation is asked before it has begun.
        ("CREATE_COMPLETE", []),
        ("UPDATE_IN_PROGRESS", [of_stack("UPDATE_IN_PROGRESS", "User Initiated")]),
        ("UPDATE_IN_PROGRESS", [event("F", FUNCTION, "UPDATE_COMPLETE")]),
        ("UPDATE_COMPLETE", [of_stack("UPDATE_COMPLETE")]),
    ]
    told = Told()
    state = _rollout(cfn).execute(_proposal(creates=False), told.tell)
    assert state.status == "UPDATE_COMPLETE"
    assert [one.status for one in told.events] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE",
        "UPDATE_COMPLETE",
    ]
    assert "RetainExceptOnCreate" not in cfn.made("execute_change_set")[0]


def test_a_first_attempt_leaves_no_empty_bucket_in_the_next_ones_way() -> None:
    cfn = Formations("REVIEW_IN_PROGRESS")
    cfn.plot = [
        ("REVIEW_IN_PROGRESS", []),
        ("CREATE_IN_PROGRESS", [of_stack("CREATE_IN_PROGRESS", "User Initiated")]),
        ("CREATE_COMPLETE", []),
    ]
    _rollout(cfn).execute(_proposal(creates=True), Told().tell)
    assert cfn.made("execute_change_set")[0]["RetainExceptOnCreate"] is True


def test_a_failure_is_told_with_its_reason_and_what_became_of_the_stack() -> None:
    cfn = Formations("UPDATE_COMPLETE")
    cfn.plot = [
        ("UPDATE_IN_PROGRESS", [of_stack("UPDATE_IN_PROGRESS", "User Initiated")]),
        (
            "UPDATE_ROLLBACK_IN_PROGRESS",
            [
                event("F", FUNCTION, "UPDATE_FAILED", "Lambda was not authorized to perform x"),
                event("G", FUNCTION, "UPDATE_FAILED", "Resource update cancelled"),
            ],
        ),
        ("UPDATE_ROLLBACK_COMPLETE", [of_stack("UPDATE_ROLLBACK_COMPLETE")]),
    ]
    with pytest.raises(Problem) as raised:
        _rollout(cfn).execute(_proposal(creates=False), Told().tell)
    told = str(raised.value)
    assert told.startswith(
        "CloudFormation gave up at F (a function): Lambda was not authorized to perform x\n"
    )
    assert told.endswith("The stack is as it was before, and the gallery with it.")


# -- Mending -------------------------------------------------------------------------------------


def test_what_is_under_way_is_waited_for() -> None:
    """Ctrl-C, and again: CloudFormation has gone on by itself."""
    cfn = Formations("UPDATE_IN_PROGRESS")
    cfn.happened(of_stack("UPDATE_IN_PROGRESS", "User Initiated"))
    cfn.plot = [
        ("UPDATE_IN_PROGRESS", []),
        ("UPDATE_IN_PROGRESS", [event("F", FUNCTION, "UPDATE_COMPLETE")]),
        ("UPDATE_COMPLETE", []),
    ]
    told = Told()
    state = _rollout(cfn).settle(told.say, told.tell)
    assert state is not None
    assert state.status == "UPDATE_COMPLETE"
    assert [one.name for one in told.events] == ["stack", "F"]
    assert "waiting for it" in told.lines[0]


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"]
)
def test_what_never_came_to_be_is_cleared_away(status: str) -> None:
    cfn = Formations(status)
    cfn.plot = [(status, []), (status, []), ("DELETE_IN_PROGRESS", []), (None, [])]
    told = Told()
    assert _rollout(cfn).settle(told.say, told.tell) is None
    assert cfn.made("delete_stack") == [{"StackName": "gallery"}]


def test_an_update_that_could_not_be_undone_is_undone_again() -> None:
    cfn = Formations("UPDATE_ROLLBACK_FAILED")
    cfn.plot = [
        ("UPDATE_ROLLBACK_FAILED", []),
        ("UPDATE_ROLLBACK_IN_PROGRESS", []),
        ("UPDATE_ROLLBACK_COMPLETE", []),
    ]
    state = _rollout(cfn).settle(Told().say, Told().tell)
    assert state is not None
    assert state.is_made
    assert cfn.made("continue_update_rollback") == [{"StackName": "gallery"}]


@pytest.mark.parametrize(
    ("status", "made"),
    [
        ("CREATE_COMPLETE", True),
        ("UPDATE_ROLLBACK_FAILED", True),
        ("UPDATE_IN_PROGRESS", True),
        ("IMPORT_COMPLETE", True),
        ("ROLLBACK_COMPLETE", False),
        ("CREATE_IN_PROGRESS", False),
        ("REVIEW_IN_PROGRESS", False),
        ("DELETE_FAILED", False),
    ],
)
def test_a_stack_that_got_stuck_is_still_one(status: str, made: bool) -> None:
    """Its bucket and its domain are what the next deployment goes by."""
    assert State(status).is_made is made


def test_a_proposal_that_nobody_agreed_to_is_no_stack() -> None:
    assert _rollout(Formations("REVIEW_IN_PROGRESS")).settle(Told().say, Told().tell) is None


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_whole_stack_is_left_alone(status: str) -> None:
    cfn = Formations(status)
    state = _rollout(cfn).settle(Told().say, Told().tell)
    assert state is not None
    assert state.status == status
    assert cfn.calls == []


def test_deleting_what_is_not_there_is_no_harm() -> None:
    cfn = Formations(None)
    _rollout(cfn).delete(Told().tell)
    assert cfn.calls == []


def test_a_deletion_that_fails_says_why() -> None:
    cfn = Formations("CREATE_COMPLETE")
    cfn.plot = [
        ("CREATE_COMPLETE", []),
        ("DELETE_IN_PROGRESS", [of_stack("DELETE_IN_PROGRESS", "User Initiated")]),
        ("DELETE_FAILED", [event("Q", "AWS::SQS::Queue", "DELETE_FAILED", "it is asleep")]),
    ]
    with pytest.raises(Problem, match=r"could not be deleted, stopped at Q .*: it is asleep"):
        _rollout(cfn).delete(Told().tell)
