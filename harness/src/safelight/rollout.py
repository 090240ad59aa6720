"""A CloudFormation stack, changed the careful way: proposed, shown, agreed to, followed.

:class:`Rollout` is one stack.  Whatever state an earlier call left it in, by an interruption or
a failure, :meth:`Rollout.settle` makes it one that can be worked with: it waits for what is
under way, and clears away what never came to be.  (:class:`safelight.formation.Formation` does
it without asking, for stacks on an emulator.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from safelight.problem import Problem
from safelight.screen import printable
from safelight.stack import Say
from safelight.stack_events import Event, Following, reason
from safelight.wording import Sentence, words

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

# A creation that failed leaves nothing but the stack's name, which only a deletion frees
# (CloudFormation user guide, "Stack status codes").
_NEVER_MADE = frozenset({"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
_STUCK = frozenset({"UPDATE_ROLLBACK_FAILED"})
_MADE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
_SUCCEEDED = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_PROPOSAL_SECONDS = 300
# How CloudFormation says that a change set would change nothing.
_NOTHING = ("didn't contain changes", "No updates are to be performed", "contains no changes")

Tell = Callable[[Event], None]
"""Told each step of CloudFormation's as it happens."""


@dataclass(frozen=True)
class State:
    """A stack as it is: its status, and what it was made with and gives."""

    status: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_busy(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def is_made(self) -> bool:
        """Whether it came to be, whatever became of a later change: its parameters count."""
        return self.status == "CREATE_COMPLETE" or self.status.startswith(("UPDATE_", "IMPORT_"))


@dataclass(frozen=True)
class Proposal:
    """A change set that was not executed yet, in words."""

    name: str
    creates: bool
    sentences: tuple[Sentence, ...]

    @property
    def refused(self) -> tuple[Sentence, ...]:
        """What in it must not be done."""
        return tuple(one for one in self.sentences if one.refused)


class Rollout:
    """The stack ``name``, with ``tags`` on it and, through CloudFormation, on its resources."""

    def __init__(
        self,
        cloudformation: CloudFormationClient,
        name: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._cfn = cloudformation
        self.name = name
        self._tags = dict(tags or {})

    def state(self) -> State | None:
        """The stack; ``None`` if there is none, or none that has anything to it."""
        try:
            found = self._cfn.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        return State(
            found["StackStatus"],
            {
                one["ParameterKey"]: one.get("ParameterValue", "")
                for one in found.get("Parameters", [])
            },
            {one["OutputKey"]: one.get("OutputValue", "") for one in found.get("Outputs", [])},
            found.get("StackStatusReason", ""),
        )

    def settle(self, say: Say, tell: Tell) -> State | None:
        """Have the stack in a state that can be changed; ``None``: there is none to change.

        Waits for what is under way, whoever began it.  Clears away a stack that was never
        made, undoes an update that got stuck, and forgets a change set that nobody agreed to.
        Raises :class:`Problem` if that does not succeed.
        """
        state = self.state()
        if state is not None and state.is_busy:
            say(f"CloudFormation is at work on {self.name} ({state.status}): waiting for it …")
            state = self.wait(tell)
        if state is not None and state.status in _STUCK:
            say(f"An update of {self.name} could not be undone: trying that again …")
            state = self._continue_rollback(tell)
        if state is not None and state.status in _NEVER_MADE:
            say(f"An earlier attempt left {self.name} half-made ({state.status}): clearing it …")
            self.delete(tell)
            state = None
        if state is not None and state.status == "REVIEW_IN_PROGRESS":
            return None
        if state is not None and state.status not in _MADE:
            raise Problem(
                f"The stack {self.name!r} is {state.status}, which Safelight cannot go on from. "
                "See its events in the CloudFormation console."
            )
        return state

    def wait(self, tell: Tell) -> State | None:
        """Follow what is under way on the stack, whoever began it; the state then."""
        follower = Following(self._cfn, self.name)
        follower.from_this_operation()
        return self._follow(follower, tell)

    def propose(
        self, body: str, parameters: Mapping[str, str], *, imports: list[Any] | None = None
    ) -> Proposal | None:
        """A change set that makes the stack what ``body`` says; ``None``: it is that already.

        ``parameters`` that are not given stay as they are, or at the template's default.
        ``imports`` are existing resources that the stack takes up (``ResourcesToImport``).
        Raises :class:`Problem` with CloudFormation's own reason if it does not take it.
        """
        state = self.state()
        creates = state is None or state.status == "REVIEW_IN_PROGRESS"
        declared = json.loads(body).get("Parameters", {})
        kept = set() if creates or state is None else set(state.parameters)
        values: list[dict[str, Any]] = []
        for key in declared:
            if key in parameters:
                values.append({"ParameterKey": key, "ParameterValue": parameters[key]})
            elif key in kept:
                values.append({"ParameterKey": key, "UsePreviousValue": True})
        # A name of its own: an earlier call may have been interrupted before it was executed.
        name = f"safelight-{time.time_ns()}"
        kind = "IMPORT" if imports else "CREATE" if creates else "UPDATE"
        request: dict[str, Any] = {
            "StackName": self.name,
            "ChangeSetName": name,
            "ChangeSetType": kind,
            "TemplateBody": body,
            "Parameters": values,
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if imports:
            # Tags are refused with an import; the update that follows it brings them.
            request["ResourcesToImport"] = imports
        else:
            request["Tags"] = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        try:
            self._cfn.create_change_set(**request)
        except ClientError as error:
            raise _not_accepted(error) from error
        answer = self._await_proposal(name)
        why = answer.get("StatusReason", "")
        if answer["Status"] == "FAILED":
            self._forget(name)
            if any(sign in why for sign in _NOTHING):
                return None
            raise Problem(f"CloudFormation does not accept that: {printable(why)}")
        return Proposal(name, creates and not imports, tuple(words(answer["Changes"])))

    def _await_proposal(self, name: str) -> dict[str, Any]:
        for _ in _patience(_PROPOSAL_SECONDS):
            answer: dict[str, Any] = {}
            changes: list[Any] = []
            token: dict[str, str] = {}
            while True:
                page: Any = self._cfn.describe_change_set(
                    StackName=self.name, ChangeSetName=name, IncludePropertyValues=True, **token
                )
                answer = answer or page
                changes += page.get("Changes", [])
                if not page.get("NextToken"):
                    break
                token = {"NextToken": page["NextToken"]}
            if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return {**answer, "Changes": changes}
        raise Problem(
            f"CloudFormation has not worked out the changes within {_PROPOSAL_SECONDS} s. "
            "Try again."
        )

    def forget(self, proposal: Proposal) -> None:
        """Have it that nothing was proposed.  No harm if it was executed, or is gone."""
        self._forget(proposal.name)

    def _forget(self, name: str) -> None:
        state = self.state()
        if state is not None and state.status == "REVIEW_IN_PROGRESS":
            # A stack that was only ever proposed: nobody would know what it is there for.
            self._cfn.delete_stack(StackName=self.name)
        elif state is not None:
            self._cfn.delete_change_set(StackName=self.name, ChangeSetName=name)

    def execute(self, proposal: Proposal, tell: Tell) -> State:
        """Do what was proposed, and follow it to its end.

        Raises :class:`Problem` with the first reason if it fails; it is undone then.
        Interrupted, CloudFormation goes on by itself, and :meth:`settle` follows it.
        """
        follower = Following(self._cfn, self.name)
        follower.from_now()
        request: dict[str, Any] = {"StackName": self.name, "ChangeSetName": proposal.name}
        if proposal.creates:
            # Else a first attempt that fails leaves a new, empty bucket in the next one's way.
            request["RetainExceptOnCreate"] = True
        self._cfn.execute_change_set(**request)
        events: list[Event] = []

        def noted(event: Event) -> None:
            events.append(event)
            tell(event)

        state = self._follow(follower, noted, begun=False)
        if state is not None and state.status in _SUCCEEDED:
            return state
        raise Problem(self._failed(state, events))

    def _failed(self, state: State | None, events: list[Event]) -> str:
        told = reason(events)
        status = state.status if state else "gone"
        what = {
            "ROLLBACK_COMPLETE": "Everything it had made was taken away again.",
            "UPDATE_ROLLBACK_COMPLETE": "The stack is as it was before, and the gallery with it.",
            "IMPORT_ROLLBACK_COMPLETE": "The stack is as it was before.",
            "DELETE_COMPLETE": "Everything it had made was taken away again.",
        }.get(status, f"The stack is {status} now; deploy again to mend it.")
        if told is None:
            given = printable(state.reason) if state and state.reason else "it does not say why"
            return f"CloudFormation gave up: {given}. {what}"
        return f"CloudFormation gave up at {told}\n{what}"

    def _follow(self, follower: Following, tell: Tell, *, begun: bool = True) -> State | None:
        """Tell each event until the operation has ended; the state then.

        ``begun``: the operation is under way.  If not, it is awaited.
        """
        before = None if begun else self.state()
        moved = begun
        for _ in _patience(None):
            state = self.state()
            for event in self._events(follower, state):
                moved = True
                tell(event)
            if state is None or (
                not state.is_busy and moved and state.status != "REVIEW_IN_PROGRESS"
            ):
                # What happened between asking for the state and for the events.
                for event in self._events(follower, state):
                    tell(event)
                return state
            moved = moved or before is None or state.status != before.status
        raise AssertionError("patience without end ended")

    def _events(self, follower: Following, state: State | None) -> list[Event]:
        # A deleted stack is known by its identifier alone, and what it told last is no matter.
        return list(follower.new()) if state is not None else []

    def _continue_rollback(self, tell: Tell) -> State | None:
        follower = Following(self._cfn, self.name)
        follower.from_now()
        self._cfn.continue_update_rollback(StackName=self.name)
        state = self._follow(follower, tell)
        if state is not None and state.status in _STUCK:
            raise Problem(
                f"The stack {self.name!r} cannot be brought back to what it was: "
                f"{printable(state.reason) or 'CloudFormation does not say why'}\n"
                "Mend what it names, then deploy again; or leave that resource out: `aws "
                f"cloudformation continue-update-rollback --stack-name {self.name} "
                "--resources-to-skip NAME`."
            )
        return state

    def delete(self, tell: Tell, *, retain: tuple[str, ...] = ()) -> None:
        """Delete the stack, and with it what its template does not say to keep.

        Idempotent.  ``retain`` are resources of a stack that could not be deleted, to be left.
        Raises :class:`Problem` with the first reason if it fails.
        """
        state = self.state()
        if state is None:
            return
        follower = Following(self._cfn, self.name)
        follower.from_now()
        if retain and state.status == "DELETE_FAILED":
            self._cfn.delete_stack(StackName=self.name, RetainResources=list(retain))
        else:
            self._cfn.delete_stack(StackName=self.name)
        events: list[Event] = []

        def noted(event: Event) -> None:
            events.append(event)
            tell(event)

        left = self._follow(follower, noted, begun=False)
        if left is not None:
            told = reason(events)
            raise Problem(
                f"The stack {self.name!r} could not be deleted, stopped at {told}"
                if told
                else f"The stack {self.name!r} could not be deleted: it is {left.status}. "
                f"{printable(left.reason)}"
            )

    def resources(self) -> list[Any]:
        """What is in the stack (``StackResourceSummaries``); nothing if there is none."""
        try:
            pages = self._cfn.get_paginator("list_stack_resources").paginate(StackName=self.name)
            return [one for page in pages for one in page["StackResourceSummaries"]]
        except ClientError as error:
            if "does not exist" in str(error):
                return []
            raise


def _not_accepted(error: ClientError) -> Problem:
    told = str(error.response.get("Error", {}).get("Message", error))
    return Problem(f"CloudFormation does not accept that: {printable(told)}")


def _patience(seconds: float | None) -> Iterator[None]:
    """Yield at growing intervals, for ``seconds`` or for ever.

    Slowly in the end: CloudFormation allows few questions a second, and a distribution takes
    minutes.
    """
    until = None if seconds is None else time.monotonic() + seconds
    pause = 0.1
    yield
    while until is None or time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 1.3, 3.0)
        yield
