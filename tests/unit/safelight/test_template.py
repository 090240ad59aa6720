"""The template, held to what the design and AWS's documentation ask of it."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gallery import keys
from gallery.originals import FROM_LOOSE_TO_STRICT
from safelight.home import checkout
from safelight.problem import Problem
from safelight.template import MAX_BODY, Given, Template
from sitegen import pages
from thumbnailer.settings import Settings

TEMPLATE = checkout() / "infra" / "template.yaml"
BUCKET = "arn:aws:s3:::gallery"


PARAMETERS = {
    "BucketName": "gallery",
    "ThumbnailerImageUri": "registry/thumbnailer@sha256:1",
    "SitegenImageUri": "registry/sitegen@sha256:2",
}


class _Anything(Mapping[str, str]):
    """What nobody asks about in detail: each resource and attribute has its own name."""

    def __getitem__(self, name: str) -> str:
        return f"<{name}>"

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("not to be listed")

    def __len__(self) -> int:
        raise AssertionError("not to be counted")


def given(**parameters: str) -> Given:
    """With these parameters laid over those that a deployment on AWS cannot do without."""
    return Given(PARAMETERS | parameters, resources=_Anything(), attributes=_Anything())


AWS = given()
LOCAL = [given(Target="embedded"), given(Target="docker")]


@pytest.fixture(scope="module")
def template() -> Template:
    """The template."""
    return Template.read(TEMPLATE)


def _default(template: Template, name: str) -> Any:
    return template.parameters()[name]["Default"]


def _statements(template: Template, role: str) -> list[dict[str, Any]]:
    (policy,) = template.properties(role, AWS)["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cfn_lint_finds_nothing() -> None:
    """Not even a warning."""
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", TEMPLATE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_hidden_messages_outlast_their_function(template: Template) -> None:
    """Six times the function's timeout and the batching window (Lambda developer guide, "Using
    Lambda with Amazon SQS")."""
    assert _default(template, "ThumbnailVisibility") >= 6 * _default(template, "ThumbnailerTimeout")
    assert _default(template, "PublishVisibility") >= 6 * _default(
        template, "SitegenTimeout"
    ) + _default(template, "SitegenBatchingWindow")


def test_a_dead_letter_outlives_the_queue_it_comes_from(template: Template) -> None:
    """It keeps the time at which it was first sent."""
    for queue, dead in (("ThumbnailQueue", "ThumbnailDlq"), ("PublishQueue", "PublishDlq")):
        source = template.properties(queue, AWS)
        assert source["RedrivePolicy"]["maxReceiveCount"] == 10
        assert (
            template.properties(dead, AWS)["MessageRetentionPeriod"]
            > source["MessageRetentionPeriod"]
        )
        assert source["SqsManagedSseEnabled"] is True
        assert template.properties(dead, AWS)["SqsManagedSseEnabled"] is True


def test_a_whole_batch_of_the_slowest_photos_fits(template: Template) -> None:
    """At least one photo, with time left for S3, and /tmp holds the largest original."""
    assert _default(template, "MaxSeconds") + 10 < _default(template, "ThumbnailerTimeout")
    assert 2 * Settings().max_bytes <= _default(template, "ThumbnailerStorage") * 1024**2
    assert 2 * Settings().max_memory <= _default(template, "ThumbnailerMemory") * 1024**2


def test_the_defaults_are_the_thumbnailers_own(template: Template) -> None:
    """What `thumbnailer render` makes on a laptop, the function makes on AWS."""
    variables = template.properties("Thumbnailer", AWS)["Environment"]["Variables"]
    environment = {
        name: str(value)
        for name, value in variables.items()
        if name.removeprefix("SAFELIGHT_") in ("EDGES", "QUALITY", "KEEP_LOCATION", "ORIGINALS")
        or name.startswith("SAFELIGHT_MAX_")
    }
    assert len(environment) == 8
    assert Settings.from_env(environment) == Settings()


@pytest.mark.parametrize("role", ["ThumbnailerRole", "SitegenRole"])
def test_no_function_may_write_originals(template: Template, role: str) -> None:
    """Rule 7: nothing that writes or deletes reaches photos/, nor any bucket but ours."""
    for statement in _statements(template, role):
        actions = _as_list(statement["Action"])
        assert not any("*" in action for action in actions), statement["Sid"]
        for resource in _as_list(statement["Resource"]):
            arn = resource
            if not any(action.startswith("s3:") for action in actions):
                continue
            assert arn == BUCKET or arn.startswith(f"{BUCKET}/"), statement["Sid"]
            path = arn.removeprefix(BUCKET).lstrip("/")
            if {"s3:PutObject", "s3:DeleteObject"} & set(actions):
                assert path
                assert not fnmatch.fnmatch("photos/a.jpg", path), statement["Sid"]
                assert not fnmatch.fnmatch("photos/a/b.jpg", path), statement["Sid"]


def test_nothing_a_function_writes_wakes_it(template: Template) -> None:
    """The prefixes of the notifications against those of the roles."""
    bucket = template.properties("Bucket", AWS)
    for role, queue in (("ThumbnailerRole", "ThumbnailQueue"), ("SitegenRole", "PublishQueue")):
        wakes = {
            event["Filter"]["S3Key"]["Rules"][0]["Value"]
            for event in bucket["NotificationConfiguration"]["QueueConfigurations"]
            if event["Queue"] == f"<{queue}.Arn>"
        }
        assert wakes
        written = [
            resource.removeprefix(f"{BUCKET}/")
            for statement in _statements(template, role)
            if "s3:PutObject" in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
        ]
        assert written
        assert not [path for path in written for prefix in wakes if path.startswith(prefix)]


def test_both_services_are_told_what_visitors_may_take(template: Template) -> None:
    """The pages must not link what the thumbnailer does not make."""
    for name in ("Thumbnailer", "Sitegen"):
        for choice in FROM_LOOSE_TO_STRICT:
            properties = template.properties(name, given(Originals=choice))
            assert properties["Environment"]["Variables"]["SAFELIGHT_ORIGINALS"] == choice
    assert tuple(template.parameters()["Originals"]["AllowedValues"]) == FROM_LOOSE_TO_STRICT


def test_the_bucket_outlives_the_stack(template: Template) -> None:
    """Neither a deleted stack nor a replacement takes the photos along."""
    bucket = template.document["Resources"]["Bucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_mappings_report_failures_one_by_one(template: Template) -> None:
    """And bound concurrency where it consumes no receives."""
    for name in ("ThumbnailerMapping", "SitegenMapping"):
        mapping = template.properties(name, AWS)
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in mapping["ScalingConfig"]
    for name in ("Thumbnailer", "Sitegen"):
        assert "ReservedConcurrentExecutions" not in json.dumps(
            template.document["Resources"][name]
        )


def test_every_parameter_is_described_and_shown(template: Template) -> None:
    """In the console's form, under a heading."""
    groups = template.document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template.parameters())
    assert all(parameter["Description"] for parameter in template.parameters().values())


def test_the_template_has_no_yaml_aliases() -> None:
    """CloudFormation refuses them, and the emulators do not."""
    events = yaml.parse(TEMPLATE.read_text(encoding="utf-8"), yaml.SafeLoader)
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]


# -- The bucket and CloudFront ---------------------------------------------------------------


def _allowed(template: Template, resource: str, given: Given) -> list[str]:
    """The keys that a bucket policy lets somebody read, as patterns."""
    document = template.properties(resource, given)["PolicyDocument"]
    (statement,) = (s for s in document["Statement"] if s["Effect"] == "Allow")
    assert statement["Action"] == "s3:GetObject"
    return [arn.removeprefix(f"{BUCKET}/") for arn in statement["Resource"]]


SITE = [
    keys.album_page(""),
    keys.album_page("a/b"),
    keys.album_page("", 2),
    keys.album_feed(""),
    keys.album_feed("a"),
    keys.photo_page("photos/a/1.jpg"),
    keys.rendition("photos/a/1.jpg", "0" * 16, 600),
    keys.stripped("photos/a/1.jpg", "0" * 16, "jpg"),
    "index.json",
    "404.html",
    "about.html",
    "sitemap.xml",
    "sitemap-pages.xml",
    "albums/a/~index.json",
    "photo/a/~sitemap.xml",
    "robots.txt",
    "assets/gallery.css",
]
SECRET = [
    keys.record("photos/a/1.jpg"),
    keys.album_record("a"),
    keys.SITE,
    "catalog/",
    "backup.sql",
    "",
]


@pytest.mark.parametrize(("policy", "target"), [("BucketPolicy", "aws"), ("DoorPolicy", "docker")])
@pytest.mark.parametrize("originals", FROM_LOOSE_TO_STRICT)
def test_what_is_public(template: Template, policy: str, target: str, originals: str) -> None:
    """The site by its names, the originals if they are meant to be, and nothing else."""
    patterns = _allowed(template, policy, given(Target=target, Originals=originals))

    def public(key: str) -> bool:
        return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)

    assert [key for key in SITE if not public(key)] == []
    assert [key for key in SECRET if public(key)] == []
    assert public("photos/a/1.jpg") == (originals == "public")


def test_only_this_distribution_reads_the_bucket(template: Template) -> None:
    """By OAC: the service's principal, and the distribution's ARN."""
    _, statement = template.properties("BucketPolicy", AWS)["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceArn": "arn:aws:cloudfront::000000000000:distribution/<Distribution>"
        }
    }
    (origin,) = template.properties("Distribution", AWS)["DistributionConfig"]["Origins"]
    assert origin["OriginAccessControlId"] == "<OriginAccess.Id>"
    assert set(template.properties("Bucket", AWS)["PublicAccessBlockConfiguration"].values()) == {
        True
    }


def test_the_site_is_all_that_the_bucket_policy_and_the_role_name(template: Template) -> None:
    """What sitegen may write outside the catalog is what CloudFront may read."""
    written = {
        arn.removeprefix(f"{BUCKET}/")
        for statement in _statements(template, "SitegenRole")
        if "s3:PutObject" in _as_list(statement["Action"])
        for arn in _as_list(statement["Resource"])
        if not arn.startswith(f"{BUCKET}/catalog/")
    }
    read = set(_allowed(template, "BucketPolicy", AWS))
    assert read - {"thumbs/*", "photos/*"} == written


def _behaviours(template: Template) -> dict[str, dict[str, Any]]:
    config = template.properties("Distribution", AWS)["DistributionConfig"]
    return {"*": config["DefaultCacheBehavior"]} | {
        behaviour["PathPattern"]: behaviour for behaviour in config["CacheBehaviors"]
    }


def test_pages_revalidate_and_renditions_stay(template: Template) -> None:
    """A minimum above 0 would overrule a page's own Cache-Control."""
    lives = {}
    for path, behaviour in _behaviours(template).items():
        policy = template.properties(behaviour["CachePolicyId"].strip("<>"), AWS)
        config = policy["CachePolicyConfig"]
        lives[path] = (config["MinTTL"], config["MaxTTL"])
        forwarded = config["ParametersInCacheKeyAndForwardedToOrigin"]
        assert forwarded["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
        assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
        assert behaviour["AllowedMethods"] == ["GET", "HEAD"]
    year = 31_536_000
    assert lives == {
        "*": (0, 86_400),
        "photos/*": (0, 300),
        "thumbs/*": (year, year),
        "assets/*": (year, year),
    }


def _headers(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template.properties(name, AWS)["ResponseHeadersPolicyConfig"]
    return found


def test_the_pages_policy_is_the_distributions(template: Template) -> None:
    """And what a page cannot say about itself: who may frame it."""
    security = _headers(template, "SiteHeaders")["SecurityHeadersConfig"]
    policy = security["ContentSecurityPolicy"]
    assert policy["ContentSecurityPolicy"] == f"{pages.POLICY}; frame-ancestors 'none'"
    for name in ("SiteHeaders", "OriginalsHeaders"):
        security = _headers(template, name)["SecurityHeadersConfig"]
        assert all(header["Override"] for header in security.values())
        assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
        assert {"ContentTypeOptions", "FrameOptions", "ReferrerPolicy"} <= set(security)
        custom = {
            item["Header"] for item in _headers(template, name)["CustomHeadersConfig"]["Items"]
        }
        assert "Permissions-Policy" in custom
    originals = _headers(template, "OriginalsHeaders")["SecurityHeadersConfig"]
    assert "sandbox" in originals["ContentSecurityPolicy"]["ContentSecurityPolicy"]


def test_what_is_not_there_and_what_is_secret_look_alike(template: Template) -> None:
    """Both are the site's own page, with the status of a page that is not there."""
    config = template.properties("Distribution", AWS)["DistributionConfig"]
    assert {
        error["ErrorCode"]: (error["ResponseCode"], error["ResponsePagePath"])
        for error in config["CustomErrorResponses"]
    } == {403: (404, "/404.html"), 404: (404, "/404.html")}
    assert (config["HttpVersion"], config["IPV6Enabled"]) == ("http2and3", True)
    assert config["DefaultRootObject"] == "index.html"


def test_a_domain_is_optional(template: Template) -> None:
    plain = template.properties("Distribution", AWS)["DistributionConfig"]
    assert "Aliases" not in plain
    assert plain["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert not template.exists("AddressRecord", AWS)
    arn = "arn:aws:acm:us-east-1:000000000000:certificate/c"
    own = given(DomainName="photos.example.org", CertificateArn=arn)
    config = template.properties("Distribution", own)["DistributionConfig"]
    assert config["Aliases"] == ["photos.example.org"]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == arn
    assert not template.exists("AddressRecord", own)
    zoned = given(DomainName="photos.example.org", CertificateArn=arn, HostedZoneId="Z1")
    for name, kind in (("AddressRecord", "A"), ("AddressRecordV6", "AAAA")):
        assert template.exists(name, zoned)
        assert template.properties(name, zoned)["Type"] == kind


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            "CertificateArn",
            ["", "arn:aws:acm:us-east-1:123456789012:certificate/0a-1b"],
            ["arn:aws:acm:eu-west-1:123456789012:certificate/0a-1b", "0a-1b"],
        ),
        (
            "DomainName",
            ["", "photos.example.org", "example.org"],
            ["https://example.org", "Example.org", "a..b", "example.org/x"],
        ),
        ("HostedZoneId", ["", "Z0123ABC"], ["example.org", "/hostedzone/Z1"]),
    ],
)
def test_parameters_are_checked(
    template: Template, pattern: str, good: list[str], bad: list[str]
) -> None:
    """Before CloudFormation sets out to make anything."""
    allowed = template.parameters()[pattern]["AllowedPattern"]
    assert all(re.fullmatch(allowed, value) for value in good)
    assert not any(re.fullmatch(allowed, value) for value in bad)


@pytest.mark.parametrize("function", ["Thumbnailer", "Sitegen"])
def test_functions_know_the_sites_address(template: Template, function: str) -> None:
    """Feeds need it. Whoever has no name of their own has CloudFront's."""

    def address(given: Given) -> Any:
        return template.properties(function, given)["Environment"]["Variables"][
            "SAFELIGHT_SITE_URL"
        ]

    assert address(AWS) == "https://<Distribution.DomainName>/"
    assert address(given(DomainName="a.example.org")) == "https://a.example.org/"
    assert address(given(SiteUrl="https://b.example.org/x/")) == "https://b.example.org/x/"
    assert [address(local) for local in LOCAL] == ["", ""]


def test_a_bucket_that_is_there_is_left_as_it_is(template: Template) -> None:
    """Neither made, nor given a policy: `safelight deploy` adds to what it has."""
    theirs = given(ExistingBucket="true")
    assert not template.exists("Bucket", theirs)
    assert not template.exists("BucketPolicy", theirs)
    assert template.exists("Distribution", theirs)
    references = json.dumps(
        {
            name: resource
            for name, resource in template.document["Resources"].items()
            if resource.get("Condition") not in ("OwnsBucket", "OwnsBucketPolicy", "IsDocker")
        }
    )
    assert '{"Ref": "Bucket"}' not in references
    assert '["Bucket", ' not in references


def test_versions_are_kept_if_they_are_to_be(template: Template) -> None:
    """And not for ever."""
    plain = template.properties("Bucket", AWS)
    assert "VersioningConfiguration" not in plain
    assert [rule["Id"] for rule in plain["LifecycleConfiguration"]["Rules"]] == [
        "unfinished-uploads"
    ]
    kept = template.properties("Bucket", given(Versioning="true", OldVersionDays="7"))
    assert kept["VersioningConfiguration"] == {"Status": "Enabled"}
    _, old = kept["LifecycleConfiguration"]["Rules"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": "7"}


LOSES_DATA = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"}


def test_nothing_that_holds_data_goes_with_the_stack(template: Template) -> None:
    """Nor when it is replaced. (Queues hold hints, which a sweep gives anew, and logs end.)"""
    for name, resource in template.document["Resources"].items():
        if resource["Type"] in LOSES_DATA and name != "DoorPolicy":
            assert resource["DeletionPolicy"] == "Retain", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


TAGGED = {
    "AWS::CloudFront::Distribution",
    "AWS::CloudWatch::Alarm",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}


def test_what_costs_money_is_tagged(template: Template) -> None:
    """By the stack's name, so that a bill can be read."""
    tagged = [
        name
        for name, resource in template.document["Resources"].items()
        if resource["Type"] in TAGGED
    ]
    assert len(tagged) > 15
    for name in tagged:
        assert template.properties(name, AWS)["Tags"] == [
            {"Key": "safelight:stack", "Value": "safelight"}
        ], name


def test_local_stacks_have_nothing_of_awss_own(template: Template) -> None:
    """No CloudFront, no alarms: what a laptop has no use for."""
    own = {
        name
        for name, resource in template.document["Resources"].items()
        if resource["Type"].startswith(("AWS::CloudFront::", "AWS::CloudWatch::", "AWS::SNS::"))
    }
    assert len(own) > 15
    for local in LOCAL:
        assert [name for name in own if template.exists(name, local)] == []
    assert [name for name in own if not template.exists(name, given(AlarmEmail="a@b"))] == []


def test_the_dashboard_is_json_and_shows_what_there_is(template: Template) -> None:
    """CloudWatch takes any text, and shows nothing for a metric that does not exist."""
    body = json.loads(template.properties("Overview", AWS)["DashboardBody"])
    metrics = json.dumps([widget["properties"] for widget in body["widgets"]])
    for queue in ("ThumbnailQueue", "PublishQueue", "ThumbnailDlq", "PublishDlq"):
        assert f"<{queue}.QueueName>" in metrics
    for function in ("Thumbnailer", "Sitegen"):
        properties = template.properties(function, AWS)
        assert f'"{properties["FunctionName"]}"' in metrics
        namespace = properties["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        assert f'"{namespace}"' in metrics
    assert '"<Distribution>"' in metrics
    # The page is 24 wide, and nothing lies on anything else.
    cells = [
        (x, y)
        for widget in body["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_alarms_reach_their_topic(template: Template) -> None:
    """CloudWatch has no use of the key alias/aws/sns, with which no alarm would arrive."""
    mailed = given(AlarmEmail="me@example.org")
    assert "KmsMasterKeyId" not in template.properties("AlarmTopic", mailed)
    (statement,) = template.properties("AlarmTopicPolicy", mailed)["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    for name, resource in template.document["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert template.properties(name, mailed)["AlarmActions"] == ["<AlarmTopic>"]


# -- As it is sent ---------------------------------------------------------------------------


def test_it_is_sent_whole_and_short_enough(template: Template) -> None:
    """CloudFormation takes 51,200 bytes; what is sent says what the file says."""
    body = template.body()
    assert len(body.encode()) <= MAX_BODY
    again = Template(body)
    for target in (AWS, *LOCAL, given(AlarmEmail="a@b", Versioning="true")):
        for name in template.document["Resources"]:
            if name == "Overview":
                continue
            assert again.properties(name, target) == template.properties(name, target)


def test_one_that_is_too_long_is_refused() -> None:
    long = Template(f"Resources: {{A: {{Type: T, Properties: {{P: {'x' * MAX_BODY}}}}}}}")
    with pytest.raises(Problem, match="too long"):
        long.body()


# -- What the documentation says -------------------------------------------------------------


def test_every_parameter_is_documented(template: Template) -> None:
    """In docs/deploy.md, with its default; and no other."""
    text = (checkout() / "docs" / "deploy.md").read_text(encoding="utf-8")
    table = text.partition("## The template's parameters")[2].partition("\n#")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", table, re.MULTILINE))
    declared = {
        name: f"`{parameter['Default']}`" if parameter.get("Default", "") != "" else "none"
        for name, parameter in template.parameters().items()
    }
    assert rows == declared
