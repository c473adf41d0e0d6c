"""Accuracy of a scenario classifier."""

from collections import Counter

from torch.utils.data import DataLoader

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.engine.scenario_fitting import original_maps
from vlpose_mm.models.classifiers.scenario_classifier import ScenarioClass, bbox_scores_of
from vlpose_mm.models.pose_estimators.router import group_by_image
from vlpose_mm.models.pose_estimators.vlpose import VLPoseEstimator

COUNTS = ('instances', 'images', 'scenario_correct', 'domain_correct')


def measure_scenarios(model: VLPoseEstimator, loader: DataLoader) -> dict:
    """Compare the decisions of a classifier with the annotated scenarios.

    Decides as prediction does for images without annotation: from the instances of an
    image in its first batch.

    Args:
        model (VLPoseEstimator): A model with a fitted classifier.
        loader (DataLoader): Annotated images; those without a scenario are photos.

    Returns:
        dict: Ready for JSON: ``scenarios``, a list with a dict for each ``name`` (``None``
        for photos), and ``total``, a dict. Each has the number of ``instances``, of
        ``images``, and of images with the right scenario (``scenario_correct``) and the
        right domain, natural or artificial (``domain_correct``).

    Raises:
        ValueError: If the classifier is not fitted.
    """
    classifier = model.scenario_classifier
    rows: dict[str | None, Counter] = {}
    decided = set()
    for feature_map, samples in original_maps(model, loader):
        log_probs = classifier(feature_map)  # B, S
        for image, which in group_by_image(samples).items():
            info = samples[which[0]].metainfo
            truth = ScenarioClass(info['scenario'], info.get('group'), '')
            row = rows.setdefault(truth.scenario, Counter())
            row['instances'] += len(which)
            if image not in decided:
                decided.add(image)
                scores = bbox_scores_of([samples[i] for i in which])
                decision = classifier.decide(log_probs[which], scores)
                row['images'] += 1
                row['scenario_correct'] += (
                    decision.scenario_class.scenario == truth.scenario
                )
                row['domain_correct'] += decision.natural == truth.natural
    order = [*SCENARIOS, *sorted(name for name in rows if name), None]
    scenarios = [
        dict(name=name, **{key: rows[name][key] for key in COUNTS})
        for name in dict.fromkeys(order)
        if name in rows
    ]
    total = {key: sum(row[key] for row in scenarios) for key in COUNTS}
    return dict(scenarios=scenarios, total=total)
