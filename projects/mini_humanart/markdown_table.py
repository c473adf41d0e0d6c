"""Tables in Markdown."""


def align(lines: list[list[str]]) -> str:
    """Lay cells out in columns, to be read in the terminal as well."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], ['-' * width for width in widths], *lines[1:]]
    return '\n'.join(
        f'| {" | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |'
        for line in lines
    )
