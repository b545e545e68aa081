"""Tensor names of released CMAE checkpoints: pre-training models, encoders, fine-tuned models."""

from .renaming import Renaming

CMAE = Renaming(
    'a released CMAE checkpoint',
    [
        # Fine-tuned models.
        ('backbone.fc_norm.', 'backbone.ln2.'),
        ('head.head.', 'head.fc.'),
        # Pre-training. Decoders and projector have the same names in both.
        ('head.predictor.', 'predictor.'),
        ('target_backbone.', 'ema.backbone.'),
        ('target_projector.', 'ema.projector.'),
        ('backbone.', 'backbone.'),
        ('projector.', 'projector.'),
        ('pixel_decoder.', 'pixel_decoder.'),
        ('feature_decoder.', 'feature_decoder.'),
        # Encoders alone. to_released never writes these: the prefixed names above match first.
        ('cls_token', 'backbone.cls_token'),
        ('pos_embed', 'backbone.pos_embed'),
        ('patch_embed.', 'backbone.patch_embed.'),
        ('layers.{i}.', 'backbone.layers.{i}.'),
        ('ln1.', 'backbone.ln1.'),
    ],
)
