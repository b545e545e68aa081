"""A data set in ADE20K's folders, made of random blocks."""

import numpy as np
from PIL import Image


def make_ade20k(root, sizes, labels=(0, 1, 2, 150)):
    """Write an image and a label map of each (height, width) for training and validation.

    Label maps are blocks of 8 px of ``labels``; 0 is "unlabelled".
    """
    rng = np.random.default_rng(0)
    for split in ('training', 'validation'):
        for kind in ('images', 'annotations'):
            (root / kind / split).mkdir(parents=True)
        for index, (height, width) in enumerate(sizes):
            blocks = rng.choice(labels, (-(-height // 8), -(-width // 8))).astype(np.uint8)
            blocks = blocks.repeat(8, 0).repeat(8, 1)[:height, :width]
            image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            Image.fromarray(image).save(root / 'images' / split / f'{index}.jpg')
            Image.fromarray(blocks).save(root / 'annotations' / split / f'{index}.png')
    return root
