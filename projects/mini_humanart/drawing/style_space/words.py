"""Descriptions of styles, as people might type them."""

import numpy as np

from .style import ATTRIBUTES, Style

Rng = np.random.Generator

_SUBJECTS = 'a person|a person|a person|people|a figure|a human figure|someone|figures'
_ANY_MEDIUM = 'picture|image|artwork|piece of art|work'
_MEDIA = {
    'pencil': 'pencil drawing|pencil sketch|sketch in pencil|graphite drawing|drawing',
    'charcoal': 'charcoal drawing|charcoal sketch|drawing in charcoal|smudged drawing',
    'crayon': "crayon drawing|wax crayon drawing|child's drawing|drawing in crayon|"
    'picture drawn with crayons',
    'ink': 'ink drawing|ink wash painting|brush painting|ink painting|painting in ink',
    'watercolor': 'watercolor|watercolor painting|watercolour|aquarelle|wash painting',
    'oil': 'oil painting|painting in oil|oil on canvas|painting with thick paint',
    'fresco': 'fresco|wall painting|mural|painting on a wall|painted wall',
    'woodblock': 'woodblock print|woodcut|block print|Japanese print|printed sheet',
    'cel': 'cartoon|comic drawing|animation cel|cartoon drawing|comic panel',
    'digital': 'digital painting|digital art picture|computer drawing|digital illustration|'
    'fantasy illustration',
    'puppet': 'shadow puppet|shadow play|puppet on a screen|shadow theater scene|'
    'leather puppet',
    'glass': 'stained glass window|glass window|leaded window|church window|'
    'stained glass picture',
    'plastic': 'plastic figurine|toy figure|collectible figure|plastic model|'
    'painted figurine',
    'relief': 'stone relief|relief|carved slab|wall relief|low relief',
    'statue': 'statue|sculpture|statue on a plinth|sculpted figure|museum statue',
    'collage': 'paper collage|paper cutout|cut paper picture|collage',
    'mosaic': 'mosaic|tile mosaic|picture made of small tiles|mosaic of little stones',
    'chalk': 'chalk drawing|blackboard drawing|drawing in chalk|chalk sketch on a board',
}
# what follows "a picture of a person"
_PHRASES = {
    'outline': {
        'none': 'without outlines|with no outlines|with soft edges|with no lines around '
        'the shapes',
        'fine': 'with fine outlines|with thin lines|with delicate contours|with a thin '
        'contour',
        'bold': 'with thick black outlines|with bold outlines|with heavy dark lines|with '
        'strong black contours',
        'searching': 'with sketchy lines|with loose repeated lines|with rough searching '
        'lines|with lines drawn several times',
        'brush': 'with brush lines that swell|with calligraphic brush strokes|with brushed '
        'contours|with thick and thin brush lines',
        'clumsy': 'with clumsy lines|with shaky lines|with wobbly outlines|with uneven '
        'childlike lines',
        'lead': 'with black leads|with lead lines between the colors|with thick black '
        'leading|with dark metal strips',
        'pale': 'with white outlines|with pale lines|with light contours|with bright '
        'outlines',
        'colored': 'with colored outlines|with outlines in darker shades|with tinted '
        'contours|with lines in the color of the clothes',
    },
    'fill': {
        'bare': 'with unfilled shapes|in outlines only|with empty shapes|not colored in',
        'flat': 'with flat colors|in flat areas of color|with even unshaded areas|flatly '
        'filled',
        'cel': 'with cel shading|in two flat tones|with hard-edged shadows|with sharp '
        'two-tone shading',
        'shaded': 'with soft shading|softly modeled|with smooth shadows|with gentle light '
        'and shade',
        'hatched': 'with hatching|with hatched shadows|shaded with parallel lines|with '
        'cross-hatching',
        'scribbled': 'filled with scribbles|scribbled in|with zigzag coloring|loosely '
        'colored in',
        'washed': 'in wet washes|with bleeding colors|with runny paint|with diluted washes',
        'brushed': 'with visible brush strokes|with thick strokes of paint|in impasto|with '
        'dabs of paint',
        'glossy': 'with glossy highlights|with a shiny surface|with gleaming reflections|'
        'with a glossy finish',
        'paned': 'cut into panes|made of colored pieces|with clothes split into segments|'
        'assembled from panes',
        'pierced': 'with rows of punched holes|with pierced patterns|with cut-out seams|'
        'perforated with small holes',
        'stippled': 'shaded with dots|with stippling|in stippled dots|with dotted shadows',
        'carved': 'carved out of the ground|raised from the surface|in shallow carving|'
        'chiseled out of the background',
    },
    'texture': {
        'smooth': 'on a smooth surface|with a clean smooth finish|without any texture',
        'paper': 'on paper|on rough paper|on a textured sheet|on drawing paper',
        'canvas': 'on canvas|on woven canvas|with a canvas weave|with a linen texture',
        'plaster': 'on plaster|on a plastered wall|on uneven plaster|with a blotchy '
        'plaster surface',
        'wood': 'with wood grain|on wood|with the grain of a wooden board|'
        'printed from wood',
        'cloth': 'on fabric|on cloth|with a textile weave|with a textile pattern',
        'dots': 'with halftone dots|in printed dots|with a dot screen|with newspaper dots',
        'grain': 'with heavy grain|with fine noise|with a grainy surface|with film grain',
        'speckled': 'with a speckled surface|with little pits and spots|on speckled stone|'
        'with a pitted surface',
    },
    'palette': {
        'natural': 'in natural colors|in realistic colors|with everyday colors|in lifelike '
        'colors',
        'bright': 'in bright colors|with vivid colors|in strong cheerful colors|with '
        'saturated colors',
        'pastel': 'in pastel colors|in soft pale colors|with light pastel tones|in candy '
        'colors',
        'neon': 'in neon colors|with glowing colors on dark|with electric colors|in '
        'luminous colors',
        'earth': 'in earth colors|in ochre and brown|with earthy tones|in clay and rust '
        'colors',
        'muted': 'in muted colors|with subdued colors|in dull indigo and red|with quiet '
        'print colors',
        'gray': 'in black and white|in shades of gray|in gray tones|without color',
        'sepia': 'in sepia|in brown tones|in shades of brown|with brown ink',
        'blue': 'in blue tones|all in blue|in shades of blue|with blue ink',
        'golden': 'in warm golden colors|with warm varnish|in dark warm tones|with a '
        'golden tint',
        'black': 'as black silhouettes|in black against the light|with dark figures|'
        'as dark shapes',
        'marble': 'in white marble|all in white|made of white stone|in pale marble',
        'stone': 'in gray stone|in the color of stone|made of sandstone|in one stone color',
        'bronze': 'in bronze|made of bronze|in dark metal|in the color of bronze',
    },
    'light': {
        'even': 'in even light|evenly lit|without shadows|in flat light',
        'side': 'lit from the side|with light from one side|with side light',
        'above': 'lit from above|with light from above|under a top light|with '
        'overhead light',
        'below': 'lit from below|with light from below|lit by footlights',
        'rim': 'with glowing edges|with rim light|with neon rims|with a bright rim around '
        'the body',
        'behind': 'lit from behind|against the light|with a glow behind|backlit',
        'dramatic': 'in dramatic light|with strong light and dark|mostly in shadow|in a '
        'spotlight',
    },
    'proportion': {
        'natural': 'with natural proportions|with realistic bodies|with a normal build',
        'bigheaded': 'with big heads|with a big head|with an oversized head|with a large '
        'head',
        'chibi': 'with a huge head on a tiny body|with a head as big as the body|with '
        'baby-like proportions|with tiny bodies',
        'slender': 'with slender bodies|with a slim body|with thin figures|slim and narrow',
        'stout': 'with stout bodies|with a heavy build|with thick limbs|plump and broad',
        'stick': 'with stick limbs|with arms and legs like sticks|with line-thin limbs and '
        'a round head|like a stick figure',
        'longlimbed': 'with long legs|with long arms and legs|with elongated bodies|tall '
        'and long-limbed',
    },
    'background': {
        'blank': 'on an empty background|with nothing behind|on a blank ground|with an '
        'empty background',
        'hills': 'in front of hills|before rolling hills|in a hilly landscape|on a meadow '
        'under clouds',
        'rays': 'in front of rays|with rays behind|before a sunburst|with a burst of rays',
        'scenery': 'in a room or a landscape|with a detailed background|with scenery '
        'behind|in real surroundings',
        'night': 'at night|before a dark sky|under the moon|with a moon and a skyline',
        'pools': 'with blots of color around|among pools of color|with a splashy '
        'background|with colored clouds of paint',
        'mist': 'before misty mountains|with mountains in the fog|in a foggy landscape|'
        'with hazy peaks behind',
        'waves': 'above waves|with patterned waves|with the sea below|at the sea',
        'garden': 'with a sun and grass|on grass under a sun|in a sunny garden|with blades '
        'of grass',
        'panes': 'with colored panes behind|before a pattern of colored cells|surrounded '
        'by colored panes|before pieces of glass',
        'screen': 'before a bright screen|on a lit cloth|on a glowing screen|before a '
        'bright sheet with leaves',
        'studio': 'before a plain backdrop|in a studio|with a plain background that '
        'darkens|on a studio backdrop',
        'hall': 'in a museum|in a hall with columns|before a wall with columns|in a '
        'gallery',
        'bands': 'between ornamental bands|with decorated borders|with a border of dots|'
        'framed by painted bands',
        'slab': 'on a stone slab|on a block of stone|framed by a stone rim|on a slab with '
        'a rim',
    },
    'damage': {
        'none': 'in good condition|well preserved|undamaged|clean',
        'cracked': 'full of cracks|with cracks|cracked all over|with broken parts',
        'worn': 'partly worn away|with missing patches|with flaking paint|rubbed off in '
        'places',
        'faded': 'faded by the years|with faded colors|bleached by the sun|washed out',
        'stained': 'with stains|with brown stains|with water marks|stained by damp',
        'scratched': 'with scratches|covered in scratches|scratched all over|with scratch '
        'marks',
        'creased': 'with creases|crumpled|folded and unfolded|with fold marks',
    },
}
_ADJECTIVES = {
    'outline': {
        'bold': 'bold|thick-lined', 'fine': 'delicate|fine-lined',
        'searching': 'sketchy|rough',
        'clumsy': 'clumsy|wobbly|shaky', 'brush': 'calligraphic|brush-drawn',
    },
    'fill': {
        'flat': 'flat', 'hatched': 'hatched', 'scribbled': 'scribbled|scribbly',
        'glossy': 'glossy|shiny', 'stippled': 'stippled', 'washed': 'watery|runny',
        'carved': 'carved', 'pierced': 'perforated', 'cel': 'cel-shaded',
        'shaded': 'softly shaded', 'brushed': 'painterly', 'bare': 'unfilled',
    },
    'texture': {'smooth': 'smooth', 'grain': 'grainy', 'speckled': 'speckled'},
    'palette': {
        'natural': 'naturally colored', 'bright': 'colorful|vivid|brightly colored',
        'pastel': 'pastel|pale', 'neon': 'neon|glowing', 'earth': 'earth-colored|ochre',
        'muted': 'muted|subdued', 'gray': 'black and white|gray|colorless',
        'sepia': 'sepia|brown', 'blue': 'blue', 'golden': 'golden|warm',
        'black': 'black|dark',
        'marble': 'white|marble', 'stone': 'stone-colored|stony', 'bronze': 'bronze',
    },
    'light': {
        'dramatic': 'dramatic|moody', 'behind': 'backlit', 'rim': 'rim-lit',
        'side': 'side-lit', 'even': 'evenly lit',
    },
    'damage': {
        'cracked': 'cracked', 'worn': 'worn|damaged', 'faded': 'faded|washed-out',
        'stained': 'stained', 'scratched': 'scratched', 'creased': 'crumpled|creased',
    },
}  # fmt: skip
# what goes without saying is said less often
_PLAIN = ('none', 'even', 'smooth', 'natural')
_OPTIONAL = ATTRIBUTES[1:]


def _one(rng: Rng, words: str) -> str:
    return str(rng.choice(words.split('|')))


def _with_article(words: str) -> str:
    return f'{"an" if words[0] in "aeiou" else "a"} {words}'


def describe_style(rng: Rng, style: Style) -> str:
    """Describe a style in one of many wordings; some attributes are left out.

    Such as ``'a cracked fresco of people in earth colors, with thick black outlines'``.
    """
    told = [
        name
        for name in rng.permutation([n for n in _OPTIONAL if getattr(style, n)])
        if rng.random() < (0.25 if getattr(style, name) in _PLAIN else 1.0)
    ]
    told = told[: rng.integers(1, 6)]
    kind = _one(rng, _MEDIA[style.medium] if rng.random() < 0.92 else _ANY_MEDIUM)
    adjectives, phrases = [], []
    for name in told:
        value = getattr(style, name)
        adjective = _ADJECTIVES.get(name, {}).get(value)
        if adjective and len(adjectives) < 2 and rng.random() < 0.45:
            adjectives.append(_one(rng, adjective))
        else:
            phrases.append(_one(rng, _PHRASES[name][value]))
    kind = ', '.join([*adjectives[:-1], ' '.join([*adjectives[-1:], kind])])
    subject = _one(rng, _SUBJECTS)
    form = rng.choice(['of', 'of', 'of', 'tags', 'showing', 'sentence', 'first'])
    if form == 'tags':
        return ', '.join([kind, *(p.removeprefix('with ') for p in phrases)])
    if form == 'first':
        return ', '.join([f'{subject}: {kind}', *phrases])
    if form == 'showing':
        return ', '.join([f'{_with_article(kind)} showing {subject}', *phrases])
    if form == 'sentence':
        text = f'This is {_with_article(kind)} of {subject}'
        return f'{text}. {", ".join(phrases).capitalize()}.' if phrases else f'{text}.'
    head = f'{_with_article(kind)} of {subject}'
    if not phrases:
        return head
    first, *rest = phrases
    return f'{head} {first}' + ''.join(f', {phrase}' for phrase in rest)
