"""The discriminant against normal densities, and the choice of its hyperparameters."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from vlpose_mm.models.classifiers.linear_discriminant import (
    SHRINKAGES,
    TEMPERATURES,
    ScenarioStatistics,
    Sums,
    balanced_log_prior,
    choose_hyperparameters,
    discriminant,
)

NAMES = ['dance', 'mural', None]
DIMS = 4
LOG_PRIOR = balanced_log_prior(torch.tensor([True, False, True]))


def draw(count: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw instances of Gaussian classes with one covariance."""
    labels = torch.arange(count) % len(NAMES)
    generator = torch.Generator().manual_seed(count)
    mixing = torch.randn(DIMS, DIMS, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(count, DIMS, generator=generator) @ mixing
    return 5 + 3 * torch.eye(len(NAMES), DIMS)[labels] + spread * noise, labels


def sums_of(features: Tensor, labels: Tensor) -> Sums:
    """Sum up in batches of 7."""
    statistics = ScenarioStatistics(DIMS)
    for part, of_part in zip(features.split(7), labels.split(7), strict=True):
        statistics.add(part, [NAMES[k] for k in of_part])
    return statistics.total(NAMES)


@pytest.mark.parametrize('shrinkage', [0.001, 0.3])
def test_the_discriminant_is_that_of_normal_densities(shrinkage: float) -> None:
    features, labels = draw(50)
    weight, bias = discriminant(sums_of(features, labels), shrinkage)
    features = features.double()
    means = torch.stack([features[labels == k].mean(dim=0) for k in range(3)])
    centered = features - means[labels]
    covariance = centered.T @ centered / (50 - 3)
    spherical = torch.eye(DIMS, dtype=torch.float64) * covariance.diagonal().mean()
    covariance = (1 - shrinkage) * covariance + shrinkage * spherical
    want = [MultivariateNormal(mean, covariance).log_prob(features) for mean in means]
    scores = features @ weight.T + bias
    torch.testing.assert_close(scores.softmax(1), torch.stack(want, 1).softmax(1))


def test_the_temperature_is_how_much_further_held_out_instances_scatter() -> None:
    sums = sums_of(*draw(3000))
    for spread, want in ((1.0, 1.0), (2.0, 4.0)):
        # A temperature is a factor of the covariance.
        _, temperature = choose_hyperparameters(sums, LOG_PRIOR, *draw(6000, spread))
        assert want / 1.2 < temperature < want * 1.2


def test_few_instances_need_more_shrinkage_and_none_the_most() -> None:
    few, _ = choose_hyperparameters(sums_of(*draw(9)), LOG_PRIOR, *draw(3000))
    many, _ = choose_hyperparameters(sums_of(*draw(6000)), LOG_PRIOR, *draw(3000))
    assert few > many
    none = torch.zeros(0, DIMS), torch.zeros(0, dtype=torch.int64)
    chosen = choose_hyperparameters(sums_of(*draw(30)), LOG_PRIOR, *none)
    assert chosen == (max(SHRINKAGES), max(TEMPERATURES))


def test_a_class_that_is_all_held_out_does_not_count() -> None:
    features, labels = draw(300)
    sums = sums_of(features[labels != 1], labels[labels != 1])
    features, labels = draw(30)
    others = features[labels != 1], labels[labels != 1]
    without = choose_hyperparameters(sums, LOG_PRIOR, *others)
    assert choose_hyperparameters(sums, LOG_PRIOR, features, labels) == without


def test_each_side_has_half_of_the_prior_and_one_instance_of_each_class_is_too_few() -> (
    None
):
    log_prior = balanced_log_prior(torch.tensor([True, False, False, True, False]))
    want = torch.tensor([1 / 4, 1 / 6, 1 / 6, 1 / 4, 1 / 6], dtype=torch.float64)
    torch.testing.assert_close(log_prior.exp(), want)
    with pytest.raises(ValueError, match='3 classes have 3 instances, too few'):
        discriminant(sums_of(*draw(3)), 0.1)
