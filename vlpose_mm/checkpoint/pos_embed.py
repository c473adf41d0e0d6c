"""Position embeddings of checkpoints made for other grids."""

import math

import torch.nn.functional as F
from torch import Tensor


def split_pos_embed(table: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Drop the class token's row, if there is one, and find the grid of the rest.

    Args:
        table (Tensor): Position embeddings, 1 x (hw or hw + 1) x C.
        grid (tuple[int, int]): Rows and columns wanted. The table's grid is taken to have
            the same aspect ratio, or else to be square.

    Returns:
        tuple[Tensor, tuple[int, int]]: Table without class token and its (h, w).

    Raises:
        ValueError: If no such grid has that many rows.
    """
    for ratio in (grid, (1, 1)):
        for num_extra in (0, 1):
            num_rows = table.shape[1] - num_extra
            scale = math.sqrt(num_rows / math.prod(ratio))
            source = (round(ratio[0] * scale), round(ratio[1] * scale))
            if (
                math.prod(source) == num_rows
                and source[0] * ratio[1] == source[1] * ratio[0]
            ):
                return table[:, num_extra:], source
    raise ValueError(
        f'pos_embed has {table.shape[1]} rows, which is neither a grid of the aspect '
        f'ratio {grid[0]} : {grid[1]} nor a square, with or without a class token.'
    )


def resize_pos_embed(
    table: Tensor, source: tuple[int, int], target: tuple[int, int]
) -> Tensor:
    """Interpolate position embeddings to another grid (bicubic).

    Args:
        table (Tensor): Position embeddings, 1 x hw x C.
        source (tuple[int, int]): Rows and columns of ``table``.
        target (tuple[int, int]): Rows and columns wanted.

    Returns:
        Tensor: Position embeddings, 1 x h'w' x C; ``table`` itself if nothing changes.
    """
    if tuple(source) == tuple(target):
        return table
    grid = table.reshape(1, *source, -1).permute(0, 3, 1, 2)  # 1, C, h, w
    grid = F.interpolate(grid.float(), size=target, mode='bicubic', align_corners=False)
    return grid.to(table.dtype).flatten(2).transpose(1, 2)  # 1, h'w', C
