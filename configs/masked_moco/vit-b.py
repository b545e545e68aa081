# Masked MoCo ViT-B/16, 800 epochs, 40 of warm-up: 83.8 after fine-tuning (paper, Table 5).
# Light augmentation and class attention as in vit-b_300e.py.
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]
