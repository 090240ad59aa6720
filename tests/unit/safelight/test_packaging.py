"""What is installed elsewhere: two wheels hold the event library, the scenarios and the pytest
plugin, and need nothing of the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from safelight import fixtures
from safelight.home import checkout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip would install of the two wheels, far from the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    wheels, site = folder / "wheels", folder / "site"
    for package in ("libs/gallery", "harness"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
            cwd=checkout() / package,
            capture_output=True,
            check=True,
        )
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site


def python(site: Path, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the wheels first on the path, and without the services."""
    before = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "for name in ('thumbnailer', 'sitegen', 'ministack', 'docker', 'numpy', 'PIL'):\n"
        "    sys.modules[name] = None\n"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", before + program, *words],
        cwd=site.parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_library_and_the_scenarios_come_along(site: Path) -> None:
    done = python(
        site,
        "import json\n"
        "from safelight import fixtures\n"
        "names = fixtures.names(), fixtures.scenario_names()\n"
        "events = {name: fixtures.load(name).event for name in names[0]}\n"
        "print(json.dumps([str(fixtures.library()), *names, events]))\n",
    )

    assert done.returncode == 0, done.stderr
    library, names, scenarios, events = json.loads(done.stdout)
    assert library == str(site / "safelight" / "event_library")
    assert names == fixtures.names()
    assert scenarios == fixtures.scenario_names()
    assert events == {fixture.name: fixture.event for fixture in fixtures.all_fixtures()}


def test_safelight_testing_needs_none_of_the_services(site: Path) -> None:
    done = python(
        site,
        "import safelight.testing as t, safelight.pytest_plugin\n"
        "print(t.bad_days.__module__, t.__file__)\n"
        "day = t.Pipeline(lambda s3: lambda event, context: None, 'in/')\n"
        "day.put('a.jpg', b'x'); day.drain()\n",
    )

    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout


def test_pytest_finds_the_plugin(site: Path) -> None:
    (points,) = site.glob("safelight-*.dist-info/entry_points.txt")

    assert "[pytest11]\nsafelight = safelight.pytest_plugin" in points.read_text()


@pytest.mark.parametrize("verb", ["replay", "simulate", "record"])
def test_a_command_that_needs_the_whole_says_so(site: Path, verb: str) -> None:
    program = "from safelight.__main__ import main\nsys.exit(main(sys.argv[1:]))\n"

    done = python(site, program, verb, "put")

    if verb == "record":
        # Whatever it wants for, it is loaded.
        assert done.returncode == 2, done.stderr
        return
    assert done.returncode == 1
    assert "needs all of Safelight" in done.stderr
    assert "Traceback" not in done.stderr
