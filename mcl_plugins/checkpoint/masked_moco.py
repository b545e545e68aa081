"""Tensor names of Masked MoCo in golden files, and in released MoCo v3 checkpoints."""

from .mocov3 import mlp_layers, mocov3_names
from .renaming import Renaming, vit_encoder

# No checkpoint of Masked MoCo is released; these are the names in the golden files.
MASKED_MOCO = Renaming(
    'a golden Masked MoCo file',
    [
        *vit_encoder('online.', 'backbone.'),
        *mlp_layers('projector.', (0, 1, 3, 4, 6, 7), 'projector.'),
        *vit_encoder('target.', 'ema.backbone.'),
        *mlp_layers('target_projector.', (0, 1, 3, 4, 6, 7), 'ema.projector.'),
        *mlp_layers('predictor.', (0, 1, 3, 4), 'predictor.'),
    ],
)
MOCOV3 = mocov3_names(
    projector='projector.',
    target='ema.backbone.',
    target_projector='ema.projector.',
    predictor='predictor.',
)
