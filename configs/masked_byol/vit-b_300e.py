# Masked BYOL ViT-B/16, 300 epochs, global batch 4096: the paper has no number.
# Light augmentation; that class attention belongs to this model is our interpretation.
_base_ = [
    '../_base_/models/masked_byol.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco.py',
    '../_base_/masked_moco_runtime.py',
]
