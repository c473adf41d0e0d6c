"""Fixtures of other rooms."""

from tests.test_projects.test_domain_gap_report.conftest import make_run  # noqa: F401
