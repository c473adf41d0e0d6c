"""One file per question; each measures and yields comparisons."""
