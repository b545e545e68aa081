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
        ('target_backbone.', 'ema.backbone.'),
        ('target_projector.', 'ema.projector.'),
        ('backbone.', 'backbone.'),
        ('projector.', 'projector.'),
        ('pixel_decoder.', 'pixel_decoder.'),
        ('feature_decoder.', 'feature_decoder.'),
        # Encoders alone; never written by to_released, which finds the prefixed names first.
        ('cls_token', 'backbone.cls_token'),
        ('pos_embed', 'backbone.pos_embed'),
        ('patch_embed.', 'backbone.patch_embed.'),
        ('layers.{i}.', 'backbone.layers.{i}.'),
        ('ln1.', 'backbone.ln1.'),
    ],
)
