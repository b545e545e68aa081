# Masked BYOL ViT-B/16, 800 epochs, 40 of warm-up: the paper has no number.
# Light augmentation and class attention as in vit-b_300e.py.
# Train: tools/dist_train.sh configs/masked_byol/vit-b.py 32
# Cost: 207 H100 hours at 40% MFU, 20 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/masked_byol.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]
