"""Styles as named attributes, and which of them go together."""

from dataclasses import dataclass, fields, replace

import numpy as np

from ..figure import Outfit
from ..scene import SceneSpec
from ..styles import wardrobe

Rng = np.random.Generator


@dataclass(frozen=True)
class Style:
    """A way of drawing; each attribute is a value of :data:`VALUES`.

    To be described, but not painted, an attribute may be empty: nothing is said about it.
    ``seed`` decides about what has no name, the same in every image of the style: hues, the
    width of lines, the side that light comes from.
    """

    medium: str
    outline: str
    fill: str
    texture: str
    palette: str
    light: str
    proportion: str
    background: str
    damage: str
    seed: int = 0


ATTRIBUTES: tuple[str, ...] = tuple(f.name for f in fields(Style) if f.name != 'seed')

_TEXTURES = 'smooth paper canvas plaster wood cloth dots grain speckled'
_LIGHTS = 'even side above below rim behind dramatic'
_ANY = {
    'outline': 'none fine bold searching brush clumsy lead pale colored',
    'fill': 'bare flat cel shaded hatched scribbled washed brushed glossy paned pierced '
    'stippled carved',
    'texture': _TEXTURES,
    'palette': 'natural bright pastel neon earth muted gray sepia blue golden black marble '
    'stone bronze',
    'light': _LIGHTS,
    'proportion': 'natural bigheaded chibi slender stout stick longlimbed',
    'background': 'blank hills rays scenery night pools mist waves garden panes screen '
    'studio hall bands slab',
    'damage': 'none cracked worn faded stained scratched creased',
}

# what each medium is usually combined with, common values more than once
_USUAL = {
    'pencil': {
        'outline': 'searching searching fine', 'fill': 'bare hatched hatched shaded',
        'texture': 'paper grain', 'palette': 'gray gray sepia blue', 'light': 'even side',
        'background': 'blank blank blank scenery mist hills',
        'damage': 'none none stained creased faded',
    },
    'charcoal': {
        'outline': 'searching brush none', 'fill': 'shaded hatched',
        'texture': 'paper grain', 'palette': 'gray gray sepia black',
        'light': 'side dramatic below', 'background': 'blank mist studio scenery',
        'damage': 'none none stained worn',
    },
    'crayon': {
        'outline': 'clumsy clumsy colored', 'fill': 'scribbled scribbled flat hatched',
        'texture': 'paper grain', 'palette': 'bright bright pastel', 'light': 'even',
        'proportion': 'stick stick chibi stout bigheaded', 'damage': 'none none creased',
        'background': 'garden garden blank hills',
    },
    'ink': {
        'outline': 'brush brush fine', 'fill': 'washed washed bare flat stippled',
        'texture': 'paper paper cloth', 'palette': 'gray gray sepia blue muted',
        'light': 'even side', 'proportion': 'natural slender longlimbed',
        'background': 'mist mist blank waves', 'damage': 'none none stained faded',
    },
    'watercolor': {
        'outline': 'none none fine searching', 'fill': 'washed', 'texture': 'paper',
        'palette': 'natural bright pastel pastel muted', 'light': 'even side',
        'background': 'pools pools blank mist hills', 'damage': 'none none stained faded',
    },
    'oil': {
        'outline': 'none none none bold', 'fill': 'brushed',
        'texture': 'canvas canvas smooth', 'palette': 'golden golden natural bright muted',
        'light': 'side dramatic behind', 'background': 'scenery scenery studio night hills',
        'damage': 'none none cracked faded',
    },
    'fresco': {
        'outline': 'fine bold colored', 'fill': 'flat shaded cel',
        'texture': 'plaster plaster speckled', 'palette': 'earth earth muted sepia',
        'light': 'even', 'background': 'bands bands blank hall hills',
        'damage': 'cracked cracked worn faded', 'proportion': 'natural stout slender',
    },
    'woodblock': {
        'outline': 'fine fine bold brush', 'fill': 'flat flat flat hatched',
        'texture': 'wood paper cloth', 'palette': 'muted muted earth blue bright',
        'light': 'even', 'proportion': 'natural slender longlimbed',
        'background': 'waves waves mist blank hills', 'damage': 'none faded stained worn',
    },
    'cel': {
        'outline': 'bold bold bold colored fine', 'fill': 'flat cel cel',
        'texture': 'smooth smooth dots', 'palette': 'bright bright pastel natural neon',
        'light': 'even side', 'proportion': 'bigheaded bigheaded chibi natural longlimbed',
        'background': 'hills rays blank studio night', 'damage': 'none',
    },
    'digital': {
        'outline': 'none none colored pale', 'fill': 'glossy glossy shaded cel',
        'texture': 'smooth grain', 'palette': 'neon neon bright pastel blue',
        'light': 'rim rim behind dramatic', 'damage': 'none scratched',
        'proportion': 'natural longlimbed bigheaded slender',
        'background': 'night night studio rays scenery',
    },
    'puppet': {
        'outline': 'none pale', 'fill': 'flat pierced pierced',
        'texture': 'cloth cloth smooth',
        'palette': 'black black black sepia bright', 'light': 'behind',
        'background': 'screen screen blank', 'damage': 'none none worn',
        'proportion': 'natural bigheaded longlimbed',
    },
    'glass': {
        'outline': 'lead', 'fill': 'paned paned flat', 'texture': 'smooth speckled',
        'palette': 'neon bright bright golden blue', 'light': 'behind even',
        'background': 'panes panes bands', 'damage': 'none none scratched',
        'proportion': 'natural stout bigheaded',
    },
    'plastic': {
        'outline': 'none', 'fill': 'glossy', 'texture': 'smooth smooth grain',
        'palette': 'bright bright pastel neon', 'light': 'above side rim',
        'proportion': 'bigheaded bigheaded chibi natural longlimbed',
        'background': 'studio studio hall', 'damage': 'none none scratched',
    },
    'relief': {
        'outline': 'none none fine', 'fill': 'carved',
        'texture': 'speckled speckled plaster',
        'palette': 'stone stone marble earth', 'light': 'side even above',
        'background': 'slab slab bands', 'damage': 'none worn cracked',
        'proportion': 'natural stout slender',
    },
    'statue': {
        'outline': 'none', 'fill': 'shaded shaded glossy',
        'texture': 'smooth speckled grain',
        'palette': 'marble marble bronze bronze stone', 'light': 'side above dramatic',
        'background': 'hall hall studio scenery', 'damage': 'none worn cracked stained',
        'proportion': 'natural stout slender',
    },
    'collage': {
        'outline': 'none none pale', 'fill': 'flat', 'texture': 'paper cloth dots grain',
        'palette': 'bright pastel muted earth', 'light': 'even above',
        'background': 'blank hills rays garden', 'damage': 'none creased faded',
    },
    'mosaic': {
        'outline': 'bold none', 'fill': 'flat cel shaded', 'texture': 'speckled smooth',
        'palette': 'earth golden bright muted', 'light': 'even',
        'background': 'blank bands rays hills', 'damage': 'none worn cracked',
        'proportion': 'natural stout bigheaded',
    },
    'chalk': {
        'outline': 'pale pale searching', 'fill': 'bare scribbled hatched flat',
        'texture': 'grain speckled', 'palette': 'gray pastel bright', 'light': 'even side',
        'background': 'blank blank hills', 'damage': 'none worn stained',
        'proportion': 'natural bigheaded stick',
    },
}  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    'medium': tuple(_USUAL),
    **{name: tuple(values.split()) for name, values in _ANY.items()},
}
# how often an attribute does not follow from the medium
_FREEDOM = 0.12


def sample_style(rng: Rng) -> Style:
    """Sample a style whose attributes mostly go together."""
    medium = str(rng.choice(VALUES['medium']))
    style = {'medium': medium}
    for name, values in _ANY.items():
        usual = _USUAL[medium].get(name, values)
        style[name] = str(
            rng.choice((values if rng.random() < _FREEDOM else usual).split())
        )
    if style['fill'] == 'bare' and style['outline'] == 'none':
        # nothing would be seen
        style['outline'] = 'fine'
    return Style(**style, seed=int(rng.integers(2**31)))


def vary(style: Style, attribute: str) -> list[Style]:
    """List the styles that differ from a style in one attribute."""
    own = getattr(style, attribute)
    return [replace(style, **{attribute: v}) for v in VALUES[attribute] if v != own]


_BUILDS = {
    'natural': {},
    'bigheaded': {'head': 1.45, 'legs': 0.9, 'feet': 1.15},
    'chibi': {'head': 2.0, 'legs': 0.78, 'arms': 0.88, 'feet': 1.25, 'girth': 1.1},
    'slender': {'girth': 0.8, 'head': 0.92, 'legs': 1.06},
    'stout': {'girth': 1.3, 'head': 1.1, 'legs': 0.94},
    'stick': {'head': 1.8, 'legs': 0.88, 'girth': 0.55, 'hips': 1.3, 'shoulders': 0.9},
    'longlimbed': {'legs': 1.16, 'arms': 1.1, 'head': 0.95, 'torso': 1.05},
}
_POSES = (wardrobe.LIVELY, wardrobe.CALM, wardrobe.HEROIC, wardrobe.CEREMONIAL)
_POSES += (wardrobe.DANCE,)
_OUTFITS = (
    Outfit.sample, Outfit.sample, wardrobe.robed, wardrobe.costume, wardrobe.draped,
    wardrobe.dancer, wardrobe.gymnast,
)  # fmt: skip


def sample_spec(rng: Rng, style: Style) -> SceneSpec:
    """Sample who an image of a style shows: their build is the style's proportion."""
    return SceneSpec(
        _POSES[rng.integers(len(_POSES))],
        _BUILDS[style.proportion],
        _OUTFITS[rng.integers(len(_OUTFITS))],
        back_view=0.1,
        profile=float(rng.choice([0.1, 0.3, 0.6])),
        cropped=0.03,
        occluded=0,
        margin=0.03,
    )


def _told(text: str) -> Style:
    values = text.replace('-', '').split(' ')
    return Style(**dict(zip(ATTRIBUTES, values, strict=True)))


# What the painters of the artificial scenarios draw; - is what differs among their images.
SCENARIO_STYLES: dict[str, Style] = {
    'cartoon': _told('cel bold cel smooth bright even bigheaded - none'),
    'digital_art': _told('digital none glossy smooth neon rim longlimbed night none'),
    'ink_painting': _told('ink brush washed paper gray side natural mist none'),
    'kids_drawing': _told('crayon clumsy scribbled paper bright even stick garden none'),
    'mural': _told('fresco bold flat plaster earth even stout bands cracked'),
    'oil_painting': _told('oil none brushed canvas golden side natural scenery none'),
    'shadow_play': _told('puppet none pierced cloth black behind natural screen none'),
    'sketch': _told('pencil searching hatched paper - side natural blank none'),
    'stained_glass': _told('glass lead paned smooth bright behind stout panes none'),
    'ukiyoe': _told('woodblock fine flat paper muted even longlimbed waves none'),
    'watercolor': _told('watercolor none washed paper - side natural pools none'),
    'garage_kits': _told('plastic none glossy smooth bright above bigheaded studio none'),
    'relief': _told('relief none carved speckled stone side natural slab none'),
    'sculpture': _told('statue none shaded smooth - side natural hall none'),
}
