# Masked BYOL ViT-B/16, 800 epochs, 40 of warm-up: the paper has no number.
# Light augmentation and class attention as in vit-b_300e.py.
_base_ = [
    '../_base_/models/masked_byol.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]
