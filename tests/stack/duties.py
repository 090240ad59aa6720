"""What the functions do, one duty after the other, done by their own code with credentials that
may do exactly what a policy says.

A :class:`Desk` is a stack on an emulator that enforces policies, without functions: a duty is done
in this process, by the very services that the functions are, for a user who has a role's policy.
So a policy can be changed between two duties in a moment.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import sitegen.service
import thumbnailer.service
from gallery import aws, keys, record
from gallery.events import hint_body
from gallery.queue import QueueError
from gallery.record import PhotoRecord, Rendition, Source, TextRecord
from gallery.store import StoreError
from safelight.formation import Formation
from safelight.home import checkout
from safelight.stack import Deployment, client, cloudformation
from safelight.template import Given, Template
from tests.stack import roles
from tests.stack.photograph import photograph
from tests.stack.roles import Policy
from thumbnailer.cache import CacheRefused, CloudFront

REGION = "us-east-1"
ACCOUNT = "000000000000"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PHOTO = photograph(64, 48)

# Nothing is waited for: what would be removed in a week is removed at once.
IMPATIENT = {f"SAFELIGHT_{name}_S": "0" for name in ("SUPERSEDED", "CACHED", "TOMBSTONE", "ASSETS")}


class DutyNotDone(AssertionError):
    """What ought to be there is not, or somebody was refused on the way."""


@dataclass
class Person:
    """A user of the emulator, with a policy that can be changed, and what it was refused."""

    endpoint: str
    iam: Any
    name: str
    key: str
    secret: str
    refused: list[str] = field(default_factory=list)
    clients: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def hire(cls, endpoint: str, iam: Any, name: str) -> Person:
        """A new one, who may do nothing."""
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return cls(endpoint, iam, name, made["AccessKeyId"], made["SecretAccessKey"])

    def may(self, policy: Policy) -> None:
        """From now on, exactly this."""
        if not policy["Statement"]:
            # A policy must have one.
            self.iam.delete_user_policy(UserName=self.name, PolicyName="all")
            return
        self.iam.put_user_policy(
            UserName=self.name, PolicyName="all", PolicyDocument=json.dumps(_in_dialect(policy))
        )

    def client(self, service: str) -> Any:
        """A client that notes refusals."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint,
                region_name=REGION,
                aws_access_key_id=self.key,
                aws_secret_access_key=self.secret,
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
            self.watch(self.clients[service])
        return self.clients[service]

    def watch(self, found: Any) -> None:
        """Note what this client is refused."""

        def after(http_response: Any, model: Any, **rest: Any) -> None:
            del rest
            # An emulator refuses with 403, and SQS with 400 too.
            if http_response.status_code in (400, 403):
                self.refused.append(model.name)

        found.meta.events.register("after-call", after)

    def session(self, make: Callable[[dict[str, str]], Any], variables: dict[str, str]) -> Any:
        """A service of ours, made with this person's credentials."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("AWS_SESSION_TOKEN", raising=False)
            patch.delenv("AWS_PROFILE", raising=False)
            patch.setenv("AWS_ENDPOINT_URL", self.endpoint)
            patch.setenv("AWS_DEFAULT_REGION", REGION)
            patch.setenv("AWS_ACCESS_KEY_ID", self.key)
            patch.setenv("AWS_SECRET_ACCESS_KEY", self.secret)
            for name in ("s3_client", "sqs_client", "cloudfront_client"):
                patch.setattr(aws, name, self._watched(getattr(aws, name)))
            return make(variables)

    def _watched(self, make: Callable[[], Any]) -> Callable[[], Any]:
        def made() -> Any:
            found = make()
            self.watch(found)
            return found

        return made


def _in_dialect(policy: Policy) -> Policy:
    """The policy as the emulators want it said.

    Their names for two things are not AWS's.  MiniStack 1.5.33 asks for
    ``sqs:SendMessageBatch``, which is no action (SQS developer guide, "API permissions": a batch
    needs the single one's).  Both MiniStack and LocalEmu 1.3.2 take a log group's ARN without
    the ``:*`` with which policies name it (CloudWatch Logs user guide, "Log group ARNs").
    """
    also = []
    for statement in policy["Statement"]:
        actions = statement["Action"]
        if "sqs:SendMessage" in ([actions] if isinstance(actions, str) else actions):
            also.append(
                {**statement, "Sid": f"{statement['Sid']}B", "Action": "sqs:SendMessageBatch"}
            )
        if statement["Resource"][-2:] == ":*":
            also.append(
                {**statement, "Sid": f"{statement['Sid']}L", "Resource": statement["Resource"][:-2]}
            )
    return {**policy, "Statement": [*policy["Statement"], *also]}


class Desk:
    """A stack without functions on the emulator at ``endpoint``, and somebody to do each
    function's duties."""

    def __init__(self, endpoint: str, target: str, function: str) -> None:
        """``target`` is the template's; ``function`` is the name of one that is there, which
        stands for the thumbnailer."""
        self.endpoint = endpoint
        self.stack = f"duties{uuid.uuid4().hex[:6]}"
        self.bucket = self.stack
        self.template = Template.read()
        self.s3 = client("s3", endpoint, REGION)
        self.sqs = client("sqs", endpoint, REGION)
        self.iam = client("iam", endpoint, REGION)
        formation = Formation(
            cloudformation(endpoint, REGION),
            self.s3,
            self.stack,
            checkout() / "infra/template.yaml",
        )
        self.deployment = Deployment.from_outputs(
            target,
            endpoint,
            REGION,
            formation.ensure({"Target": target, "Mode": "worker", "BucketName": self.bucket}),
        )
        # On AWS CloudFront reads the bucket, and nobody else may. What an emulator lets anybody
        # read would hide what a role may not.
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        # Each duty says by itself what it is asked to do.
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={}
        )
        self.queues = {
            name: self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])[
                "Attributes"
            ]["QueueArn"]
            for name, url in self.deployment.queues.items()
        }
        self.function = function
        self.distribution = _distribution(client("cloudfront", endpoint, REGION), self.stack)
        self._make_others()
        self.policies = {role: self._policy(role) for role in roles.ROLES}
        self.people = {
            role: Person.hire(endpoint, self.iam, f"{self.stack}-{role}") for role in roles.ROLES
        }
        for role in roles.ROLES:
            self.people[role].may(self.policies[role])
        self._check_deployed()
        wiring = {**self.deployment.environment(), **IMPATIENT}
        cached = {**wiring, "SAFELIGHT_DISTRIBUTION_ID": self.distribution}
        site = {**wiring, "SAFELIGHT_SITE_URL": "https://gallery.example/"}
        self.thumbnailer: thumbnailer.service.Session = self.people["thumbnailer"].session(
            thumbnailer.service.Session, cached
        )
        self.sitegen: sitegen.service.Session = self.people["sitegen"].session(
            sitegen.service.Session, site
        )
        self.sitegen_nowhere: sitegen.service.Session = self.people["sitegen"].session(
            sitegen.service.Session, wiring
        )

    def _make_others(self) -> None:
        """What is not the stack's, and what is there to be read or overwritten."""
        self.other_bucket = f"{self.stack}-other"
        self.s3.create_bucket(Bucket=self.other_bucket)
        self.s3.put_object(Bucket=self.other_bucket, Key="photos/here.jpg", Body=b"x")
        for key in (
            "photos/here.jpg",
            "thumbs/here.jpg",
            "albums/here.html",
            "catalog/site.json",
            "index.html",
        ):
            self.put(key, b"{}")
        self.other_queue = self.sqs.create_queue(QueueName=f"{self.stack}-other")["QueueUrl"]
        self.other_logs = f"/aws/lambda/{self.stack}-other"
        client("logs", self.endpoint, REGION).create_log_group(logGroupName=self.other_logs)
        cloudfront = client("cloudfront", self.endpoint, REGION)
        self.other_distribution = _distribution(cloudfront, f"{self.stack}-other")

    def _policy(self, role: str) -> Policy:
        given = Given(
            {"Target": "aws", "BucketName": self.bucket},
            stack=self.stack,
            region=REGION,
            account=ACCOUNT,
            resources={"Distribution": self.distribution},
            attributes={
                "ThumbnailQueue.Arn": self.queues["thumbnail"],
                "PublishQueue.Arn": self.queues["publish"],
                "Thumbnailer.Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function}",
            },
        )
        return roles.policy(self.template, role, given)

    def _check_deployed(self) -> None:
        """What is proved here is what the stack's roles have, but for what only AWS has."""
        cfn = cloudformation(self.endpoint, REGION)
        found = cfn.describe_stack_resources(StackName=self.stack)["StackResources"]
        physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}
        for role in ("thumbnailer", "sitegen"):
            answer = self.iam.get_role_policy(RoleName=physical[roles.ROLES[role]], PolicyName=role)
            ours = [s for s in self.policies[role]["Statement"] if s["Sid"] != "TellTheCache"]
            assert answer["PolicyDocument"]["Statement"] == ours

    # -- What a duty begins with ---------------------------------------------------------------

    def put(self, key: str, body: bytes = PHOTO) -> None:
        """An object, as its owner would put it."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, *names: str) -> None:
        """No such objects."""
        for key in names:
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def names(self, prefix: str = "") -> set[str]:
        """The keys that there are."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return {each["Key"] for page in pages for each in page.get("Contents", [])}

    def ask(self, queue: str, *names: str) -> None:
        """Hints at these keys, and nothing else in the queue."""
        self.drain()
        for key in names:
            self.sqs.send_message(
                QueueUrl=self.deployment.queues[queue],
                MessageBody=hint_body(self.bucket, key, "a test", datetime.now(UTC)),
            )

    def drain(self) -> None:
        """Nothing in the queues."""
        for url in (self.deployment.queues[name] for name in ("thumbnail", "publish")):
            self.sqs.purge_queue(QueueUrl=url)

    def waiting(self, queue: str) -> list[str]:
        """The bodies of the messages in a queue, which are taken from it."""
        url = self.deployment.queues[queue]
        found: list[str] = []
        while messages := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0
        ).get("Messages"):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    # -- Doing it ------------------------------------------------------------------------------

    def work(self, session: Any) -> list[Any]:
        """Work off what is in the service's queue; the reports."""
        reports: list[Any] = []
        for _ in range(20):
            batch = session.queue.receive(wait=0)
            if not batch:
                break
            reports += session.run(batch, lambda: 60.0)
        for report in reports:
            expect(not report.notes, f"{report.notes}")
        return reports


def _distribution(cloudfront: Any, name: str) -> str:
    """A distribution to be told; what stands behind it does not matter here."""
    made = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": name,
            "Comment": name,
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "bucket",
                        "DomainName": f"{name}.s3.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "bucket",
                "ViewerProtocolPolicy": "allow-all",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
        }
    )
    return str(made["Distribution"]["Id"])


def expect(done: object, what: str) -> None:
    """Raise :class:`DutyNotDone` unless it is."""
    if not done:
        raise DutyNotDone(what)


# -- The duties ------------------------------------------------------------------------------

Duty = Callable[[Desk], Iterator[None]]
"""Prepares (with the whole policy), yields, and then does its duty and looks at what came of it."""


def _album() -> str:
    """A name that no other duty has."""
    return uuid.uuid4().hex[:10]


def _ready(key: str) -> PhotoRecord:
    digest = "0" * 16
    name = keys.rendition(key, digest, 600)
    return PhotoRecord(
        key=key,
        status="ready",
        source=Source(etag="e", size=1, last_modified=LONG_AGO, width=600, height=400),
        digest=digest,
        renditions=(Rendition(key=name, width=600, height=400, bytes=1),),
        updated=LONG_AGO,
    )


def a_photo_is_rendered(desk: Desk) -> Iterator[None]:
    """The thumbnailer: from a hint to renditions and a record."""
    key = f"photos/{_album()}/1.jpg"
    desk.put(key)
    desk.ask("thumbnail", key)
    yield
    desk.work(desk.thumbnailer)
    place = key.removeprefix("photos/")
    expect(desk.names(f"thumbs/{place}"), "no renditions")
    expect(desk.names(f"catalog/photos/{place}"), "no record")
    # Deleted by it, and not merely hidden.
    attributes = desk.sqs.get_queue_attributes(
        QueueUrl=desk.deployment.queues["thumbnail"], AttributeNames=["All"]
    )["Attributes"]
    expect(attributes["ApproximateNumberOfMessagesNotVisible"] == "0", "its message is still there")


def an_early_photo_is_tried_again(desk: Desk) -> Iterator[None]:
    """The thumbnailer: "created", says the event, and it is not there yet."""
    desk.drain()
    event = {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "eventTime": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                "s3": {
                    "bucket": {"name": desk.bucket},
                    "object": {"key": f"photos/{_album()}/x.jpg"},
                },
            }
        ]
    }
    desk.sqs.send_message(
        QueueUrl=desk.deployment.queues["thumbnail"], MessageBody=json.dumps(event)
    )
    yield
    (batch,) = [desk.thumbnailer.queue.receive(wait=0)]
    (report,) = desk.thumbnailer.run(batch, lambda: 60.0)
    expect(type(report.outcome).__name__ == "Retry", f"{report.outcome}")
    expect(not report.notes, f"{report.notes}")


def what_nobody_names_is_swept_away(desk: Desk) -> Iterator[None]:
    """The thumbnailer: renditions without a photo go."""
    album = _album()
    desk.put(keys.rendition(f"photos/{album}/1.jpg", "0" * 16, 600))
    time.sleep(1.1)  # S3's dates have no fractions: it must be older than no time at all.
    desk.ask("thumbnail", f"photos/{album}/")
    yield
    desk.work(desk.thumbnailer)
    expect(not desk.names(f"thumbs/{album}/"), "the rendition is still there")


def an_old_tombstone_is_removed(desk: Desk) -> Iterator[None]:
    """The thumbnailer: the record of a photo that has long been gone."""
    key = f"photos/{_album()}/1.jpg"
    gone = PhotoRecord(key=key, status="deleted", updated=LONG_AGO)
    desk.put(keys.record(key), record.encode(gone))
    desk.ask("thumbnail", f"{key.rpartition('/')[0]}/")
    yield
    desk.work(desk.thumbnailer)
    expect(not desk.names(keys.record(key)), "it is still there")


def a_sweep_is_begun(desk: Desk) -> Iterator[None]:
    """The thumbnailer: a hint at each album, of photos, records, renditions or pages."""
    album = _album()
    desk.put(f"photos/{album}/1.jpg")
    desk.drain()
    yield
    desk.thumbnailer.service.begin_sweep()
    hinted = [json.loads(body)["key"] for body in desk.waiting("thumbnail")]
    expect(f"photos/{album}/" in hinted, f"hints at {hinted}")


def an_album_is_swept(desk: Desk) -> Iterator[None]:
    """The thumbnailer: a photo without a record is hinted at, and its album."""
    album = _album()
    desk.put(f"photos/{album}/1.jpg")
    desk.ask("thumbnail", f"photos/{album}/")
    yield
    (batch,) = [desk.thumbnailer.queue.receive(wait=0)]
    reports = desk.thumbnailer.run(batch, lambda: 60.0)
    expect([type(r.outcome).__name__ for r in reports] == ["Done"], f"{reports}")
    albums = [json.loads(body)["key"] for body in desk.waiting("publish")]
    expect(albums == [f"catalog/albums/{album}.json"], f"hints at {albums}")
    photos = [json.loads(body)["key"] for body in desk.waiting("thumbnail")]
    expect(photos == [f"photos/{album}/1.jpg"], f"hints at {photos}")


def the_cache_is_told(desk: Desk) -> Iterator[None]:
    """The thumbnailer: renditions are gone, and CloudFront is to forget them."""
    desk.drain()
    body = hint_body(desk.bucket, f"thumbs/{_album()}/", "a test", datetime.now(UTC))
    desk.sqs.send_message(QueueUrl=desk.deployment.queues["thumbnail"], MessageBody=body)
    yield
    reports = desk.work(desk.thumbnailer)
    expect([type(r.outcome).__name__ for r in reports] == ["Done"], f"{reports}")


def _follows(desk: Desk, name: str) -> Iterator[None]:
    session = getattr(desk, name)
    queue = {"thumbnailer": "thumbnail", "sitegen": "publish"}[name]
    desk.ask(queue, "elsewhere/x")
    yield
    expect(session.queue.visibility() > 0, "no visibility timeout")
    batch = session.queue.receive(wait=0)
    expect(batch, "no message")
    session.run(batch, lambda: 60.0)


def the_photos_queue_is_followed(desk: Desk) -> Iterator[None]:
    """The thumbnailer: what Lambda does for it on AWS, and a worker by itself: ask how long a
    message stays hidden, and receive (Lambda developer guide, "Execution role permissions")."""
    yield from _follows(desk, "thumbnailer")


def the_albums_queue_is_followed(desk: Desk) -> Iterator[None]:
    """Sitegen: the same."""
    yield from _follows(desk, "sitegen")


def _logs(desk: Desk, role: str) -> Iterator[None]:
    logs = desk.people[role].client("logs")
    group, stream = f"/aws/lambda/{desk.stack}-{role}", uuid.uuid4().hex
    yield
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(time.time() * 1000), "message": "a test"}],
    )


def the_thumbnailers_log_is_written(desk: Desk) -> Iterator[None]:
    """What Lambda does in its name."""
    yield from _logs(desk, "thumbnailer")


def sitegens_log_is_written(desk: Desk) -> Iterator[None]:
    """What Lambda does in its name."""
    yield from _logs(desk, "sitegen")


SITEMAPS = {"sitemap.xml", "sitemap-pages.xml"}
SITE = {"index.html", "index.json", "404.html", "feed.xml", "robots.txt", *SITEMAPS}


def the_site_is_published(desk: Desk) -> Iterator[None]:
    """Sitegen: from nothing but records to every page there is."""
    album = _album()
    desk.delete(*desk.names("assets/"), *SITE, keys.SITE)
    for number in range(2):
        key = f"photos/{album}/{number}.jpg"
        desk.put(keys.record(key), record.encode(_ready(key)))
    desk.ask("publish", keys.record(f"photos/{album}/0.jpg"))
    yield
    desk.work(desk.sitegen)
    there = desk.names()
    wanted = {*SITE, keys.SITE, keys.album_page(album), keys.album_record(album)}
    expect(wanted <= there, f"missing: {sorted(wanted - there)}")
    expect({name for name in there if name.startswith("assets/")}, "no assets")


def an_album_is_unpublished(desk: Desk) -> Iterator[None]:
    """Sitegen: its last photo's record is gone, so its pages go, and it is asked after."""
    album = _album()
    key = f"photos/{album}/1.jpg"
    desk.put(keys.record(key), record.encode(_ready(key)))
    desk.ask("publish", keys.record(key))
    desk.work(desk.sitegen)
    expect(desk.names(keys.album_page(album)), "it was never published")
    desk.delete(keys.record(key))
    desk.ask("publish", keys.record(key))
    yield
    desk.work(desk.sitegen)
    expect(not desk.names(keys.album_page(album)), "its page is still there")
    expect(not desk.names(keys.photo_folder(album)), "a photo's page is still there")
    asked = [json.loads(body)["key"] for body in desk.waiting("thumbnail")]
    expect(key in asked, f"asked after {asked}")
    for _ in range(2):
        desk.ask("publish", keys.album_record(album))
        desk.work(desk.sitegen)
    expect(not desk.names(keys.album_record(album)), "its record is still there")


def old_assets_are_removed(desk: Desk) -> Iterator[None]:
    """Sitegen: a stylesheet that no page has used for a while."""
    desk.put(f"assets/old-{_album()}.css", b"a{}")
    time.sleep(1.1)
    key = f"photos/{_album()}/1.jpg"
    desk.put(keys.record(key), record.encode(_ready(key)))
    desk.ask("publish", keys.record(key))
    yield
    desk.work(desk.sitegen)
    expect(not desk.names("assets/old-"), "it is still there")


def a_site_that_moves_to_nowhere(desk: Desk) -> Iterator[None]:
    """Sitegen: what needs an address goes when the site has none."""
    key = f"photos/{_album()}/1.jpg"
    desk.put(keys.record(key), record.encode(_ready(key)))
    desk.ask("publish", keys.record(key))
    desk.work(desk.sitegen)
    expect(desk.names() >= SITEMAPS, "there was no sitemap")
    desk.ask("publish", keys.SITE)
    yield
    desk.work(desk.sitegen_nowhere)
    left = desk.names() & SITEMAPS
    expect(not left, f"still there: {left}")


def _settings(desk: Desk, text: str) -> None:
    """The site's settings say this now, and sitegen is told."""
    settings = TextRecord(
        kind="settings",
        key=keys.SETTINGS,
        status="ready",
        source=Source(etag="e", size=1, last_modified=LONG_AGO),
        text=text,
        updated=LONG_AGO,
    )
    desk.put(keys.record(keys.SETTINGS), record.encode(settings))
    desk.ask("publish", keys.SITE)


def an_about_page_comes_and_goes(desk: Desk) -> Iterator[None]:
    """Sitegen: as the settings have words for it, or have them no more."""
    desk.delete("about.html")
    _settings(desk, f"title: {_album()}\nabout: Who I am.")
    yield
    desk.work(desk.sitegen)
    expect("about.html" in desk.names(), "it did not come")
    _settings(desk, f"title: {_album()}")
    desk.work(desk.sitegen)
    expect("about.html" not in desk.names(), "it is still there")


def changed_settings_reach_every_album(desk: Desk) -> Iterator[None]:
    """Sitegen: each shows the site's title."""
    album = _album()
    key = f"photos/{album}/1.jpg"
    desk.put(keys.record(key), record.encode(_ready(key)))
    desk.ask("publish", keys.record(key))
    desk.work(desk.sitegen)
    _settings(desk, f"title: {album}")
    yield
    (batch,) = [desk.sitegen.queue.receive(wait=0)]
    desk.sitegen.run(batch, lambda: 60.0)
    asked = [json.loads(body)["key"] for body in desk.waiting("publish")]
    expect(keys.album_record(album) in asked, f"asked for {asked}")


def a_record_of_a_later_version_is_left_for_later(desk: Desk) -> Iterator[None]:
    """Sitegen: it goes back to the queue, and not at once."""
    key = f"photos/{_album()}/1.jpg"
    later = msgspec.json.decode(record.encode(_ready(key)))
    name = keys.record(key)
    desk.put(name, msgspec.json.encode({**later, "version": 99}))
    desk.ask("publish", name)
    yield
    (batch,) = [desk.sitegen.queue.receive(wait=0)]
    (report,) = desk.sitegen.run(batch, lambda: 60.0)
    desk.delete(name)
    expect(type(report.outcome).__name__ == "Failed", f"{report.outcome}")
    expect(not report.notes, f"{report.notes}")


def the_schedule_wakes_the_thumbnailer(desk: Desk) -> Iterator[None]:
    """EventBridge Scheduler: may it?"""
    functions = desk.people["sweep"].client("lambda")
    yield
    functions.invoke(
        FunctionName=desk.function, InvocationType="Event", Payload=b'{"safelight": "sweep"}'
    )


DUTIES: dict[str, tuple[str, Duty]] = {
    duty.__name__: (role, duty)
    for role, duty in [
        ("thumbnailer", a_photo_is_rendered),
        ("thumbnailer", an_early_photo_is_tried_again),
        ("thumbnailer", what_nobody_names_is_swept_away),
        ("thumbnailer", an_old_tombstone_is_removed),
        ("thumbnailer", a_sweep_is_begun),
        ("thumbnailer", an_album_is_swept),
        ("thumbnailer", the_cache_is_told),
        ("thumbnailer", the_photos_queue_is_followed),
        ("thumbnailer", the_thumbnailers_log_is_written),
        ("sitegen", the_site_is_published),
        ("sitegen", an_album_is_unpublished),
        ("sitegen", old_assets_are_removed),
        ("sitegen", a_site_that_moves_to_nowhere),
        ("sitegen", an_about_page_comes_and_goes),
        ("sitegen", changed_settings_reach_every_album),
        ("sitegen", a_record_of_a_later_version_is_left_for_later),
        ("sitegen", the_albums_queue_is_followed),
        ("sitegen", sitegens_log_is_written),
        ("sweep", the_schedule_wakes_the_thumbnailer),
    ]
}
"""Every duty, by its name, with the role that has to do it."""


def perform(desk: Desk, name: str, policy: Policy | None = None) -> list[str]:
    """Do a duty, with the role's whole policy or another; the calls that were refused.

    Raises :class:`DutyNotDone`, or the refusal itself, if it could not be done.
    """
    role, duty = DUTIES[name]
    person = desk.people[role]
    person.may(desk.policies[role])
    steps = duty(desk)
    next(steps)
    if policy is not None:
        person.may(policy)
    person.refused.clear()
    try:
        with contextlib.suppress(StopIteration):
            next(steps)
    finally:
        person.may(desk.policies[role])
        desk.drain()
    return list(person.refused)


def fails(desk: Desk, name: str, policy: Policy) -> list[str]:
    """The calls that were refused, if the duty cannot be done with this policy; none if it
    can."""
    role, _ = DUTIES[name]
    try:
        perform(desk, name, policy)
    except (DutyNotDone, ClientError, QueueError, StoreError):
        return list(desk.people[role].refused)
    return []


# -- What must never be done -----------------------------------------------------------------

Act = Callable[[Desk, Callable[[str], Any]], object]
"""Does it, with a client for a service by its name."""


def _own(key: str) -> dict[str, Act]:
    """All ways to change the object ``key`` of the stack's bucket."""
    return {
        f"put {key}": lambda d, c: c("s3").put_object(Bucket=d.bucket, Key=key, Body=b""),
        f"delete {key}": lambda d, c: c("s3").delete_object(Bucket=d.bucket, Key=key),
        f"copy to {key}": lambda d, c: c("s3").copy_object(
            Bucket=d.bucket, Key=key, CopySource={"Bucket": d.bucket, "Key": "thumbs/here.jpg"}
        ),
        f"upload {key} in parts": lambda d, c: c("s3").create_multipart_upload(
            Bucket=d.bucket, Key=key
        ),
    }


def _read(key: str) -> dict[str, Act]:
    return {f"read {key}": lambda d, c: c("s3").get_object(Bucket=d.bucket, Key=key)}


ANYBODY: dict[str, Act] = {
    **_own("photos/here.jpg"),
    **_own("elsewhere/here.txt"),
    "put into another bucket": lambda d, c: c("s3").put_object(
        Bucket=d.other_bucket, Key="thumbs/x.jpg", Body=b""
    ),
    "read another bucket": lambda d, c: c("s3").get_object(
        Bucket=d.other_bucket, Key="photos/here.jpg"
    ),
    "list another bucket": lambda d, c: c("s3").list_objects_v2(
        Bucket=d.other_bucket, Prefix="photos/"
    ),
    "list the buckets": lambda d, c: c("s3").list_buckets(),
    "delete the bucket": lambda d, c: c("s3").delete_bucket(Bucket=d.bucket),
    "open the bucket": lambda d, c: c("s3").put_bucket_policy(Bucket=d.bucket, Policy="{}"),
    "silence the bucket": lambda d, c: c("s3").put_bucket_notification_configuration(
        Bucket=d.bucket, NotificationConfiguration={}
    ),
    "send to another queue": lambda d, c: c("sqs").send_message(
        QueueUrl=d.other_queue, MessageBody="x"
    ),
    "receive from another queue": lambda d, c: c("sqs").receive_message(QueueUrl=d.other_queue),
    "receive dead letters": lambda d, c: c("sqs").receive_message(
        QueueUrl=d.deployment.queues["thumbnail_dlq"]
    ),
    "empty the queue": lambda d, c: c("sqs").purge_queue(QueueUrl=d.deployment.queues["publish"]),
    "delete the queue": lambda d, c: c("sqs").delete_queue(QueueUrl=d.deployment.queues["publish"]),
    "write another's log": lambda d, c: c("logs").create_log_stream(
        logGroupName=d.other_logs, logStreamName="x"
    ),
    "tell another distribution": lambda d, c: CloudFront(
        c("cloudfront"), d.other_distribution
    ).forget("thumbs/", "x"),
    "change a policy": lambda d, c: c("iam").put_user_policy(
        UserName="x", PolicyName="x", PolicyDocument="{}"
    ),
    "invoke another function": lambda d, c: c("lambda").invoke(FunctionName=f"{d.function}-x"),
}

NEVER: dict[tuple[str, str], Act] = {
    **{(role, name): act for role in roles.ROLES for name, act in ANYBODY.items()},
    **{
        ("thumbnailer", name): act
        for name, act in {
            **_own("index.html"),
            **_own("albums/here.html"),
            **_own("assets/here.css"),
            **_own("catalog/albums/here.json"),
            **_own("catalog/site.json"),
            **_read("index.html"),
            **_read("albums/here.html"),
            "list pages": lambda d, c: c("s3").list_objects_v2(Bucket=d.bucket, Prefix="albums/"),
            "receive albums' hints": lambda d, c: c("sqs").receive_message(
                QueueUrl=d.deployment.queues["publish"]
            ),
            "invoke itself": lambda d, c: c("lambda").invoke(FunctionName=d.function),
        }.items()
    },
    **{
        ("sitegen", name): act
        for name, act in {
            **_own("thumbs/here.jpg"),
            **_own("catalog/photos/here.jpg.json"),
            **_read("photos/here.jpg"),
            **_read("thumbs/here.jpg"),
            "list originals": lambda d, c: c("s3").list_objects_v2(
                Bucket=d.bucket, Prefix="photos/"
            ),
            "delete the home page": lambda d, c: c("s3").delete_object(
                Bucket=d.bucket, Key="index.html"
            ),
            "delete the site's record": lambda d, c: c("s3").delete_object(
                Bucket=d.bucket, Key="catalog/site.json"
            ),
            "receive photos' hints": lambda d, c: c("sqs").receive_message(
                QueueUrl=d.deployment.queues["thumbnail"]
            ),
            "tell the cache": lambda d, c: CloudFront(c("cloudfront"), d.distribution).forget(
                "thumbs/", "x"
            ),
            "invoke the thumbnailer": lambda d, c: c("lambda").invoke(FunctionName=d.function),
        }.items()
    },
    **{
        ("sweep", name): act
        for name, act in {
            **_read("photos/here.jpg"),
            **_read("catalog/site.json"),
            **_own("thumbs/here.jpg"),
            "list the bucket": lambda d, c: c("s3").list_objects_v2(Bucket=d.bucket),
            "send hints": lambda d, c: c("sqs").send_message(
                QueueUrl=d.deployment.queues["thumbnail"], MessageBody="x"
            ),
        }.items()
    },
}
"""What each role must be refused, by the role and in words."""

BY_PREFIX = {"list pages", "list originals"}
"""Those that are refused because of the names that are listed."""


def is_refused(desk: Desk, role: str, act: Act) -> bool:
    """Whether somebody with the role's whole policy is refused this."""
    person = desk.people[role]
    person.may(desk.policies[role])
    try:
        act(desk, person.client)
    except ClientError as error:
        answer = error.response
        return (
            answer["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)
            and "AccessDenied" in answer["Error"]["Code"]
        )
    except CacheRefused:
        return True
    return False
