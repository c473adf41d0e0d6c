"""The site: the pages of the checkout where they are, and the API from its docstrings."""

import pkgutil
import sys
from collections import _tuplegetter
from operator import attrgetter
from pathlib import Path
from types import ModuleType

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.writers.html5 import HTML5Translator

import vlpose_mm

project = 'vlpose_mm'
author = 'The vlpose_mm authors'
version = release = vlpose_mm.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
]
# The source folder is the checkout, so that the links between its folders hold.
root_doc = 'docs/index'
include_patterns = ['*.md', 'docs/*.md', 'configs/**.md', 'projects/*/*.md']
# Not even walked.
exclude_patterns = ['.*', 'build', 'data', 'dist', 'tests', 'vlpose_mm', 'work_dirs']
myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 4
# The output of commands.
highlight_language = 'text'

html_theme = 'furo'
html_title = f'vlpose_mm {version}'
html_copy_source = False
html_math_renderer = 'mathml'
viewcode_line_numbers = True

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
python_maximum_signature_line_length = 88
nitpick_ignore = [('py:class', 'optional')]


def unlink_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Make links to folders, which the site has no page of, their text."""
    folder = Path(app.srcdir, app.env.docname).parent
    for link in list(doctree.findall(pending_xref)):
        if link['reftype'] == 'myst' and (folder / link['reftarget']).is_dir():
            link.replace_self(link.children)


def find_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Link the short names of docstrings; those that the site lacks must at least exist."""
    if node.get('refdomain') != 'py':
        return None
    node['refspecific'] = True
    kind, name = node['reftype'], node['reftarget']
    args = env, node['refdoc'], app.builder, kind, name, node, contnode
    return env.domains.python_domain.resolve_xref(*args) or (
        contnode if is_name(name) else None
    )


def is_name(name: str) -> bool:
    """Whether a name is that of a package, or of something in one of our modules."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        ours = [key for key in sys.modules if key.startswith('vlpose_mm')]
        return any(has_name(sys.modules[key], name) for key in ours)
    return True


def has_name(module: ModuleType, name: str) -> bool:
    """Whether a module has a name, which may be dotted."""
    try:
        attrgetter(name)(module)
    except AttributeError:
        return False
    return True


def skip_fields(_: Sphinx, __: str, ___: str, value: object, *____: object) -> bool | None:
    """Omit the fields of named tuples, which the docstring of the class explains."""
    return True if isinstance(value, _tuplegetter) else None


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write MathML, which browsers show without a script from elsewhere."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula."""
    translator.body.append(f'<p>{tex2mathml(node.astext(), as_block=True)}</p>')
    raise nodes.SkipNode


def write_start(app: Sphinx, _: Exception | None) -> None:
    """Send who opens the folder of the site to its first page."""
    Path(app.outdir, 'index.html').write_text(
        f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n', encoding='utf-8'
    )


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_html_math_renderer('mathml', (visit_math, None), (visit_math_block, None))
    app.connect('autodoc-skip-member', skip_fields)
    app.connect('doctree-read', unlink_folders)
    app.connect('missing-reference', find_name)
    app.connect('build-finished', write_start)
