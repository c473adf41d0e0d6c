"""How many inputs property-based tests generate."""

from hypothesis import settings

MORE = 10
# `pytest --hypothesis-profile more`: so many times as many, and others in every run.
settings.register_profile('more', max_examples=100 * MORE)


def examples(count: int) -> settings:
    """Return the settings of a test with so many inputs, the same in every run."""
    more = settings().max_examples // 100
    return settings(
        max_examples=count * more, deadline=None, database=None, derandomize=more == 1
    )
