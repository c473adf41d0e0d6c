"""HTML of the results."""

from jinja2 import Environment

from vlpose_mm.web.analysis import Analysis

_jinja = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)

DESCRIPTION = _jinja.from_string(
    """\
<p>
{% if not count %}
There are no instances on this image.
{% else %}
{% if read %}The tuned weights read <q>{{ read }}</q>.{% endif +%}
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
{% for original, tuned in pairs %}
<table class="scores">
{% if pairs | length > 1 %}<caption>Instance {{ loop.index }}</caption>{% endif %}
<thead><tr><th scope="col">keypoint</th><th scope="col">original</th>\
<th scope="col">tuned</th></tr></thead>
<tbody>
{% for name in names %}
<tr><th scope="row">{{ name }}</th>{{ cell(original[loop.index0]) }}\
{{ cell(tuned[loop.index0]) }}</tr>
{% endfor %}
</tbody>
<tfoot><tr><th scope="row">mean</th>{{ cell(original.mean()) }}\
{{ cell(tuned.mean()) }}</tr></tfoot>
</table>
{% endfor %}"""
)


def description(analysis: Analysis) -> str:
    """Return HTML that says what was read and which route the model chooses."""
    text_prompt = analysis.tuned['text_prompt'] or ''
    texts = [text_prompt] if isinstance(text_prompt, str) else text_prompt
    scenario = analysis.tuned['scenario'] or analysis.original['scenario'] or ''
    return DESCRIPTION.render(
        count=len(analysis.instances[1]),
        read=' / '.join(texts).removesuffix(analysis.unread).rstrip(),
        unread=analysis.unread,
        is_described=analysis.is_described,
        scenario=scenario.replace('_', ' '),
        auto=analysis.auto,
    )


def score_tables(analysis: Analysis, dataset_meta: dict) -> str:
    """Return HTML with the keypoint scores of both routes, a table per instance."""
    original, tuned = (each.keypoint_scores for each in analysis.instances)
    names = dataset_meta['keypoint_id2name']
    return SCORES.render(
        pairs=list(zip(original, tuned, strict=True)),
        names=[names[index].replace('_', ' ') for index in sorted(names)],
    )
