"""How often a scenario classifier is right."""

from collections import Counter

from torch.utils.data import DataLoader

from vlpose_mm.datasets.scenarios import SCENARIOS
from vlpose_mm.engine.scenario_fit import original_maps
from vlpose_mm.models.routing import by_picture
from vlpose_mm.models.scenario_classifier import Decision, ScenarioClass, box_scores
from vlpose_mm.models.vlpose import VLPoseEstimator

COUNTS = ('people', 'pictures', 'scenario_correct', 'side_correct')


def measure_scenarios(model: VLPoseEstimator, loader: DataLoader) -> dict:
    """Compare what a classifier decides with what the pictures are.

    Decides as prediction does on pictures that nobody labelled: people of a picture who
    are in a batch together decide, the others follow.

    Args:
        model (VLPoseEstimator): With a fitted classifier.
        loader (DataLoader): Labelled pictures; a picture without scenario is a photo.

    Returns:
        dict: Ready for JSON: ``scenarios``, a list with a dict for each scenario and for
        photos (``name`` ``None``), and ``total``, a dict. Each has ``people``,
        ``pictures``, and how many of the pictures got the right scenario
        (``scenario_correct``) and were rightly called natural or artificial
        (``side_correct``).

    Raises:
        ValueError: If the classifier is not fitted.
    """
    classifier = model.scenario_classifier
    rows: dict[str | None, Counter] = {}
    decided = set()
    for feature_map, samples in original_maps(model, loader):
        log_probs = classifier(feature_map)  # B, S
        for picture, which in by_picture(samples).items():
            info = samples[which[0]].metainfo
            truth = ScenarioClass(info['scenario'], info.get('group'), '')
            row = rows.setdefault(truth.scenario, Counter())
            row['people'] += len(which)
            if picture not in decided:
                decided.add(picture)
                scores = box_scores([samples[i] for i in which])
                row.update(_judge(classifier.decide(log_probs[which], scores), truth))
    order = [*SCENARIOS, *sorted(name for name in rows if name), None]
    scenarios = [
        dict(name=name, **{key: rows[name][key] for key in COUNTS})
        for name in dict.fromkeys(order)
        if name in rows
    ]
    total = {key: sum(row[key] for row in scenarios) for key in COUNTS}
    return dict(scenarios=scenarios, total=total)


def _judge(decision: Decision, truth: ScenarioClass) -> dict[str, int]:
    """Count one picture."""
    return dict(
        pictures=1,
        scenario_correct=int(decision.scenario_class.scenario == truth.scenario),
        side_correct=int(decision.natural == truth.natural),
    )
