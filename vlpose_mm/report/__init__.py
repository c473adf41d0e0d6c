"""The domain-gap report: runs in, tables, plots and pictures out, on one page."""
