"""The template as it is for AWS, on MiniStack with its policies enforced: every resource is made,
CloudFront serves what is public and nothing else, and a bucket that was there keeps all it had.

What MiniStack 1.5.33 does not do: it keeps nothing in CloudFront's caches and compresses nothing
(so cache policies are made, and invalidations taken, but neither has an effect), it calls
a certificate valid without looking, sends no e-mail, and fires no schedule.  It takes a request for
HTTPS if the header ``X-Forwarded-Proto`` says so; and it tells a policy of HTTPS only if it checks
policies (``AUTH=true``), without which the bucket's policy refuses CloudFront itself.
"""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from safelight import adoption
from safelight import port as ports
from safelight.formation import Formation
from safelight.home import checkout
from safelight.ministack import MiniStack
from safelight.problem import Problem
from safelight.stack import client, cloudformation
from safelight.template import Given, Template
from sitegen import pages
from thumbnailer.cache import CloudFront

pytestmark = pytest.mark.embedded

REGION = "us-east-1"
ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/safelight"
DIGEST = f"sha256:{'0' * 64}"
TEMPLATE = checkout() / "infra" / "template.yaml"


@dataclass
class Cloud:
    """MiniStack, checking policies."""

    url: str
    port: int

    def client(self, service: str) -> Any:
        """A client of root's."""
        return client(service, self.url, REGION)

    def create(self, name: str, **parameters: str) -> dict[str, str]:
        """Make the template's stack for AWS, or update it; its outputs."""
        return Formation(
            cloudformation(self.url, REGION), self.client("s3"), name, TEMPLATE
        ).ensure(
            {
                "Target": "aws",
                "ThumbnailerImageUri": f"{IMAGE}/thumbnailer@{DIGEST}",
                "SitegenImageUri": f"{IMAGE}/sitegen@{DIGEST}",
                **parameters,
            }
        )

    def get(self, host: str, path: str, proto: str = "https") -> tuple[int, bytes, dict[str, str]]:
        """What a visitor gets of a distribution: status, body, headers in lower case."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": proto})
        answer = connection.getresponse()
        return (
            answer.status,
            answer.read(),
            {name.lower(): value for name, value in answer.getheaders()},
        )


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests here; each makes stacks of its own."""
    stack = MiniStack(tmp_path_factory.mktemp("aws"), ports.unused(), checked=True)
    stack.start()
    try:
        yield Cloud(stack.url, stack.port)
    finally:
        stack.stop(keep=False)


def _name() -> str:
    return f"gallery-{uuid.uuid4().hex[:8]}"


SITE = {
    "index.html": "the home page",
    "404.html": "not found",
    "albums/a.html": "an album",
    "photo/a/1.jpg.html": "a photo's page",
    "thumbs/a/1.jpg.0000000000000000-600.jpg": "a rendition",
    "assets/gallery.css": "a style",
    "feed.xml": "a feed",
}
SECRET = {"catalog/site.json": "the record", "catalog/photos/a/1.jpg.json": "{}", "notes.txt": "x"}
ORIGINAL = {"photos/a/1.jpg": "an original"}


def _fill(cloud: Cloud, bucket: str) -> None:
    s3 = cloud.client("s3")
    for key, body in {**SITE, **SECRET, **ORIGINAL}.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType="text/plain")


def test_every_resource_is_made(cloud: Cloud) -> None:
    """With everything that is optional; made again, nothing changes."""
    zone = cloud.client("route53").create_hosted_zone(
        Name="example.org", CallerReference=uuid.uuid4().hex
    )["HostedZone"]["Id"]
    name = _name()
    parameters = {
        "BucketName": name,
        "AlarmEmail": "somebody@example.org",
        "Versioning": "true",
        "DomainName": "photos.example.org",
        "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/{uuid.uuid4()}",
        "HostedZoneId": zone.rpartition("/")[2],
    }
    outputs = cloud.create(name, **parameters)
    given = Given({"Target": "aws", "ThumbnailerImageUri": "x", **parameters})
    template = Template.read()
    cfn = cloudformation(cloud.url, REGION)
    made = {
        each["LogicalResourceId"]
        for each in cfn.describe_stack_resources(StackName=name)["StackResources"]
    }
    resources = set(template.document["Resources"])
    assert made == {each for each in resources if template.exists(each, given)}
    assert resources - made == {"DoorPolicy"}
    assert outputs["GalleryUrl"] == "https://photos.example.org/"
    records = cloud.client("route53").list_resource_record_sets(HostedZoneId=zone)
    assert {
        record["Type"]
        for record in records["ResourceRecordSets"]
        if record["Name"] == "photos.example.org."
    } == {"A", "AAAA"}
    versioning = cloud.client("s3").get_bucket_versioning(Bucket=name)
    assert versioning["Status"] == "Enabled"
    assert cloud.create(name, **parameters) == outputs


def test_cloudfront_serves_what_is_public(cloud: Cloud) -> None:
    """And answers alike for what is not there and for what is nobody's business."""
    name = _name()
    outputs = cloud.create(name, BucketName=name)
    _fill(cloud, name)
    host = outputs["DistributionDomain"]
    assert outputs["GalleryUrl"] == f"https://{host}/"
    for key, body in {**SITE, **ORIGINAL, "": "the home page"}.items():
        status, got, _ = cloud.get(host, f"/{key}")
        assert (status, got.decode()) == (200, body), key
    for key in (*SECRET, "not/there.html", "albums/none.html", "thumbs/none.jpg"):
        status, got, _ = cloud.get(host, f"/{key}")
        assert (status, got) == (404, b"not found"), key


def test_visitors_are_sent_to_https_and_told_the_rules(cloud: Cloud) -> None:
    name = _name()
    host = cloud.create(name, BucketName=name)["DistributionDomain"]
    _fill(cloud, name)
    status, _, headers = cloud.get(host, "/index.html", "http")
    assert (status, headers["location"]) == (301, f"https://{host}/index.html")
    _, _, headers = cloud.get(host, "/index.html")
    assert headers["content-security-policy"] == f"{pages.POLICY}; frame-ancestors 'none'"
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["x-content-type-options"] == "nosniff"
    assert "camera=()" in headers["permissions-policy"]
    _, _, headers = cloud.get(host, "/photos/a/1.jpg")
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "public, max-age=60, must-revalidate"


@pytest.mark.parametrize("originals", ["stripped", "private"])
def test_originals_stay_at_home(cloud: Cloud, originals: str) -> None:
    """As soon as the parameter says so; the rest is served as before."""
    name = _name()
    host = cloud.create(name, BucketName=name)["DistributionDomain"]
    _fill(cloud, name)
    assert cloud.get(host, "/photos/a/1.jpg")[0] == 200
    cloud.create(name, BucketName=name, Originals=originals)
    assert cloud.get(host, "/photos/a/1.jpg")[0] == 404
    assert cloud.get(host, "/thumbs/a/1.jpg.0000000000000000-600.jpg")[0] == 200


def test_nobody_else_reads_the_bucket(cloud: Cloud) -> None:
    """Neither another distribution, nor anybody without one, nor its owner without TLS."""
    name, other = _name(), _name()
    cloud.create(name, BucketName=name)
    _fill(cloud, name)
    cloudfront = cloud.client("cloudfront")
    distribution = cloud.create(other, BucketName=other)["DistributionId"]
    answer = cloudfront.get_distribution_config(Id=distribution)
    config = answer["DistributionConfig"]
    config["Origins"]["Items"][0]["DomainName"] = f"{name}.s3.{REGION}.amazonaws.com"
    domain = cloudfront.update_distribution(
        Id=distribution, DistributionConfig=config, IfMatch=answer["ETag"]
    )["Distribution"]["DomainName"]
    assert cloud.get(domain, "/index.html")[0] == 403
    assert cloud.get("127.0.0.1", f"/{name}/index.html")[0] == 403


def test_the_cache_can_be_told(cloud: Cloud) -> None:
    """And the same again makes no second invalidation, which would be paid for."""
    name = _name()
    distribution = cloud.create(name, BucketName=name)["DistributionId"]
    cloudfront = cloud.client("cloudfront")
    for _ in range(2):
        CloudFront(cloudfront, distribution).forget("thumbs/a/", "reference")
    found = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    assert len(found) == 1
    batch = cloudfront.get_invalidation(DistributionId=distribution, Id=found[0]["Id"])
    assert batch["Invalidation"]["InvalidationBatch"]["Paths"]["Items"] == ["/thumbs/a/*"]


def test_the_repositories_are_made(cloud: Cloud) -> None:
    prefix = _name()
    cfn = cloudformation(cloud.url, REGION)
    cfn.create_stack(
        StackName=f"{prefix}-registry",
        TemplateBody=Template.read(checkout() / "infra" / "registry.yaml").body(),
        Parameters=[{"ParameterKey": "Prefix", "ParameterValue": prefix}],
    )
    cfn.get_waiter("stack_create_complete").wait(
        StackName=f"{prefix}-registry", WaiterConfig={"Delay": 1}
    )
    (stack,) = cfn.describe_stacks(StackName=f"{prefix}-registry")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    ecr = cloud.client("ecr")
    for service, output in (
        ("thumbnailer", "ThumbnailerRepositoryUri"),
        ("sitegen", "SitegenRepositoryUri"),
    ):
        (repository,) = ecr.describe_repositories(repositoryNames=[f"{prefix}/{service}"])[
            "repositories"
        ]
        assert repository["repositoryUri"] == outputs[output]
        assert repository["imageTagMutability"] == "IMMUTABLE"
        assert repository["imageScanningConfiguration"]["scanOnPush"] is True
        lifecycle = ecr.get_lifecycle_policy(repositoryName=f"{prefix}/{service}")
        rules = json.loads(lifecycle["lifecyclePolicyText"])["rules"]
        assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]


# -- A bucket that is there already ----------------------------------------------------------


def _bucket_of_somebody(cloud: Cloud, prefix: str) -> str:
    """With photos, a notification and a policy."""
    name = _name()
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    s3.create_bucket(Bucket=name)
    url = sqs.create_queue(QueueName=f"{name}-theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    takes = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn["QueueArn"],
    }
    sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [takes]})},
    )
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "Id": "theirs",
                    "QueueArn": arn["QueueArn"],
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                }
            ]
        },
    )
    theirs = {
        "Sid": "Theirs",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{name}",
    }
    s3.put_bucket_policy(
        Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    )
    _fill(cloud, name)
    return name


def _given(stack: str, bucket: str, outputs: dict[str, str], cloud: Cloud) -> Given:
    sqs = cloud.client("sqs")
    arns = {
        name: sqs.get_queue_attributes(QueueUrl=outputs[f"{name}Url"], AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        for name in ("ThumbnailQueue", "PublishQueue")
    }
    return Given(
        {"BucketName": bucket, "Target": "aws"},
        stack=stack,
        resources={"Distribution": outputs["DistributionId"], "Bucket": bucket},
        attributes={f"{name}.Arn": arn for name, arn in arns.items()},
    )


def _state(cloud: Cloud, bucket: str) -> tuple[Any, Any]:
    s3 = cloud.client("s3")
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    notifications.pop("ResponseMetadata")
    return notifications, json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])


def test_a_bucket_that_is_there_is_added_to_and_given_back(cloud: Cloud) -> None:
    """The gallery is served from it; then it is as it was."""
    bucket, stack = _bucket_of_somebody(cloud, "uploads/"), _name()
    before = _state(cloud, bucket)
    outputs = cloud.create(stack, BucketName=bucket, ExistingBucket="true")
    assert _state(cloud, bucket) == before
    given = _given(stack, bucket, outputs, cloud)
    s3 = cloud.client("s3")
    assert len(adoption.attach(s3, Template.read(), given)) == 2
    assert adoption.attach(s3, Template.read(), given) == []
    assert cloud.get(outputs["DistributionDomain"], "/albums/a.html")[1] == b"an album"
    assert cloud.get(outputs["DistributionDomain"], "/catalog/site.json")[0] == 404
    s3.put_object(Bucket=bucket, Key="photos/new.jpg", Body=b"x")
    sqs = cloud.client("sqs")
    for url in (outputs["ThumbnailQueueUrl"], None):
        asked = url or sqs.get_queue_url(QueueName=f"{bucket}-theirs")["QueueUrl"]
        if url is None:
            s3.put_object(Bucket=bucket, Key="uploads/new.jpg", Body=b"x")
        messages = sqs.receive_message(QueueUrl=asked, WaitTimeSeconds=20).get("Messages", [])
        assert messages, asked
    assert len(adoption.detach(s3, bucket, stack)) == 2
    assert adoption.detach(s3, bucket, stack) == []
    assert _state(cloud, bucket) == before


def test_the_queues_take_events_of_their_bucket_only(cloud: Cloud) -> None:
    """S3 tries it out when the notifications are set."""
    stack = _name()
    outputs = cloud.create(stack, BucketName=stack)
    given = _given(stack, stack, outputs, cloud)
    other = _name()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=other)
    ours = {"QueueConfigurations": adoption.notifications(Template.read(), given)}
    s3.put_bucket_notification_configuration(Bucket=stack, NotificationConfiguration=ours)
    with pytest.raises(ClientError, match="destination"):
        s3.put_bucket_notification_configuration(Bucket=other, NotificationConfiguration=ours)


def test_a_bucket_whose_events_go_elsewhere_is_left_alone(cloud: Cloud) -> None:
    """S3 would refuse the whole configuration; nothing is written at all."""
    bucket, stack = _bucket_of_somebody(cloud, "photos/raw/"), _name()
    before = _state(cloud, bucket)
    outputs = cloud.create(stack, BucketName=bucket, ExistingBucket="true")
    given = _given(stack, bucket, outputs, cloud)
    with pytest.raises(Problem, match="'theirs'"):
        adoption.attach(cloud.client("s3"), Template.read(), given)
    assert _state(cloud, bucket) == before
