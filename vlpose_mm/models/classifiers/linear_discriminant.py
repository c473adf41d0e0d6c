"""Linear discriminant analysis from sums over instances."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.dist import all_reduce
from torch import Tensor

# Candidates, the most cautious first, which is used if no instance is held out. Typical of
# real features: shrinkages of 0.001 to 0.1 and temperatures of 1.5 to 3.
SHRINKAGES = (0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
TEMPERATURES = tuple(2 ** (k / 4) for k in range(16, -5, -1))


class ScenarioStatistics:
    """Sums over the instances of each class, with ``dims`` features C, in float64."""

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._counts: dict[str | None, int] = {}
        self._sums: dict[str | None, Tensor] = {}  # C each
        self._squares = torch.zeros(dims, dims, dtype=torch.float64)

    def add(self, features: Tensor, names: Sequence[str | None]) -> None:
        """Add instances with features N x C and these N classes."""
        features = features.double()
        for name, feature in zip(names, features, strict=True):
            self._counts[name] = self._counts.get(name, 0) + 1
            self._sums[name] = self._sums.get(name, 0) + feature
        self._squares += features.T @ features

    def total(self, names: Sequence[str | None]) -> 'Sums':
        """Add up all processes, which name the S classes in the same order."""
        nothing = torch.zeros(self.dims, dtype=torch.float64)
        sums = Sums(
            torch.tensor([self._counts.get(n, 0) for n in names], dtype=torch.float64),
            torch.stack([self._sums.get(n, nothing) for n in names]),
            self._squares.clone(),
        )
        for part in sums:
            all_reduce(part)
        return sums


class Sums(NamedTuple):
    """Sums over instances.

    Attributes:
        counts (Tensor): Instances of each class, S.
        features (Tensor): Sum of their features, S x C.
        squares (Tensor): Sum of the features' outer products over all classes, C x C.
    """

    counts: Tensor
    features: Tensor
    squares: Tensor


def discriminant(sums: Sums, shrinkage: float) -> tuple[Tensor, Tensor]:
    """Compute a linear discriminant without prior.

    With the means mu_c, their mean m, and the pooled covariance within classes S, shrunk
    to (1 - shrinkage) S + shrinkage trace(S) / C I, the log-likelihood of class c is, up
    to a constant, (x - m) . w_c - (mu_c - m) . w_c / 2 with
    w_c = S^-1 (mu_c - m).

    Args:
        sums (Sums): Of at least one instance of each class.
        shrinkage (float): In (0, 1]; 0 fails, as a norm before the features makes S
            singular.

    Returns:
        tuple[Tensor, Tensor]: Weights S x C and biases S, in float64.

    Raises:
        ValueError: If every class has one instance, so that nothing varies within.
    """
    counts, features, squares = sums
    freedom = counts.sum().item() - len(counts)
    if freedom < 1:
        raise ValueError(
            f'{len(counts)} classes have {counts.sum():.0f} instances, too few to '
            'fit a scenario classifier; give more training images.'
        )
    means = features / counts[:, None]  # S, C
    covariance = (squares - features.T @ means) / freedom  # C, C
    eye = torch.eye(len(covariance), dtype=covariance.dtype)
    covariance = covariance.lerp(covariance.trace() / len(covariance) * eye, shrinkage)
    middle = means.mean(dim=0)
    weight = torch.linalg.solve(covariance, (means - middle).T).T  # S, C
    return weight, -((means + middle) * weight).sum(dim=1) / 2


def balanced_log_prior(natural: Tensor) -> Tensor:
    """Return log-probabilities S in float64: half for each side, equal within it.

    ``natural`` (bool, S) names the side of each class. The frequencies of a data set say
    nothing about other images.
    """
    sizes = torch.where(natural, natural.sum(), (~natural).sum())
    return -torch.log(2.0 * sizes.double())


def choose_hyperparameters(
    sums: Sums,
    log_prior: Tensor,
    features: Tensor,
    labels: Tensor,
    shrinkages: Sequence[float] = SHRINKAGES,
) -> tuple[float, float]:
    """Choose shrinkage and temperature by the likelihood of held-out instances.

    Discriminants of many correlated features are overconfident; the temperature divides
    their log-likelihoods. Instances are weighted so that the prior holds. Every process
    returns the same.

    Args:
        sums (Sums): Of the other instances.
        log_prior (Tensor): Of the classes, S.
        features (Tensor): Of this process's held-out instances, N x C; N may be 0.
        labels (Tensor): Their classes, int64, N.
        shrinkages (Sequence[float]): Candidates.
    """
    present = sums.counts > 0
    sums = Sums(sums.counts[present], sums.features[present], sums.squares)
    log_prior = log_prior[present]
    kept = present[labels]
    features, labels = features[kept].double(), (present.cumsum(0) - 1)[labels[kept]]
    counts = torch.bincount(labels, minlength=len(log_prior)).double()
    all_reduce(counts)
    weights = (log_prior.exp() / counts)[labels]  # N
    losses = torch.zeros(len(shrinkages), len(TEMPERATURES), dtype=torch.float64)
    for row, shrinkage in zip(losses, shrinkages, strict=True):
        weight, bias = discriminant(sums, shrinkage)
        scores = torch.addmm(bias, features, weight.T)  # N, S
        for k, temperature in enumerate(TEMPERATURES):
            log_probs = (scores / temperature + log_prior).log_softmax(dim=1)
            picked = log_probs.gather(1, labels[:, None])[:, 0]
            row[k] = -(weights * picked).sum()
    all_reduce(losses)
    best = int(losses.argmin())
    return shrinkages[best // len(TEMPERATURES)], TEMPERATURES[best % len(TEMPERATURES)]
