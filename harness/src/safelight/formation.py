"""The template's stack on CloudFormation, real or emulated: created, updated, adopted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from safelight.problem import Problem
from safelight.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

_SETTLED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}

# What CloudFormation needs to know of a bucket to adopt it.
_BUCKET_ALONE = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {},
        }
    },
}


class Formation:
    """The CloudFormation stack ``name`` made from the template file ``template``."""

    def __init__(
        self, cloudformation: CloudFormationClient, s3: S3Client, name: str, template: Path
    ) -> None:
        self._cfn = cloudformation
        self._s3 = s3
        self.name = name
        self._template = template

    def ensure(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Make the stack what the template says, and return its outputs.

        Idempotent.  A bucket that is there without its stack is adopted with all it holds; a
        stack that never came to be is removed first (the bucket stays).  Raises
        :class:`Problem` with CloudFormation's own reason.
        """
        status = self._status()
        if status is not None and status.endswith("IN_PROGRESS"):
            status = self._wait()
        if status is not None and status not in _SETTLED:
            self._cfn.delete_stack(StackName=self.name)
            status = self._wait()
        if status is None and self._has_bucket(parameters["BucketName"]):
            self._adopt(parameters["BucketName"])
            status = "IMPORT_COMPLETE"
        body = Template.read(self._template).body()
        request: dict[str, Any] = {
            "StackName": self.name,
            "TemplateBody": body,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(parameters.items())
            ],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if status is None:
            self._cfn.create_stack(**request)
        elif not self._update(request):
            return self.outputs()
        ended = self._wait()
        if ended not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise Problem(f"{self._template.name} was not accepted: {self._reason() or ended}")
        return self.outputs()

    def parameters(self) -> dict[str, str]:
        """The parameters it was last made with; none if there is no such stack."""
        found = self._describe() or {}
        return {
            parameter["ParameterKey"]: parameter["ParameterValue"]
            for parameter in found.get("Parameters", [])
        }

    def outputs(self) -> dict[str, str]:
        """The stack's outputs.  Raises :class:`Problem` if there is no such stack."""
        found = self._describe()
        if found is None:
            raise Problem(f"There is no stack {self.name!r}. Create it: `make up`.")
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _describe(self) -> Any:
        try:
            return self._cfn.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _status(self) -> str | None:
        found = self._describe()
        if found is None or found["StackStatus"] in {"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"}:
            return None
        return str(found["StackStatus"])

    def _wait(self) -> str | None:
        pause = 0.05
        while (status := self._status()) is not None and status.endswith("IN_PROGRESS"):
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)
        return status

    def _update(self, request: dict[str, Any]) -> bool:
        try:
            self._cfn.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise Problem(f"{self._template.name} was not accepted: {error}") from error
        return True

    def _has_bucket(self, bucket: str) -> bool:
        try:
            self._s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return False
            raise
        return True

    def _adopt(self, bucket: str) -> None:
        """Make a stack of nothing but the bucket that is there; the update does the rest."""
        template = json.loads(json.dumps(_BUCKET_ALONE))
        template["Resources"]["Bucket"]["Properties"]["BucketName"] = bucket
        # A name of its own: an earlier call may have been interrupted before it was executed.
        name = f"adopt-{time.time_ns()}"
        self._cfn.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(template),
            ResourcesToImport=[
                {
                    "ResourceType": "AWS::S3::Bucket",
                    "LogicalResourceId": "Bucket",
                    "ResourceIdentifier": {"BucketName": bucket},
                }
            ],
        )
        while True:
            change = self._cfn.describe_change_set(StackName=self.name, ChangeSetName=name)
            if change["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
                break
            time.sleep(0.1)
        if change["Status"] != "CREATE_COMPLETE":
            raise Problem(f"The bucket {bucket!r} cannot be adopted: {change.get('StatusReason')}")
        self._cfn.execute_change_set(StackName=self.name, ChangeSetName=name)
        # Until it starts, the stack is under review, which is no status of ours.
        while (found := self._describe()) is not None:
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                break
            time.sleep(0.05)
        if found is None or found["StackStatus"] != "IMPORT_COMPLETE":
            raise Problem(f"The bucket {bucket!r} cannot be adopted: {self._reason()}")

    def _reason(self) -> str:
        """The first failure among the stack's events: the later ones follow from it."""
        failures = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in self._cfn.describe_stack_events(StackName=self.name)["StackEvents"]
            if event.get("ResourceStatus", "").endswith("FAILED")
        ]
        return failures[-1] if failures else ""
