"""The domain-gap report: runs in, tables, plots and images out, on one page."""
