"""Text prompts to test with: other words for the styles, and wrong sentences."""

# Style -> a wording for each of two lists: as people name a style, and as they describe
# what they see. They were not written for :file:`wordings.yaml`, and nothing is trained
# with them.
OTHER_WORDS = {
    'neural_painting_la_muse': (
        'something like Picasso',
        'abstract picture of bold shapes with black contours',
    ),
    'neural_painting_rain_princess': (
        'palette knife oil in the style of Afremov',
        'couple on a rainy street, bright smeared colors',
    ),
    'neural_painting_scream': (
        'in the manner of Edvard Munch',
        'swirling orange sky, dark anxious mood',
    ),
    'sketch': (
        'coloring page',
        'black outlines on white, no shading',
    ),
    'depth_render': (
        'ControlNet depth map',
        'gray 3D body, brighter where it is closer',
    ),
    'game_cartoon': (
        'sprite of a platformer hero',
        'big head, goggles, flat colors, plain background',
    ),
}
STYLES = tuple(OTHER_WORDS)
NUM_LISTS = 2
# Style -> the one least like it.
LEAST_LIKE = dict(
    neural_painting_la_muse='depth_render',
    neural_painting_rain_princess='sketch',
    neural_painting_scream='sketch',
    sketch='neural_painting_rain_princess',
    depth_render='neural_painting_la_muse',
    game_cartoon='neural_painting_scream',
)
