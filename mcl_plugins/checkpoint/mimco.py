"""Tensor names of MimCo in golden files."""

from .renaming import Renaming, vit_encoder

# No checkpoint of MimCo is released; these are the names in the golden files.
HEADS = [
    (f'{level}_{theirs}.{place}.', f'{ours}.{layer}.')
    for level in ('patch', 'image')
    for theirs, ours in (
        ('projector', f'{level}_contrast.projector'),
        ('predictor', f'{level}_contrast.predictor'),
        ('projector_ema', f'ema.{level}_projector'),
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
