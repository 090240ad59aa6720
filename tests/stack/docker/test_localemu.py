"""LocalEmu: image functions by digest, and roles that are held to their policies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import piexif
import pytest
from botocore.exceptions import ClientError

from tests.stack import roles
from tests.stack.docker.choosing import chosen
from tests.stack.docker.containers import Containers, manifest
from tests.stack.docker.convergence import assert_converged
from tests.stack.duties import BY_PREFIX, DUTIES, NEVER, Desk, fails, is_refused, perform
from tests.stack.iam_table import Row, rows
from tests.stack.photograph import photograph
from tests.stack.running import Gallery

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The gallery of a stack on LocalEmu."""
    home = tmp_path_factory.mktemp("localemu") / "home"
    with chosen(home, EMULATOR="localemu", MODE="lambda") as found:
        yield found


def test_the_roles_allow_all_that_the_functions_do(gallery: Gallery) -> None:
    """Every kind of work, and not one refusal: on AWS it would be one, too."""
    album = {f"photos/roles/{n}.jpg": photograph(seed=n, located=True) for n in range(3)}
    for key, body in album.items():
        gallery.put(key, body)
    gallery.put("photos/roles/index.md", b"# Roles\n\nWords, too.")
    gallery.put("photos/safelight.yaml", b"title: Held to their policies\n")
    gallery.put("photos/roles/broken.jpg", b"\xff\xd8\xff no photo")
    gallery.running.settle()
    # Overwritten, deleted, published again; then swept.
    gallery.put("photos/roles/0.jpg", photograph(seed=10))
    gallery.delete("photos/roles/1.jpg")
    gallery.delete("photos/roles/broken.jpg")
    gallery.delete("photos/roles/index.md")
    gallery.running.settle()
    functions = gallery.running.client("lambda")
    answer = functions.invoke(
        FunctionName="safelight-thumbnailer", Payload=b'{"safelight": "sweep"}'
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    gallery.running.settle()
    log = Containers.of(gallery.running).get("localemu").logs().decode()
    refused = [line for line in log.splitlines() if "IAM DENY" in line]
    assert refused == []
    assert "Held to their policies" in gallery.running.page(gallery.home_page).text


def test_policies_are_enforced(gallery: Gallery) -> None:
    """Or the test above would prove nothing: who has the thumbnailer's policy writes no photo."""
    running = gallery.running
    role = (
        running.client("lambda")
        .get_function_configuration(FunctionName="safelight-thumbnailer")["Role"]
        .rpartition("/")[2]
    )
    iam = running.client("iam")
    policy = iam.get_role_policy(RoleName=role, PolicyName="thumbnailer")["PolicyDocument"]
    iam.create_user(UserName="like-the-thumbnailer")
    iam.put_user_policy(
        UserName="like-the-thumbnailer", PolicyName="same", PolicyDocument=json.dumps(policy)
    )
    key = iam.create_access_key(UserName="like-the-thumbnailer")["AccessKey"]
    s3 = boto3.client(
        "s3",
        endpoint_url=running.status()["endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=gallery.bucket, Key="photos/forged.jpg", Body=b"")
    assert refused.value.response["Error"]["Code"] == "AccessDenied"
    s3.put_object(Bucket=gallery.bucket, Key="thumbs/allowed.jpg", Body=b"")
    s3.delete_object(Bucket=gallery.bucket, Key="thumbs/allowed.jpg")


def test_anybody_sees_the_gallery_and_nobody_the_catalog(gallery: Gallery) -> None:
    gallery.put("photos/seen/a.jpg", photograph(seed=31))
    gallery.running.settle()
    for key in ("index.html", "albums/seen.html", "photos/seen/a.jpg"):
        assert gallery.running.get(gallery.url(key)).status == 200, key
    for key in ("catalog/site.json", "catalog/photos/seen/a.jpg.json"):
        assert gallery.keys(key) == [key]
        assert gallery.running.get(gallery.url(key)).status == 403, key


def test_functions_are_images_by_digest(gallery: Gallery) -> None:
    gallery.put("photos/digests/a.jpg", photograph(seed=30))
    gallery.running.settle()
    containers = Containers.of(gallery.running)
    functions = gallery.running.client("lambda")
    for service in ("thumbnailer", "sitegen"):
        digest, found = manifest(containers.registry_port(), service)
        function = functions.get_function(FunctionName=f"safelight-{service}")
        assert function["Configuration"]["PackageType"] == "Image"
        assert function["Code"]["ImageUri"].endswith(f"/safelight/{service}@{digest}")
        for container in containers.functions(f"-{service}-"):
            assert container.attrs["Image"] in (found["config"]["digest"], digest)
    assert_converged(gallery, ["photos/digests/a.jpg"])


# -- Each permission is needed, and there are no others --------------------------------------


@pytest.fixture(scope="module")
def desk(gallery: Gallery) -> Desk:
    """A stack of its own on the same LocalEmu, for whoever does the functions' duties here."""
    return Desk(str(gallery.running.status()["endpoint_url"]), "docker", "safelight-thumbnailer")


@pytest.mark.parametrize("duty", DUTIES)
def test_every_duty_can_be_done(desk: Desk, duty: str) -> None:
    """With the role's whole policy, and without one refusal on the way."""
    assert perform(desk, duty) == []


def _needed() -> list[Any]:
    """The lines of `docs/iam.md`.  LocalEmu 1.3.2 knows no ``s3:prefix``, so of a statement that
    lists names under some prefixes the first line stands for all."""
    found = []
    for row in rows():
        whole = "names" in row.on
        if "photo/" in row.on or (whole and row.on != "names under `catalog/*`"):
            continue
        found.append(pytest.param(row, whole, id=str(row)))
    return found


@pytest.mark.parametrize(("row", "whole"), _needed())
def test_each_permission_is_needed(desk: Desk, row: Row, whole: bool) -> None:
    """Without it, and with all others, the duty that the table names cannot be done."""
    policy = desk.policies[row.role]
    if whole:
        kept = [each for each in policy["Statement"] if each["Sid"] != row.statement]
        less = {**policy, "Statement": kept}
    else:
        (grant,) = [
            each
            for each in roles.grants(row.role, policy)
            if (each.statement, each.action, roles.shown(each))
            == (row.statement, row.action, row.on)
        ]
        less = roles.without(policy, grant)
    assert fails(desk, row.duty, less)


@pytest.mark.parametrize(
    ("role", "act"),
    [each for each in NEVER if each[1] not in BY_PREFIX],
    ids=lambda name: name.replace(" ", "-"),
)
def test_nothing_else_is_allowed(desk: Desk, role: str, act: str) -> None:
    """Above all: no original is written, whoever asks."""
    assert is_refused(desk, role, NEVER[role, act])


# -- The door --------------------------------------------------------------------------------


def test_the_door_shuts_on_originals_that_are_not_public(gallery: Gallery) -> None:
    """By the template's parameter, which is kept; the stripped copy takes the original's place.
    (The last one here: the door stays shut.)"""
    running = gallery.running
    gallery.put("photos/shut/a.jpg", photograph(seed=32, located=True))
    running.settle()
    assert running.get(gallery.url("photos/shut/a.jpg")).status == 200
    running.run("up", "--parameter", "Originals=stripped")
    running.settle()
    assert running.get(gallery.url("photos/shut/a.jpg")).status == 403
    status = running.status()
    assert status["originals"]["effective"] == "stripped"
    assert status["originals"]["door"] == "shut"
    page = running.page(gallery.url("albums/shut.html"))
    assert not gallery.originals_on(page)
    copy = gallery.record("catalog/photos/shut/a.jpg.json")["stripped"]["key"]
    answer = running.get(gallery.url(copy))
    assert answer.status == 200
    assert piexif.load(answer.body)["GPS"] == {}
