"""Released CMAE checkpoints: whole pre-training states, encoders alone, or fine-tuned models."""

from .renaming import Renaming

CMAE = Renaming(
    'a released CMAE checkpoint',
    [
        # Fine-tuned models.
        ('backbone.fc_norm.', 'backbone.ln2.'),
        ('head.head.', 'head.fc.'),
        # Pre-training. Decoders and projector are called the same here.
        ('head.predictor.', 'predictor.'),
        ('target_backbone.', 'target.backbone.'),
        ('target_projector.', 'target.projector.'),
        *((f'{part}.', f'{part}.') for part in ('backbone', 'projector')),
        *((f'{part}.', f'{part}.') for part in ('pixel_decoder', 'feature_decoder')),
        # Encoders alone; never written by to_released, which finds the prefixed names first.
        *((name, f'backbone.{name}') for name in ('cls_token', 'pos_embed', 'patch_embed.')),
        *((name, f'backbone.{name}') for name in ('layers.{i}.', 'ln1.')),
    ],
)
