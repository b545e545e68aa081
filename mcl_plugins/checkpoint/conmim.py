"""Tensor names of released ConMIM checkpoints.

``checkpoint-E.pth`` is the student of epoch E and ``checkpoint_copy-E.pth`` its EMA teacher.
"""

from .renaming import Renaming, vit_blocks

CONMIM = Renaming(
    'a released ConMIM checkpoint',
    [
        ('cls_token', 'backbone.cls_token'),
        ('mask_token', 'backbone.mask_token'),
        ('rel_pos_bias.', 'backbone.rel_pos_bias.'),
        ('patch_embed.proj.', 'backbone.patch_embed.projection.'),
        *vit_blocks('blocks.{i}.', 'backbone.layers.{i}.'),
        ('norm.', 'backbone.ln1.'),
        # The projector; its batch norms follow the linear layers 0, 3 and 6.
        ('projectors.0.', 'neck.fc0.'),
        ('projectors.1.', 'neck.bn0.'),
        ('projectors.3.', 'neck.fc1.'),
        ('projectors.4.', 'neck.bn1.'),
        ('projectors.6.', 'neck.fc2.'),
        ('projectors.7.', 'neck.bn2.'),
        # Fine-tuned models.
        ('fc_norm.', 'backbone.ln2.'),
        ('head.', 'head.fc.'),
    ],
    dropped=['lm_head.'],  # the released code builds it but never uses it
)
