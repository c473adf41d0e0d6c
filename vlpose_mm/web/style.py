"""Style of the page: system fonts, two columns, one on a phone."""

import gradio as gr

FONTS = ['system-ui', '-apple-system', 'Segoe UI', 'Roboto', 'sans-serif']
MONO = ['ui-monospace', 'SFMono-Regular', 'Menlo', 'Consolas', 'monospace']

CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
#title h1 { margin: 0 0 .25rem; font-size: 1.6rem; letter-spacing: -.01em; }
#title p { margin: 0; color: var(--body-text-color-subdued); max-width: 44rem; }
#estimate { min-height: 48px; }
#description, .side-by-side { padding: 0 !important; }
#description p { margin: 0; line-height: 1.5; }
.sides { display: flex; justify-content: space-between; font-size: .85rem;
  color: var(--body-text-color-subdued); }
#hint { display: grid; place-items: center; min-height: 300px; padding: 1rem;
  text-align: center; color: var(--body-text-color-subdued);
  border: 1px dashed var(--border-color-primary); border-radius: var(--radius-lg); }
.examples img { object-fit: cover; }
/* Its numbers would be too small on a phone. */
#attention .image-container { overflow-x: auto; contain: inline-size; width: 100%; }
#attention :is(.image-frame, .image-container > button) { width: max-content;
  min-width: 100%; }
#attention img { width: auto; max-width: none; }
table.scores { width: 100%; max-width: 44rem; margin: 0 0 1rem !important;
  font-size: .9rem; }
table.scores, table.scores * { border: 0 !important; }
table.scores caption { text-align: left; font-weight: 600; padding: .25rem 0; }
table.scores :is(th, td) { padding: .2rem .5rem !important;
  border-bottom: 1px solid var(--border-color-primary) !important; }
table.scores th { text-align: left; font-weight: 400; white-space: nowrap; }
table.scores thead th { color: var(--body-text-color-subdued); }
table.scores :is(td, thead th + th) { text-align: right; width: 36%; }
table.scores td { font-variant-numeric: tabular-nums; background: linear-gradient(
  to right, var(--bar-color) var(--bar), transparent 0); }
table.scores tfoot :is(th, td) { font-weight: 600; }
.scores { --bar-color: #99f6e4; }
.dark .scores { --bar-color: #115e59; }
"""


def theme() -> gr.themes.Base:
    """Return a theme that downloads no fonts."""
    fonts = {
        'font': [gr.themes.Font(name) for name in FONTS],
        'font_mono': [gr.themes.Font(name) for name in MONO],
    }
    return gr.themes.Default(primary_hue='teal', neutral_hue='slate', **fonts)
