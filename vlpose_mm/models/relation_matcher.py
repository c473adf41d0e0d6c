"""Relate picture and words (method, part 3)."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from vlpose_mm.models.checkpoint_fit import check_fit
from vlpose_mm.models.text_encoders import TextFeatures


@MODELS.register_module()
class RelationMatcher(BaseModule):
    """Attention from every patch to all patches and all words of its sentence.

    With X the flattened feature map E and T' the text tokens projected to its width:
    ``R = LayerNorm(W_o softmax(W_q X (W_k [X; T'])^T / sqrt(C / heads)) W_v [X; T'] + X)``.
    Keys and values of the words are computed once per distinct sentence; padding gets no
    attention.

    Args:
        embed_dims (int): Width C of the feature map.
        text_dims (int): Width D of the text tokens. Where D = C they are not projected.
        num_heads (int): Number of heads; divides C.
        attn_drop_rate (float): Dropout of the attention weights in training, in [0, 1).
        init_cfg (dict, optional): Initialization config.

    Raises:
        ValueError: If ``num_heads`` does not divide ``embed_dims``.
    """

    def __init__(
        self,
        embed_dims: int,
        text_dims: int,
        num_heads: int = 8,
        attn_drop_rate: float = 0.1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if embed_dims % num_heads:
            raise ValueError(
                f'RelationMatcher: num_heads={num_heads} does not divide the width of '
                f'the feature map, {embed_dims}.'
            )
        self.num_heads = num_heads
        self.attn_drop_rate = attn_drop_rate
        self.text_proj = (
            nn.Identity() if text_dims == embed_dims else nn.Linear(text_dims, embed_dims)
        )
        self.q = nn.Linear(embed_dims, embed_dims)
        self.k = nn.Linear(embed_dims, embed_dims)
        self.v = nn.Linear(embed_dims, embed_dims)
        self.proj = nn.Linear(embed_dims, embed_dims)
        self.norm = nn.LayerNorm(embed_dims)
        self._register_load_state_dict_pre_hook(self.fit_checkpoint)

    def forward(self, feature_map: Tensor, text: TextFeatures) -> Tensor:
        """Compute the relation features R.

        Args:
            feature_map (Tensor): E, B x C x h x w.
            text (TextFeatures): The sentences of the batch.

        Returns:
            Tensor: R, B x C x h x w.
        """
        B, C, h, w = feature_map.shape
        x = feature_map.flatten(2).transpose(1, 2)  # B, hw, C
        words = self.text_proj(text.tokens.to(x.dtype))  # U, L, C

        q = self._split_heads(self.q(x))  # B, heads, hw, C/heads
        k = torch.cat([self.k(x), self.k(words)[text.index]], dim=1)  # B, hw+L, C
        v = torch.cat([self.v(x), self.v(words)[text.index]], dim=1)  # B, hw+L, C
        is_word = text.mask[text.index]  # B, L
        is_key = torch.cat([is_word.new_ones(B, h * w), is_word], dim=1)  # B, hw+L
        attended = F.scaled_dot_product_attention(
            q,
            self._split_heads(k),
            self._split_heads(v),
            attn_mask=is_key[:, None, None],
            dropout_p=self.attn_drop_rate if self.training else 0.0,
        )  # B, heads, hw, C/heads
        attended = attended.transpose(1, 2).reshape(B, h * w, C)
        relation = self.norm(self.proj(attended) + x)  # B, hw, C
        return relation.transpose(1, 2).reshape(B, C, h, w)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Split the width into heads: B x N x C -> B x heads x N x C/heads."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def fit_checkpoint(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Load hook: refuse a misfit, such as one tuned with text of another width."""
        check_fit(self, state_dict, prefix)
