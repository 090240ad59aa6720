"""The two images: what is in them, who runs in them, and that two builds make the same."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest
from docker.errors import ContainerError

from safelight import engine as engines
from safelight import images, licences, sbom, twice
from safelight.images import Image
from tests.stack.photograph import photograph
from tests.unit.safelight.test_sbom import complain

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    return engines.connect()


@pytest.fixture(scope="module")
def built(engine: docker.DockerClient) -> dict[str, Image]:
    """Both images, up to date."""
    return images.ensure(engine, print)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that every user may write."""
    tmp_path.chmod(0o777)
    return tmp_path


def run(engine: docker.DockerClient, image: Image, *command: str, **options: object) -> str:
    """What a container says that ends well, with nothing but /tmp to write to."""
    said = engine.containers.run(
        image.id,
        list(command),
        remove=True,
        read_only=True,
        tmpfs={"/tmp": "size=64m,mode=1777"},  # noqa: S108 - the container's own
        network_disabled=True,
        cap_drop=["ALL"],
        **options,  # type: ignore[call-overload]
    )
    text: str = said.decode()
    return text


def python(engine: docker.DockerClient, image: Image, script: str, **options: object) -> str:
    return run(engine, image, "-c", script, entrypoint="python3", **options)


@pytest.mark.parametrize(
    ("service", "has", "has_not"),
    [
        ("thumbnailer", ["PIL", "pillow_heif"], ["jinja2", "markdown_it", "sitegen"]),
        ("sitegen", ["jinja2", "yaml", "markdown_it"], ["PIL", "pillow_heif", "thumbnailer"]),
    ],
)
def test_each_has_what_it_needs_and_no_more(
    engine: docker.DockerClient,
    built: dict[str, Image],
    service: str,
    has: list[str],
    has_not: list[str],
) -> None:
    script = (
        "import importlib.util as u, json, sys;"
        "print(json.dumps({n: u.find_spec(n) is not None for n in sys.argv[1:]}))"
    )
    wanted = {
        **dict.fromkeys([*has, service, "gallery", "boto3", "awslambdaric"], True),
        **dict.fromkeys([*has_not, "pytest", "ministack", "safelight", "setuptools"], False),
    }
    said = run(engine, built[service], "-c", script, *wanted, entrypoint="python3")
    assert json.loads(said) == wanted


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_there_are_no_build_tools(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    script = "import shutil; print([n for n in ('cc', 'gcc', 'g++', 'make') if shutil.which(n)])"
    assert python(engine, built[service], script).strip() == "[]"


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_clients_of_the_services_that_are_used_can_be_made(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    """Of botocore's descriptions of AWS only these are kept."""
    script = (
        "import boto3\n"
        "for name in ('s3', 'sqs', 'sts', 'cloudfront'):\n"
        "    c = boto3.client(name, region_name='eu-west-1', aws_access_key_id='a',"
        " aws_secret_access_key='b')\n"
        "    print(c.meta.endpoint_url)\n"
        "import botocore.waiter\n"
        "print(boto3.client('s3', region_name='eu-west-1').waiter_names != [])\n"
        "print(boto3.client('s3', region_name='eu-west-1').can_paginate('list_objects_v2'))\n"
    )
    assert python(engine, built[service], script).split() == [
        "https://s3.eu-west-1.amazonaws.com",
        "https://sqs.eu-west-1.amazonaws.com",
        "https://sts.eu-west-1.amazonaws.com",
        "https://cloudfront.amazonaws.com",
        "True",
        "True",
    ]


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_nobody_is_root_and_everybody_can_read(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    """Lambda runs an image as a user of its own choosing."""
    script = (
        "import os\n"
        "bad = [os.path.join(d, f) for t in ('/opt/safelight', '/var/runtime', '/var/task')"
        " for d, _, fs in os.walk(t) for f in fs if not os.access(os.path.join(d, f), os.R_OK)]\n"
        "print(os.getuid() != 0, os.access('/opt/safelight', os.X_OK), bad)\n"
    )
    for user in ("", "993:990"):
        said = python(engine, built[service], script, user=user or None)
        assert said.split() == ["True", "True", "[]"], (user, said)


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_without_lambda_it_says_what_else_it_can_do(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    with pytest.raises(ContainerError) as caught:
        run(engine, built[service])
    assert caught.value.exit_status == 2
    assert b"'worker' follows the queue" in (caught.value.stderr or b"")
    assert "worker" in run(engine, built[service], "--help")


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_a_worker_says_which_variables_it_misses(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    with pytest.raises(ContainerError) as caught:
        run(engine, built[service], "worker")
    assert caught.value.exit_status == 2
    assert b"SAFELIGHT_BUCKET" in (caught.value.stderr or b"")


def test_render_and_build_need_neither_network_nor_root(
    engine: docker.DockerClient, built: dict[str, Image], shared: Path
) -> None:
    (shared / "photo.jpg").write_bytes(photograph(1300, 900))
    mount = {str(shared): {"bind": "/shared", "mode": "rw"}}
    said = run(
        engine, built["thumbnailer"], "render", "/shared/photo.jpg", "--out", "/shared/out",
        volumes=mount,
    )  # fmt: skip
    line = json.loads(said)
    assert line["ok"], line
    assert sorted(rendition["width"] for rendition in line["renditions"]) == [600, 1200, 1300]
    (shared / "catalog" / "photos").mkdir(parents=True)
    run(
        engine, built["sitegen"], "build", "--catalog", "/shared/catalog", "--out", "/shared/site",
        volumes=mount,
    )  # fmt: skip
    assert "<!doctype html>" in (shared / "site" / "index.html").read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(("service", "most"), [("thumbnailer", 150), ("sitegen", 100)])
def test_they_are_small(
    engine: docker.DockerClient, built: dict[str, Image], service: str, most: int
) -> None:
    _, above = images.megabytes(engine, built[service])
    assert 1 < above < most


def test_what_is_up_to_date_is_not_built_again(
    engine: docker.DockerClient, built: dict[str, Image]
) -> None:
    said: list[str] = []
    assert images.ensure(engine, said.append) == built
    assert said == []


def test_another_checkout_makes_the_same_image(built: dict[str, Image]) -> None:
    """Byte for byte, from nothing that the builder kept, or a deployment could not tell whether
    anything has changed.  (`make images-twice` does it with both.)"""
    assert twice.elsewhere("another copy", ["sitegen"]) == {"sitegen": built["sitegen"].id}


@pytest.mark.parametrize("service", ["thumbnailer", "sitegen"])
def test_its_sbom_lists_what_is_in_it(
    engine: docker.DockerClient, built: dict[str, Image], service: str
) -> None:
    """Each package that Python and Debian would name, in CycloneDX's form; the same each time."""
    text = sbom.of(engine, built[service])
    found = json.loads(text)
    complain(found)
    assert sbom.of(engine, built[service]) == text
    assert found["metadata"]["component"]["version"] == built[service].id
    listed = {
        (part["name"], part["version"])
        for part in found["components"]
        if part.get("purl", "").startswith("pkg:pypi/")
    }
    script = (
        "import importlib.metadata as m, json, re;"
        "print(json.dumps([(re.sub('[-_.]+', '-', d.metadata['Name']).lower(), d.version)"
        " for d in m.distributions() if d.read_text('METADATA')]))"
    )
    there = {tuple(pair) for pair in json.loads(python(engine, built[service], script))}
    assert there <= listed
    locked = {(name, version) for name, version in listed if (name, version) in there}
    assert {name for name, _ in locked} >= set(licences.locked(service))
    debian = [
        f"{part['name']} {part['version']}"
        for part in found["components"]
        if part.get("purl", "").startswith("pkg:deb/")
    ]
    query = ("dpkg-query", "-W", "-f", "${Status}|${Package} ${Version}\\n")
    said = run(engine, built[service], *query[1:], entrypoint=query[0]).splitlines()
    installed = [line.partition("|")[2] for line in said if line.startswith("install ok installed")]
    assert sorted(debian) == sorted(installed)


def test_an_image_is_tagged_by_what_it_is_made_of(
    engine: docker.DockerClient, built: dict[str, Image]
) -> None:
    for service, image in built.items():
        attributes = engine.images.get(image.name).attrs
        assert f"safelight/{service}:local" in attributes["RepoTags"]
        assert attributes["Config"]["Cmd"] == [f"{service}.handler.handler"]
        # The base's own layers, and two of ours.
        assert len(attributes["RootFS"]["Layers"]) >= 3
