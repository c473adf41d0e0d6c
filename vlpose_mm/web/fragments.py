"""HTML of the results."""

import os

from jinja2 import Environment

from vlpose_mm.apis import VLPoseInferencer
from vlpose_mm.names import MINI_DRAWN
from vlpose_mm.web.analysis import Analysis

_jinja = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

DESCRIPTION = _jinja.from_string(
    """\
<p>
Answered by <b>{{ model }}</b>
{%- if knows_drawn_only %}, which knows drawn figures only{% endif %}
{%- if detector %}, on the bboxes of <b>{{ detector }}</b>{% endif %}.
{% if not count %}
There are no instances on this image.
{% elif is_tuned %}
{% if read %}
The tuned weights read <q>{{ read }}</q>
{%- for text, percent in shares %}
{{ ', ' if not loop.first else ' as ' }}<q>{{ text }}</q> ({{ percent }} %)
{%- endfor %}.
{% endif %}
{% if is_far %}
The model has learned nothing near it; say what kind of image it is.
{% endif %}
{% if unread %}
The text prompt is too long for them; cut off was <q>{{ unread }}</q>.
{% endif %}
{{ 'With this description' if is_described else 'Without a description' }}
{%- if not is_described and scenario %}, as <b>{{ scenario }}</b>{% endif %}
, the model chooses the <b>{{ auto }}</b> weights.
{% endif %}
</p>"""
)
SCORES = _jinja.from_string(
    """\
{% macro cell(score) %}
{% set width = [0, [100, (100 * score) | round | int] | min] | max %}
<td style="--bar: {{ width }}%">{{ '%.2f' % score }}</td>
{%- endmacro %}
{% for scores in instances %}
<table class="scores">
{% if instances | length > 1 %}<caption>Instance {{ loop.index }}</caption>{% endif %}
<thead><tr><th scope="col">keypoint</th>
{%- for route in routes %}<th scope="col">{{ route }}</th>{% endfor %}</tr></thead>
<tbody>
{% for name in names %}
{% set row = loop.index0 %}
<tr><th scope="row">{{ name }}</th>
{%- for each in scores %}{{ cell(each[row]) }}{% endfor %}</tr>
{% endfor %}
</tbody>
<tfoot><tr><th scope="row">mean</th>
{%- for each in scores %}{{ cell(each.mean()) }}{% endfor %}</tr></tfoot>
</table>
{% endfor %}"""
)


def description(inferencer: VLPoseInferencer, analysis: Analysis) -> str:
    """Return HTML that says who answered, what was read and which route it chooses."""
    tuned = analysis.tuned or analysis.original
    text_prompt = tuned['text_prompt'] or ''
    texts = [text_prompt] if isinstance(text_prompt, str) else text_prompt
    reading = inferencer.read(text_prompt) if text_prompt else None
    scenario = tuned['scenario'] or analysis.original['scenario'] or ''
    return DESCRIPTION.render(
        # Not its folder.
        model=os.path.basename(inferencer.name),
        knows_drawn_only=inferencer.name == MINI_DRAWN,
        detector=inferencer.detector and inferencer.det_name,
        is_tuned=inferencer.is_tuned,
        count=len(analysis.instances[0]),
        read=' / '.join(texts).removesuffix(analysis.unread).rstrip(),
        shares=[(k, round(100 * v)) for k, v in (tuned['read_as'] or {}).items()],
        is_far=reading is not None and not reading.is_near,
        unread=analysis.unread,
        is_described=analysis.is_described,
        scenario=scenario.replace('_', ' '),
        auto=analysis.auto,
    )


def score_tables(analysis: Analysis, dataset_meta: dict) -> str:
    """Return HTML with the keypoint scores of each route, a table per instance."""
    scores = (each.keypoint_scores for each in analysis.instances)
    names = dataset_meta['keypoint_id2name']
    return SCORES.render(
        routes=list(analysis.results),
        instances=list(zip(*scores, strict=True)),
        names=[names[index].replace('_', ' ') for index in sorted(names)],
    )
