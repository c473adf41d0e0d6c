"""Fixtures of other rooms."""

from tests.test_report.conftest import make_run  # noqa: F401
