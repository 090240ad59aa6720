"""Which tests share a process."""

from __future__ import annotations

import pytest

from tests.stack.groups import group


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests/stack/test_upload.py::test_sync[embedded]", "on the embedded stack"),
        ("tests/stack/test_pipeline.py::test_names[embedded-a]", "on the embedded stack"),
        ("tests/stack/test_pipeline.py::test_names[docker]", "on the docker stack"),
        ("tests/stack/test_embedded.py::test_port", "tests/stack/test_embedded.py"),
        ("tests/conformance/test_store.py::test_odd[localstack-odd3]", "on localstack"),
        ("tests/conformance/test_answers.py::test_a[localemu-events-put]", "on localemu"),
        ("tests/conformance/test_queue.py::test_many[1-localemu]", "on localemu"),
        ("tests/conformance/test_answers.py::test_a[ministack-events-put]", "on ministack"),
        (
            "tests/conformance/test_store.py::test_a[ministack]",
            "tests/conformance/test_store.py::test_a[ministack]",
        ),
        ("tests/unit/test_a.py::test_b[docker]", "tests/unit/test_a.py::test_b[docker]"),
    ],
)
def test_tests_that_share_a_stack_share_a_process(test: str, expected: str) -> None:
    """And cheap ones go anywhere."""
    assert group(test) == expected
