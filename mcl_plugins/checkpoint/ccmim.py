"""Tensor names of released ccMIM checkpoints (``checkpoint-E.pth``), which are MAE's names."""

from .renaming import Renaming, vit_blocks, vit_encoder

CCMIM = Renaming(
    'a released ccMIM checkpoint',
    [
        *vit_encoder('', 'backbone.'),
        ('mask_token', 'decoder.mask_token'),
        ('decoder_pos_embed', 'decoder.decoder_pos_embed'),
        ('decoder_embed.', 'decoder.decoder_embed.'),
        *vit_blocks('decoder_blocks.{i}.', 'decoder.decoder_blocks.{i}.'),
        ('decoder_norm.', 'decoder.ln1.'),
        ('decoder_pred.', 'decoder.decoder_pred.'),
        # The projector; its batch norms follow the linear layers 0 and 3.
        ('projector.0.', 'projector.fc0.'),
        ('projector.1.', 'projector.bn0.'),
        ('projector.3.', 'projector.fc1.'),
        ('projector.4.', 'projector.bn1.'),
        # Fine-tuned models.
        ('fc_norm.', 'backbone.ln2.'),
        ('head.', 'head.fc.'),
    ],
)
