"""The docker stack's choices that need no engine, and its page that says them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from safelight import docker_stack, images
from safelight.home import Home, checkout
from safelight.port import unused
from safelight.problem import Problem

PAGE = (checkout() / "docs" / "docker.md").read_text(encoding="utf-8")
COMPOSE = (checkout() / "docker-compose.yml").read_text(encoding="utf-8")


def test_the_page_tells_of_each_variable_that_compose_takes() -> None:
    taken = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    told = set(re.findall(r"^\| `([A-Z_]+)`", PAGE, re.M))
    assert taken <= told
    assert told - taken <= {"MODE", "EMULATOR", "BASE_IMAGE", "SAFELIGHT_HOME"}


def test_the_defaults_are_the_same_everywhere() -> None:
    for variable, name in images.DEFAULTS.items():
        assert f"| `{variable}` | `{name}`" in PAGE, variable
        if variable != "BASE_IMAGE":
            assert f"${{{variable}:-{name}}}" in COMPOSE, variable
    for service in ("thumbnailer", "sitegen"):
        text = (checkout() / "services" / service / "Dockerfile").read_text(encoding="utf-8")
        assert f"ARG BASE_IMAGE={images.DEFAULTS['BASE_IMAGE']}\n" in text


def test_everything_is_published_on_the_loopback_interface_alone() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_and_template_agree_on_the_runtimes_names() -> None:
    template = (checkout() / "infra" / "template.yaml").read_text(encoding="utf-8")
    for runtime, service in (("python3.13", "thumbnailer"), ("python3.12", "sitegen")):
        assert re.search(rf'"{runtime}": "localhost:[^"]*/safelight/{service}:local"', COMPOSE)
        assert f"Runtime: !If [HasImages, !Ref AWS::NoValue, {runtime}]" in template


def test_each_home_has_a_project_of_its_own(tmp_path: Path) -> None:
    names = {docker_stack.project(Home(tmp_path / name)) for name in "ab"}
    names.add(docker_stack.project(Home(checkout() / ".safelight")))
    assert len(names) == 3
    assert "safelight" in names


def test_the_environment_says_which_images_before_the_file_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".safelight").mkdir()
    (tmp_path / ".safelight" / "offline.env").write_text(
        "BASE_IMAGE=stand/in:1\nREGISTRY_IMAGE=stand/in:2\nPATH=/nowhere\n", encoding="utf-8"
    )
    monkeypatch.setattr(images, "checkout", lambda: tmp_path)
    for name in images.DEFAULTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REGISTRY_IMAGE", "my/own:3")
    found = images.variables()
    assert found["BASE_IMAGE"] == "stand/in:1"
    assert found["REGISTRY_IMAGE"] == "my/own:3"
    assert found["LOCALSTACK_IMAGE"] == images.DEFAULTS["LOCALSTACK_IMAGE"]
    assert set(found) == set(images.DEFAULTS)


def test_down_needs_no_engine_where_nothing_was_started(tmp_path: Path) -> None:
    stack = docker_stack.DockerStack(Home(tmp_path / "home"), unused())
    assert not stack.is_running()
    assert not stack.down(print, purge=False)
    assert not stack.down(print, purge=True)


def test_an_engine_that_does_not_answer_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safelight import engine

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(Problem, match="scripts/install-docker"):
        engine.connect()
