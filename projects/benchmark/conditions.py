"""Under which conditions everything is measured."""

from dataclasses import dataclass, field

import torch

DTYPES = dict(float32=torch.float32, bf16=torch.bfloat16)


@dataclass(frozen=True)
class Conditions:
    """What the model pairs have in common.

    Attributes:
        device (torch.device): Where the models run.
        dtype (str): One of :data:`DTYPES`; the second one by autocast.
        compiled (bool): Whether the models go through ``torch.compile``.
        rounds (int): How often each model pair is measured, at least 1.
        batch_sizes (tuple[int, ...]): Images at once in prediction, each at least 1.
        train_batch_size (int): Images at once in training, at least 1.

    Raises:
        ValueError: If a number is below 1, the dtype is unknown, or there is no such
            device.
    """

    device: torch.device = field(default_factory=lambda: torch.device('cpu'))
    dtype: str = 'float32'
    compiled: bool = False
    rounds: int = 10
    batch_sizes: tuple[int, ...] = (1, 8)
    train_batch_size: int = 8

    def __post_init__(self) -> None:
        numbers = {
            'the number of rounds': self.rounds,
            'the batch size of training': self.train_batch_size,
        }
        numbers |= {f'batch size {size}': size for size in self.batch_sizes}
        for name, number in numbers.items():
            if number < 1:
                raise ValueError(f'{name} must be at least 1, got {number}.')
        if not self.batch_sizes:
            raise ValueError('There is no batch size; give at least one.')
        if self.dtype not in DTYPES:
            raise ValueError(f'Unknown dtype {self.dtype!r}; choose one of {[*DTYPES]}.')
        if self.device.type == 'cuda' and not torch.cuda.is_available():
            raise ValueError('There is no CUDA device here; take the device cpu.')

    def autocast(self) -> torch.autocast:
        """Compute in the dtype inside a ``with`` block; does nothing for float32."""
        dtype = DTYPES[self.dtype]
        return torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32)
