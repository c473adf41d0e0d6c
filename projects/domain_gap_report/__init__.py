"""Domain-gap report: compare runs on photos and art in tables, plots and examples."""
