"""Tensor names of MimCo in golden files."""

from .renaming import Renaming, vit_encoder

# Nothing is released: these are the names of the golden files.
HEADS = [
    (f'{level}_{theirs}.{place}.', f'{level}_contrast.{ours}.{layer}.')
    for level in ('patch', 'image')
    for theirs, ours in (
        ('projector', 'projector'),
        ('predictor', 'predictor'),
        ('projector_ema', 'target.projector'),
    )
    for place, layer in ((0, 'fc0'), (1, 'bn0'), (3, 'fc1'))
]
MIMCO = Renaming(
    'a golden MimCo file',
    [
        ('mask_token', 'backbone.mask_token'),
        *vit_encoder('student.', 'backbone.'),
        *vit_encoder('teacher.', 'teacher.'),
        *HEADS,
    ],
)
