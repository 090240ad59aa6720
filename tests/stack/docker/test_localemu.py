"""LocalEmu: image functions by digest, and roles that are held to their policies."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import piexif
import pytest
from botocore.exceptions import ClientError

from tests.stack.docker.choosing import chosen
from tests.stack.docker.containers import Containers, manifest
from tests.stack.docker.convergence import assert_converged
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
