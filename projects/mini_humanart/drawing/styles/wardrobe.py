"""Clothes and pose mixes that several scenarios share."""

import numpy as np

from ..figure import Outfit

Rng = np.random.Generator

ACROBATIC = {
    'handstand': 28, 'cartwheel': 14, 'split': 16, 'arabesque': 16, 'leaping': 14,
    'lunging': 8, 'dancing': 8,
}  # fmt: skip
DANCE = {
    'dancing': 45, 'arabesque': 14, 'leaping': 14, 'cheering': 14, 'lunging': 7,
    'standing': 6,
}  # fmt: skip
CEREMONIAL = {
    'standing': 52, 'walking': 16, 'bowing': 10, 'cheering': 17, 'dancing': 5,
}  # fmt: skip
LIVELY = {
    'standing': 28, 'walking': 12, 'running': 14, 'cheering': 14, 'dancing': 12,
    'lunging': 8, 'leaping': 6, 'sitting': 3, 'crouching': 3,
}  # fmt: skip
CALM = {
    'standing': 50, 'walking': 18, 'sitting': 8, 'cheering': 10, 'dancing': 8,
    'bowing': 6,
}  # fmt: skip
HEROIC = {
    'standing': 40, 'cheering': 16, 'walking': 10, 'lunging': 14, 'dancing': 12,
    'crouching': 4, 'running': 4,
}  # fmt: skip


def _pick(rng: Rng, names: str) -> str:
    return str(rng.choice(names.split()))


def gymnast(rng: Rng) -> Outfit:
    """A leotard with bare or covered legs."""
    return Outfit(
        _pick(rng, 'none long'),
        _pick(rng, 'trousers shorts'),
        False,
        _pick(rng, 'bun ponytail short short'),
    )


def dancer(rng: Rng) -> Outfit:
    """A light dress or tight trousers."""
    legwear = _pick(rng, 'skirt skirt trousers')
    return Outfit(
        _pick(rng, 'none short long'),
        legwear,
        legwear == 'skirt',
        _pick(rng, 'bun ponytail short'),
    )


def costume(rng: Rng) -> Outfit:
    """A cape, horns, a hat or a crown over something colorful."""
    legwear = _pick(rng, 'trousers skirt shorts')
    extras = rng.choice(['cape', 'horns', 'hat', 'crown', 'cape'], 2)
    return Outfit(
        _pick(rng, 'long short none'),
        legwear,
        legwear == 'skirt',
        _pick(rng, 'long long ponytail bun short'),
        tuple(dict.fromkeys(str(e) for e in extras)),
        1.25,
    )


def robed(rng: Rng) -> Outfit:
    """A robe with wide sleeves."""
    extras = ((), (), ('hat',), ('crown',))[rng.integers(4)]
    return Outfit('wide', 'robe', True, _pick(rng, 'bun bun long short'), extras)


def robed_or_plain(rng: Rng) -> Outfit:
    """A robe for two in three, else everyday clothes."""
    return robed(rng) if rng.random() < 0.66 else Outfit.sample(rng)


def draped(rng: Rng) -> Outfit:
    """What ancient statues wear: little, or a long drape."""
    legwear = _pick(rng, 'shorts shorts skirt robe')
    return Outfit('none', legwear, legwear == 'skirt', _pick(rng, 'short short bun afro'))
