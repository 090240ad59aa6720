"""`safelight rehearse`: a deployment from its first day to its last, without an account.

Every act is what somebody would do, by the same command lines, and looks at what came of it from
outside: through S3, through CloudFormation, through the distribution's own address.  The
transcript is kept.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from botocore.exceptions import ClientError

from safelight import images
from safelight.door import Answer, knock
from safelight.home import Home, checkout
from safelight.rehearsal import CHANGED, Failed, Stage, press_ctrl_c
from safelight.stack import FUNCTIONS

STACK = "gallery"
_BUCKET = "gallery-000000000000-us-east-1"
_MARK = "rehearsed-change"
# MiniStack ends a function that is at work when it is exchanged, which AWS does not.  What it had
# in hand comes again when it is not hidden any more: after a minute instead of twelve.
_HASTY = [
    word
    for name in ("ThumbnailerTimeout", "SitegenTimeout", "ThumbnailVisibility", "PublishVisibility")
    for word in ("--parameter", f"{name}=60")
]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="where to keep the transcript (default: rehearsal.txt in .safelight)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it."""
    home = Home.here().path / "rehearsal"
    out: Path = options.out or Home.here().path / "rehearsal.txt"
    out.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with out.open("w", encoding="utf-8") as transcript:

        def write(line: str) -> None:
            print(line, flush=True)
            transcript.write(f"{line}\n")
            transcript.flush()

        try:
            with Stage(home, write) as stage:
                for title, act in ACTS:
                    started = time.monotonic()
                    write(f"\n== {title}")
                    act(stage)
                    write(f"({time.monotonic() - started:.0f} s)")
        except Failed as failed:
            write(f"✗ {failed}")
            print(f"\nThe rehearsal failed. Its transcript: {out}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(home, ignore_errors=True)
        write(f"\nAll {stage.checks} checks hold. {time.monotonic() - began:.0f} s.")
    print(f"The transcript: {out}")
    return 0


# -- What is asked again and again ---------------------------------------------------------------


def _deploy(stage: Stage, *words: str, stack: str = STACK, **how: Any) -> str:
    """`safelight deploy`, without anybody to ask; what it said."""
    return stage.run(
        "deploy",
        *("--stack", stack, "--registry", stage.registry, "--architecture", stage.architecture),
        "--yes",
        *words,
        **how,
    ).output


def _visit(stage: Stage, url: str) -> Answer:
    """What a visitor gets."""
    os.environ["AWS_ENDPOINT_URL"] = stage.url
    try:
        return knock(url)
    finally:
        del os.environ["AWS_ENDPOINT_URL"]


def _url(stage: Stage, stack: str = STACK) -> str:
    return _outputs(stage, stack)["GalleryUrl"]


def _stack(stage: Stage, stack: str = STACK) -> Any:
    """The stack, as CloudFormation tells of it; ``None`` if there is none."""
    try:
        return stage.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError:
        return None


def _outputs(stage: Stage, stack: str = STACK) -> dict[str, str]:
    found = _stack(stage, stack)
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def _images(stage: Stage, stack: str = STACK) -> dict[str, str]:
    """The images that the functions have."""
    functions = stage.client("lambda")
    return {
        name: functions.get_function(FunctionName=f"{stack}-{name}")["Code"]["ImageUri"]
        for name in FUNCTIONS
    }


def _keys(stage: Stage, prefix: str, bucket: str = _BUCKET) -> list[str]:
    pages = stage.client("s3").get_paginator("list_objects_v2")
    return [
        one["Key"]
        for page in pages.paginate(Bucket=bucket, Prefix=prefix)
        for one in page.get("Contents", [])
    ]


def _buckets(stage: Stage) -> set[str]:
    return {one["Name"] for one in stage.client("s3").list_buckets()["Buckets"]}


def _photo(number: int) -> bytes:
    """A small photo, each another."""
    from PIL import Image

    shade = Image.linear_gradient("L").resize((480, 320))
    colour = Image.new("L", shade.size, 40 + number * 37 % 200)
    out = io.BytesIO()
    Image.merge("RGB", (shade, colour, shade.transpose(Image.Transpose.ROTATE_180))).save(
        out, "JPEG"
    )
    return out.getvalue()


def _upload(stage: Stage, key: str, number: int, bucket: str = _BUCKET) -> None:
    stage.client("s3").put_object(Bucket=bucket, Key=key, Body=_photo(number))


def _settle(stage: Stage, stack: str = STACK) -> dict[str, Any]:
    """Wait until the gallery shows everything; its state then."""
    stage.run("wait", "--stack", stack, "--timeout", "180")
    told = stage.run("status", "--stack", stack, "--json")
    # Notes come before it, on the same pipe.
    found: dict[str, Any] = json.loads(told.output[told.output.index("{") :])
    return found


# -- The acts ------------------------------------------------------------------------------------


def _look_first(stage: Stage) -> None:
    words = ("--print", "--registry", stage.registry, "--architecture", stage.architecture)
    said = stage.run("deploy", "--stack", STACK, *words).output
    stage.check("Nothing is done." in said, "--print says what it would do")
    stage.check("Distribution" in said and "Bucket" in said, "and lists the stack's resources")
    nobody = stage.run("deploy", "--stack", STACK, *words[1:], status=1).output
    stage.check("say --yes" in nobody, "with nobody to ask and no --yes it does nothing")
    stacks = stage.client("cloudformation").describe_stacks()["Stacks"]
    stage.check(not stacks, "no stack was made")
    stage.check(not stage.client("s3").list_buckets()["Buckets"], "nor a bucket")


def _first_deployment(stage: Stage) -> None:
    said = _deploy(stage, "--email", "somebody@example.org", *_HASTY)
    stage.check(f"{stage.url}" not in said, "the address that it prints is CloudFront's")
    url = _url(stage)
    stage.check(url in said and url.endswith(".cloudfront.net/"), f"the gallery is at {url}")
    for name, image in _images(stage).items():
        stage.check(
            bool(re.fullmatch(rf".*/safelight/{name}@sha256:[0-9a-f]{{64}}", image)),
            f"the {name} is given its image by digest",
        )
    kinds = {
        one["ResourceType"]
        for one in stage.client("cloudformation").list_stack_resources(StackName=STACK)[
            "StackResourceSummaries"
        ]
    }
    for kind in (
        "AWS::CloudFront::Distribution",
        "AWS::Scheduler::Schedule",
        "AWS::CloudWatch::Alarm",
        "AWS::SNS::Topic",
    ):
        stage.check(kind in kinds, f"the stack has its {kind}")
    page = _visit(stage, url)
    stage.check(page.status == 200, "the home page is there before any photo is")


def _photos(stage: Stage) -> None:
    folder = stage.folder / "pictures" / "lisbon"
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"tram {number}.jpg").write_bytes(_photo(number))
    stage.run("sync", str(folder.parent), "--stack", STACK)
    state = _settle(stage)
    stage.check(state["photos"]["ready"] == 6, "six photos are uploaded, recorded and shown")
    url = _url(stage)
    home = _visit(stage, url)
    stage.check("albums/lisbon.html" in home.body.decode(), "the home page has their album")
    album = _visit(stage, urljoin(url, "albums/lisbon.html"))
    stage.check(album.status == 200, "the album's page is there, by CloudFront's own address")
    thumbs = re.findall(r'src="([^"]*thumbs/[^"]+)"', album.body.decode())
    stage.check(len(thumbs) >= 6, "it shows a thumbnail of each")
    thumb = _visit(stage, urljoin(urljoin(url, "albums/"), thumbs[0]))
    stage.check(
        thumb.status == 200 and thumb.body[:2] == b"\xff\xd8", "a thumbnail is a JPEG, and there"
    )
    stage.check("immutable" in thumb.headers.get("cache-control", ""), "kept for ever")
    stage.check(
        "default-src 'none'" in home.headers.get("content-security-policy", ""),
        "pages have a strict content security policy",
    )
    stage.check(
        _visit(stage, url.replace("https", "http")).status in (301, 302, 307, 308),
        "plain HTTP is sent to HTTPS",
    )
    missing = _visit(stage, urljoin(url, "albums/nowhere.html"))
    stage.check(
        missing.status == 404 and b"<html" in missing.body, "what is not there is the 404 page"
    )
    for private in ("catalog/site.json", "catalog/photos/lisbon/tram%200.jpg.json"):
        stage.check(_visit(stage, urljoin(url, private)).status == 404, f"{private} is not public")


def _nothing_changed(stage: Stage) -> None:
    before = _images(stage)
    said = _deploy(stage)
    stage.check("Nothing has changed" in said, "a second deployment says that nothing has changed")
    stage.check("Building" not in said and "Pushing" not in said, "and neither builds nor pushes")
    stage.check(_images(stage) == before, "the functions are the same")


def _changed_code(stage: Stage) -> None:
    copy = _changed_checkout(stage)
    how: dict[str, Any] = {
        "variables": {"BASE_IMAGE": images.variables()["BASE_IMAGE"]},
        "python_path": [copy / path for path in _SOURCES],
    }
    before, url = _images(stage), _url(stage)
    said = _deploy(stage, at="Pushing", do=press_ctrl_c, status=130, **how)
    stage.check("Run it again" in said, "a deployment is interrupted while it pushes")
    stage.check(_images(stage) == before, "nothing is different for that")
    feeder = _Feeder(stage)
    try:
        said = _deploy(stage, at="What would be done", do=lambda _: feeder.start(), **how)
    finally:
        feeder.stop()
    stage.check(
        feeder.error is None and feeder.count >= _Feeder.LEAST,
        f"{feeder.count} photos were uploaded, from before the exchange until after it",
    )
    stage.check("its code, the new image" in said, "run again, it tells of new images in words")
    after = _images(stage)
    for name in FUNCTIONS:
        stage.check(after[name] != before[name], f"the {name} has another image")
    state = _settle(stage)
    stage.check(
        state["photos"]["ready"] == 6 + feeder.count
        and len(_keys(stage, "catalog/photos/swap/")) == feeder.count,
        "every photo that came while functions were exchanged is recorded and shown",
    )
    stage.check(not state["dead_letters"], "no message was given up on")
    page = _visit(stage, urljoin(url, "albums/lisbon.html")).body.decode()
    stage.check(_MARK in page, "pages that were there are made anew by the new code")


_SOURCES = (
    "harness/src",
    "libs/gallery/src",
    "services/thumbnailer/src",
    "services/sitegen/src",
)


def _changed_checkout(stage: Stage) -> Path:
    """A copy of this checkout in which both services differ."""
    copy = stage.folder / "changed"
    for name in ("infra", "harness/src", "libs", "services", "requirements", "scripts"):
        shutil.copytree(
            checkout() / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(checkout() / ".dockerignore", copy)
    template = copy / "services/sitegen/src/sitegen/templates/base.html"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("</head>", f"<!-- {_MARK} --></head>"), encoding="utf-8")
    handler = copy / "services/thumbnailer/src/thumbnailer/handler.py"
    handler.write_text(handler.read_text(encoding="utf-8") + f"\n# {_MARK}\n", encoding="utf-8")
    # Images under a name of their own: the engine's `safelight/…` are those of this checkout.
    own = copy / "harness/src/safelight/images.py"
    text = own.read_text(encoding="utf-8")
    own.write_text(
        text.replace('REPOSITORY = "safelight"', f'REPOSITORY = "{CHANGED}"'),
        encoding="utf-8",
    )
    return copy


class _Feeder(threading.Thread):
    """Uploads photos, one after the other, until it is stopped."""

    LEAST = 6
    """So many in any case: however slow the machine, some come while functions are exchanged,
    and some after it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self._stage = stage
        self._ended = threading.Event()
        self.count = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(0.3) or self.count < self.LEAST:
                _upload(self._stage, f"photos/swap/{self.count}.jpg", 100 + self.count)
                self.count += 1
        except ClientError as error:
            self.error = error

    def stop(self) -> None:
        """End it, and wait until it has.  No harm if it never began."""
        self._ended.set()
        if self.is_alive():
            self.join()


_BROKEN = (
    *("--domain", "photos.example.org"),
    "--parameter",
    "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/00000000-0000-0000-0000-000000000000",
    *("--parameter", "HostedZoneId=Z00NOWHERE"),
)


def _failed_deployment(stage: Stage) -> None:
    before, url = _images(stage), _url(stage)
    said = _deploy(stage, *_BROKEN, status=1)
    stage.check(
        "gave up at AddressRecord (a DNS record): No hosted zone with id 'Z00NOWHERE'" in said,
        "a deployment that fails gives the reason, in CloudFormation's words",
    )
    stage.check("aws route53 list-hosted-zones" in said, "and what helps")
    status = _stack(stage)["StackStatus"]
    stage.check(status == "UPDATE_ROLLBACK_COMPLETE", "CloudFormation has undone it")
    stage.check(
        _images(stage) == before and _url(stage) == url and _visit(stage, url).status == 200,
        "the gallery is as it was",
    )
    _upload(stage, "photos/after/1.jpg", 1)
    state = _settle(stage)
    stage.check(not state["unfinished"], "and photos still get into it")


def _failed_creation(stage: Stage) -> None:
    said = _deploy(stage, *_BROKEN, stack="second", status=1)
    stage.check("was taken away again" in said, "a first deployment that fails leaves nothing")
    functions = [
        one["FunctionName"] for one in stage.client("lambda").list_functions()["Functions"]
    ]
    stage.check(not [name for name in functions if name.startswith("second-")], "no function")
    said = _deploy(stage, stack="second")
    stage.check("half-made" in said, "the next attempt clears it away")
    stage.check("Building" not in said, "the images are there already")
    stage.check(_visit(stage, _url(stage, "second")).status == 200, "and comes to a gallery")
    said = stage.run("destroy", "--stack", "second", "--yes").output
    stage.check("another stack runs what is in them" in said, "its images are another's, too")
    stage.check(_stack(stage, "safelight-registry") is not None, "so their repositories stay")


def _adopted_bucket(stage: Stage) -> None:
    s3, sqs = stage.client("s3"), stage.client("sqs")
    s3.create_bucket(Bucket="heirloom")
    _upload(stage, "photos/attic/1.jpg", 1, "heirloom")
    queue = sqs.create_queue(QueueName="theirs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    theirs = {
        "Id": "theirs",
        "QueueArn": arn["QueueArn"],
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "papers/"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="heirloom", NotificationConfiguration={"QueueConfigurations": [theirs]}
    )

    def notified() -> set[str]:
        there = s3.get_bucket_notification_configuration(Bucket="heirloom")
        return {one["QueueArn"].rpartition(":")[2] for one in there["QueueConfigurations"]}

    _deploy(stage, "--bucket", "heirloom", stack="adopted")
    stage.check(
        notified() == {"theirs", "adopted-thumbnail", "adopted-publish"},
        "a bucket that was there tells Safelight's queues, and whom it told before",
    )
    _settle(stage, "adopted")
    page = _visit(stage, urljoin(_url(stage, "adopted"), "albums/attic.html"))
    stage.check(page.status == 200, "the photo that was in it is in the gallery")
    refused = stage.run(
        *("destroy", "--stack", "adopted", "--yes", "--delete-photos", "heirloom"), status=1
    )
    stage.check("not Safelight's to delete" in refused.output, "nobody can have it deleted")
    stage.run("destroy", "--stack", "adopted", "--yes")
    stage.check(notified() == {"theirs"}, "destroyed, only Safelight's notifications are gone")
    stage.check(
        _keys(stage, "photos/", "heirloom") == ["photos/attic/1.jpg"], "the photo is where it was"
    )


def _destroyed(stage: Stage) -> None:
    before = _keys(stage, "photos/")
    said = stage.run("destroy", "--stack", STACK, status=1).output
    stage.check("say --yes" in said, "with nobody to ask and no --yes nothing is destroyed")
    said = stage.run("destroy", "--stack", STACK, "--yes").output
    stage.check(_stack(stage) is None, "the stack is gone")
    stage.check(_keys(stage, "photos/") == before, f"all {len(before)} photos are still there")
    stage.check("What is left is the bucket" in said and "a month" in said, "and what they cost")
    stage.check(
        not stage.client("lambda").list_functions()["Functions"]
        and not stage.client("cloudfront").list_distributions()["DistributionList"].get("Items"),
        "no function and no distribution is left",
    )
    stage.check(_stack(stage, "safelight-registry") is None, "nor are the image repositories")


def _taken_up_again(stage: Stage) -> None:
    photos = _keys(stage, "photos/")
    said = _deploy(stage)
    stage.check("Taking up the bucket" in said, "a new deployment takes up the bucket")
    stage.check("created the bucket" not in said, "and makes no other")
    state = _settle(stage)
    stage.check(state["photos"]["ready"] == len(photos), "the gallery shows every photo again")
    album = _visit(stage, urljoin(_url(stage), "albums/lisbon.html"))
    stage.check(album.status == 200, "at the new distribution's address")
    wrong = stage.run(
        *("destroy", "--stack", STACK, "--yes", "--delete-photos", "another"), status=1
    )
    stage.check("Nothing was done" in wrong.output, "a name that is mistyped deletes no photo")
    before = _buckets(stage)
    stage.run("destroy", "--stack", STACK, "--yes", "--delete-photos", _BUCKET)
    stage.check(
        before - _buckets(stage) == {_BUCKET} and "heirloom" in before,
        "by its name the bucket is deleted, and no other",
    )
    assert urlsplit(stage.url).hostname == "127.0.0.1"  # noqa: S101 - all of it was here


ACTS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("A look beforehand", _look_first),
    ("The first deployment", _first_deployment),
    ("Photos, and the gallery by CloudFront's address", _photos),
    ("A deployment of nothing new", _nothing_changed),
    ("New code: interrupted, then exchanged under load", _changed_code),
    ("A deployment that fails", _failed_deployment),
    ("A first deployment that fails, and the next", _failed_creation),
    ("A bucket that was there before", _adopted_bucket),
    ("Destroyed; the photos stay", _destroyed),
    ("Taken up again, and deleted for good", _taken_up_again),
)
