"""An AWS account whose services answer what a test wrote down, checked against boto3's own
descriptions of them (botocore's Stubber)."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.stub import Stubber

from safelight.account import Account


class StubbedAccount(Account):
    """Clients by service, each with its answers queued."""

    def __init__(self, account: str = "123456789012", region: str = "eu-central-1") -> None:
        super().__init__(account, region, f"arn:aws:iam::{account}:user/somebody")
        object.__setattr__(self, "_clients", {})
        object.__setattr__(self, "_stubs", {})

    def stub(self, service: str) -> Stubber:
        """The queue of answers of a service."""
        stubs: dict[str, Stubber] = self.__dict__["_stubs"]
        if service not in stubs:
            client = boto3.client(
                service,  # type: ignore[call-overload]
                region_name=self.region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            stubs[service] = Stubber(client)
            stubs[service].activate()
            self.__dict__["_clients"][service] = client
        return stubs[service]

    def client(self, service: Any, region: str | None = None) -> Any:
        self.stub(service)
        return self.__dict__["_clients"][service]
