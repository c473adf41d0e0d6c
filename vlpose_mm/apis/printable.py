"""Names of files as a person can read them."""


def printable(text: str) -> str:
    """Escape what would break a line or cannot be encoded.

    Args:
        text (str): Such as the name of a file, which may hold anything.

    Returns:
        str: One line of text.
    """
    return ''.join(
        each if each.isprintable() else each.encode('unicode_escape').decode()
        for each in text
    )
