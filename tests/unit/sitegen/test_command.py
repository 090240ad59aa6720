"""The download command: the generator from the script, in real bash, with real curl."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gallery import keys
from sitegen import asset

NODE, BASH, CURL = (shutil.which(name) for name in ("node", "bash", "curl"))

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")
needs_shell = pytest.mark.skipif(
    NODE is None or BASH is None or CURL is None, reason="needs node, bash and curl"
)

_RUN = """
const fs = require("fs");
require(process.argv[1]);
const { urls, root, files } = JSON.parse(fs.readFileSync(0, "utf8"));
const { command, place } = globalThis.safelight;
const places = urls.map((url) => place(url, root));
process.stdout.write(JSON.stringify({ command: command(urls, root, files), places }));
"""


def generate(
    urls: list[str], root: str, files: dict[str, str] | None = None
) -> tuple[str, list[str]]:
    """The command for these URLs, and the name each is saved under; ``files`` are the paths
    that the page tells of some."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", _RUN, str(asset.FOLDER / "gallery.js")],
        input=json.dumps({"urls": urls, "root": root, "files": files or {}}).encode(),
        capture_output=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["command"], found["places"]


@needs_node
@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://s/photos/a/b.jpg", "a/b.jpg"),
        ("https://s/photos/b.jpg", "b.jpg"),
        ("https://s/photos/a%20b/%C3%BC%25.jpg", "a b/ü%.jpg"),
        ("https://s/photos/-rf/x.jpg", "./-rf/x.jpg"),
        ("https://s/photos/a/photos/x.jpg", "a/photos/x.jpg"),
        # What would leave its folder, or cannot be decoded, stays encoded.
        ("https://s/photos/%2e%2e/x.jpg", "%2e%2e/x.jpg"),
        ("https://s/photos/a%2F..%2Fx.jpg", "a%2F..%2Fx.jpg"),
        ("https://s/photos/a%00.jpg", "a%00.jpg"),
        ("https://s/photos/%FF.jpg", "%FF.jpg"),
        ("https://s/photos/a.jpg?x=1#y", "a.jpg"),
        ("https://other/deep/er/x.jpg", "x.jpg"),
    ],
)
def test_where_a_photo_is_saved(url: str, place: str) -> None:
    _, places = generate([url], "https://s/")
    assert places == [place]


@needs_node
def test_the_command_reads_well() -> None:
    command, _ = generate(["https://s/photos/it's/a.jpg"], "https://s/")
    assert command == (
        "curl --fail --globoff --create-dirs \\\n"
        "  --output 'it'\\''s/a.jpg' 'https://s/photos/it'\\''s/a.jpg'"
    )


class Server:
    """An HTTP server on loopback with one body a key, below a path as an emulator has it."""

    def __init__(self) -> None:
        self.bodies: Mapping[str, bytes] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = outer.bodies.get(self.path)
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Length", str(len(found or b"")))
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.root = f"http://127.0.0.1:{self._http.server_port}/a[1]-{{bucket}}/"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def download(server: Server, names: list[str], folder: Path) -> None:
    """Runs the command for the photos of these names below photos/, and compares the files."""
    wanted = {
        keys.PHOTOS + name: f"bytes of {name}".encode("utf-8", "surrogatepass") for name in names
    }
    path = server.root.split("/", 3)[3]
    server.bodies = {f"/{path}{keys.url_path(key)}": body for key, body in wanted.items()}
    command, _ = generate([server.root + keys.url_path(key) for key in wanted], server.root)
    assert BASH is not None
    done = subprocess.run(
        [BASH, "--noprofile", "--norc", "-c", command],
        cwd=folder,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder / "home")},
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    found = {
        keys.PHOTOS + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == wanted


HOSTILE = [
    "plain.jpg",
    "two words.jpg",
    "it's 'quoted'.jpg",
    'double "quotes".jpg',
    "$HOME $(touch pwned) `touch pwned`.jpg",
    "a;touch pwned&&b||c|d>e<f.jpg",
    "100%.jpg",
    "%20.jpg",
    "%2e%2e%2fup.jpg",
    "[1-3]{a,b}.jpg",
    "#1 of #2.jpg",
    "ünïcödé 写真 🌊.jpg",
    "-o.jpg",
    "--output.jpg",
    "-rf/-.jpg",
    "~/x.jpg",
    "!history!.jpg",
    "back\\slash\\.jpg",
    "new\nline.jpg",
    "tab\there.jpg",
    "cr\rhere.jpg",
    "\u202egpj.exe.jpg",
    "*?.jpg",
    "a=b&c=d+e.jpg",
    "question?.jpg",
    "hash#.jpg",
    "colon: x.jpg",
    "http://x/y.jpg".replace("//", "/"),
    "a.jpg",
    "a.JPG",
    "one/same.jpg",
    "two/same.jpg",
    "@file.jpg",
    " leading and trailing .jpg",
    "x" * 240 + ".jpg",
]


@needs_shell
def test_every_hostile_name_at_once(server: Server, tmp_path: Path) -> None:
    download(server, HOSTILE, tmp_path)


@needs_shell
@pytest.mark.parametrize("name", ["-o.jpg", "it's.jpg", "#1.jpg"])
def test_one_name_alone(server: Server, tmp_path: Path, name: str) -> None:
    download(server, [name], tmp_path)


_LETTERS = st.sampled_from(
    "ab-_.~!@#$%^&*()[]{}<>|\\;:'\"`,?+= \n\t\r\x01\x1b\x7f\u202e\u0301é写🌊"
)
_NAME = st.text(_LETTERS, min_size=1, max_size=12).filter(lambda name: not name.startswith("."))
_PATH = st.lists(_NAME, min_size=1, max_size=3).map("/".join)


def on_one_disk(names: list[str]) -> bool:
    """Whether files of these names can lie in one folder: none is a folder of another's."""
    folders = {
        "/".join(name.split("/")[:depth])
        for name in names
        for depth in range(1, name.count("/") + 1)
    }
    return folders.isdisjoint(names)


@needs_shell
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(_PATH, min_size=1, max_size=40, unique=True).filter(on_one_disk))
def test_any_names(
    server: Server, tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    download(server, names, tmp_path_factory.mktemp("download"))


@needs_shell
def test_an_error_page_is_not_a_photo(server: Server, tmp_path: Path) -> None:
    server.bodies = {}
    command, _ = generate([server.root + "photos/none.jpg"], server.root)
    assert BASH is not None
    done = subprocess.run([BASH, "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []
