# Our recipe for ViT: low-rank updates of the backbone that the text prompt steers, the
# wiring of the released weights with batch norms of its own, and gates.
overlay = dict(
    backbone=dict(lora=dict(rank=16)),
    head=dict(wiring='released', tuned_norms=True, gate_init=0.1),
)
