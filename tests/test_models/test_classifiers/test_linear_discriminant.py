"""The closed form against densities, and how caution is chosen."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from vlpose_mm.models.classifiers.linear_discriminant import (
    SHRINKAGES,
    TEMPERATURES,
    ScenarioStatistics,
    Sums,
    balanced_log_prior,
    choose_cautions,
    discriminant,
)

NAMES = ['dance', 'mural', None]
DIMS = 4


def people(count: int, spread: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw people of Gaussian classes with one covariance."""
    labels = torch.arange(count) % len(NAMES)
    generator = torch.Generator().manual_seed(count)
    mixing = torch.randn(DIMS, DIMS, generator=torch.Generator().manual_seed(0))
    centers = 3 * torch.eye(len(NAMES), DIMS)
    noise = torch.randn(count, DIMS, generator=generator) @ mixing
    return 5 + centers[labels] + spread * noise, labels


def sums_of(features: torch.Tensor, labels: torch.Tensor) -> Sums:
    """Sum up in batches of 7."""
    statistics = ScenarioStatistics(DIMS)
    for some, which in zip(features.split(7), labels.split(7), strict=True):
        statistics.add(some, [NAMES[k] for k in which])
    return statistics.total(NAMES)


@pytest.mark.parametrize('shrinkage', [0.001, 0.3])
def test_the_discriminant_is_that_of_normal_densities(shrinkage: float) -> None:
    features, labels = people(50)
    weight, bias = discriminant(sums_of(features, labels), shrinkage)
    features = features.double()
    means = torch.stack([features[labels == k].mean(dim=0) for k in range(3)])
    covariance = torch.zeros(DIMS, DIMS, dtype=torch.float64)
    for feature, k in zip(features, labels, strict=True):
        covariance += torch.outer(feature - means[k], feature - means[k]) / (50 - 3)
    spherical = torch.eye(DIMS, dtype=torch.float64) * covariance.diagonal().mean()
    covariance = (1 - shrinkage) * covariance + shrinkage * spherical
    wanted = torch.stack(
        [MultivariateNormal(mean, covariance).log_prob(features) for mean in means], dim=1
    )
    scores = features @ weight.T + bias
    torch.testing.assert_close(scores.softmax(dim=1), wanted.softmax(dim=1))


def test_each_side_has_half_of_the_prior() -> None:
    log_prior = balanced_log_prior(torch.tensor([True, False, False, True, False]))
    wanted = torch.tensor([1 / 4, 1 / 6, 1 / 6, 1 / 4, 1 / 6], dtype=torch.float64)
    torch.testing.assert_close(log_prior.exp(), wanted)


def test_the_temperature_is_how_much_further_held_out_people_scatter() -> None:
    sums = sums_of(*people(3000))
    log_prior = balanced_log_prior(torch.tensor([True, False, True]))
    for spread, wanted in ((1.0, 1.0), (2.0, 4.0)):
        # A temperature is a factor on the covariance.
        features, labels = people(6000, spread)
        _, temperature = choose_cautions(sums, log_prior, features, labels)
        assert wanted / 1.2 < temperature < wanted * 1.2


def test_few_people_of_many_features_ask_for_shrinkage() -> None:
    sums = sums_of(*people(9))
    log_prior = balanced_log_prior(torch.tensor([True, False, True]))
    few, _ = choose_cautions(sums, log_prior, *people(3000))
    many, _ = choose_cautions(sums_of(*people(6000)), log_prior, *people(3000))
    assert few > many


def test_nobody_held_out_leaves_the_most_cautious_choice() -> None:
    nobody = torch.zeros(0, DIMS), torch.zeros(0, dtype=torch.int64)
    log_prior = balanced_log_prior(torch.tensor([True, False, True]))
    chosen = choose_cautions(sums_of(*people(30)), log_prior, *nobody)
    assert chosen == (max(SHRINKAGES), max(TEMPERATURES))


def test_a_class_that_is_all_held_out_has_no_say() -> None:
    features, labels = people(300)
    sums = sums_of(features[labels != 1], labels[labels != 1])
    held = people(30)
    others = held[1] != 1
    log_prior = balanced_log_prior(torch.tensor([True, False, True]))
    with_it = choose_cautions(sums, log_prior, *held)
    assert with_it == choose_cautions(sums, log_prior, held[0][others], held[1][others])


def test_refuses_one_person_of_each_class() -> None:
    with pytest.raises(ValueError, match='3 classes have 3 instances, too few'):
        discriminant(sums_of(*people(3)), 0.1)
