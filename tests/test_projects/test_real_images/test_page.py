"""The tables of the results."""

from projects.real_images.page import (
    ap_pck,
    domain_table,
    gap_table,
    identical_predictions,
    set_table,
)


def row(set_name: str, route: str, pck: float | None, **more) -> dict:
    scores = dict(AP=-1.0, AR=0.5, OKS=0.5, PCK=pck, PCK_all=0.1, instances=7)
    return (
        dict(
            model='ours',
            route=route,
            bboxes='true',
            set=set_name,
            sha256=f'{set_name}{route}',
            images=10,
            right_domain=0.5,
            subsets=dict(all=scores),
        )
        | more
    )


def test_a_missing_score_is_a_dash() -> None:
    table = set_table([row('lspet', 'original', None)], ap_pck)
    assert '| ours, original | - / - |' in table and '| instances      | 7     |' in table


def test_the_gap_between_photos_and_paintings_is_that_of_the_painted_photos() -> None:
    photos = row('coco_subset', 'original', 0.9)
    photos['subsets']['painted'] = dict(photos['subsets']['all'], PCK=0.8)
    rows = [
        photos,
        row('coco_painted', 'original', 0.4),
        row('coco_painted', 'tuned', 0.7),
    ]
    assert (
        '| ours | .800   | .400                | .700             | 75 %   |'
        in gap_table(rows)
    )
    assert gap_table(rows[:1]) == ''


def test_right_domains_are_averaged_over_images() -> None:
    rows = [
        row('lspet', 'auto', 0.5, bboxes='whole-image', images=30, right_domain=1.0),
        row('pose_depot', 'auto', 0.5, bboxes='whole-image', right_domain=0.5),
        row('lspet', 'tuned', 0.5),
    ]
    assert '| ours | whole images | 100.0 | 50.0       | 87.5       |' in domain_table(rows)


def test_models_with_the_same_predictions_are_listed() -> None:
    rows = [row('lspet', 'original', 0.5), row('lspet', 'tuned', 0.5)]
    base = dict(rows[0], model='base')
    assert identical_predictions([base, *rows]) == [
        '- lspet: base, original = ours, original'
    ]
    assert identical_predictions(rows) == []
