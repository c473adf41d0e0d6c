"""The report as one HTML file, which needs no other file and no network."""

from base64 import b64encode
from html import escape
from pathlib import PurePath

from projects.domain_gap_report.comparison import spaced
from projects.domain_gap_report.contents import IMAGES, TITLE, Contents
from projects.domain_gap_report.qualitative_examples import Changed, Shown
from projects.domain_gap_report.svg import STYLE, THEME
from projects.domain_gap_report.tables import html_table

LAYOUT = """\
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem 1rem 3rem;max-width:1080px;background:var(--page);
color:var(--ink);font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.4rem 0 .6rem}
h2{font-size:1.2rem;margin:2.2rem 0 .4rem}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p,ul{margin:.4rem 0;max-width:44rem}
ul{padding-left:1.2rem}
.soft,caption,figcaption{color:var(--soft)}figcaption{font-size:.82rem}
.note{border-left:3px solid var(--bad);padding-left:.7rem}
.side-by-side{display:grid;gap:1rem 2rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr))}
figure{margin:.4rem 0}
.plot{display:block;width:100%;max-width:480px;height:auto}
.scroll{overflow-x:auto;margin:.6rem 0 1rem}
table{border-collapse:collapse;overflow-wrap:break-word;font-variant-numeric:tabular-nums;font-size:.92rem}
caption{text-align:left;padding:.2rem 0}
th,td{padding:.22rem .55rem;text-align:right;border-bottom:1px solid var(--line);
font-weight:400;vertical-align:baseline;white-space:nowrap}
td b{font-weight:700}
th[scope=col]{font-weight:600;vertical-align:bottom;white-space:normal;max-width:11rem;
min-width:3.2rem;border-bottom-width:3px}
th[scope=row],tr>td:first-child{text-align:left;position:sticky;left:0;
background:var(--page);padding-left:0}
small{font-size:.86em}.good{color:var(--good)}.bad{color:var(--bad)}
.images{display:grid;gap:1rem 1.4rem;
grid-template-columns:repeat(auto-fill,minmax(min(100%,235px),1fr))}
.images img{display:block;width:100%;max-height:340px;object-fit:contain;
object-position:left;background:var(--panel)}
.pair{display:flex;justify-content:space-between;gap:.8rem;font-size:.86rem;
font-variant-numeric:tabular-nums}
@media(max-width:600px){th,td{padding:.22rem .35rem}
td small{display:block;line-height:1.1}th[scope=row]{white-space:normal}
table{font-size:.85rem}}
"""


def html_page(contents: Contents) -> str:
    """Lay the report out for a browser.

    Args:
        contents (Contents): The report.

    Returns:
        str: HTML.
    """
    plots = {plot.name: f'<figure>{plot.svg}</figure>' for plot in contents.plots}
    # Wider tables have no room for a plot beside them.
    lay_out = _grid if len(contents.models) <= 3 else ''.join
    sides = [html_table(contents.summary), plots.pop('trade_off', '')]
    scenarios = [html_table(contents.scenarios), plots.pop('ap_per_scenario')]
    parts = [
        f'<h1>{TITLE}</h1>',
        _list(contents.headlines),
        *(f'<p class="note">{escape(note)}</p>' for note in contents.notes),
        '<h2>Natural and artificial images</h2>',
        f'<p class="soft">{escape(contents.key)}</p>',
        lay_out(sides),
        '<h2>Scenarios</h2>',
        lay_out(scenarios),
        '<h2>Precision and recall</h2>',
        lay_out([html_table(table) for table in contents.details]),
        _grid(list(plots.values())),
    ]
    if contents.changed:
        parts += ['<h2>Images that changed most</h2>', f'<p class="soft">{IMAGES}</p>']
        for changed in contents.changed:
            parts += _changed(contents.models[0], changed)
    sources = [f'{name}: {source}' for name, source in contents.sources]
    parts += ['<h2>What was compared</h2>', _list(sources)]
    body = '\n'.join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{TITLE}: {escape(", ".join(contents.models))}</title>\n'
        f'<style>\n{THEME}{STYLE}{LAYOUT}</style>\n</head>\n<body>\n{body}\n'
        '</body>\n</html>\n'
    )


def _changed(first: str, changed: Changed) -> list[str]:
    """Show the images of a model."""
    parts = [f'<h3>{escape(changed.model)}, against {escape(first)}</h3>']
    parts += [f'<p>{escape(changed.note)}</p>']
    for kind, shown in (('Gained', changed.gained), ('Lost', changed.lost)):
        if shown:
            cards = [_card(first, changed.model, image) for image in shown]
            parts += [
                f'<p><b>{kind}</b></p>',
                f'<div class="images">{"".join(cards)}</div>',
            ]
    return parts


def _card(first: str, model: str, shown: Shown) -> str:
    """Show an image twice, with the skeletons of both models."""
    change = shown.change
    labels = ((first, change.before), (model, change.after))
    pair = [f'<span>{escape(name)} <b>{oks:.2f}</b></span>' for name, oks in labels]
    file_name = PurePath(shown.file_name).name
    return (
        f'<figure><div class="pair">{"".join(pair)}</div>'
        f'<img alt="{escape(spaced(change.scenario))}, skeletons of both models" '
        f'src="data:image/jpeg;base64,{b64encode(shown.jpeg).decode()}">'
        f'<figcaption>{escape(spaced(change.scenario))} · {escape(file_name)}'
        '</figcaption></figure>'
    )


def _list(lines: list[str]) -> str:
    """Write a list."""
    return f'<ul>{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _grid(parts: list[str]) -> str:
    """Put parts beside each other where the page is wide enough."""
    cells = ''.join(f'<div>{part}</div>' for part in parts if part)
    return f'<div class="side-by-side">{cells}</div>'
