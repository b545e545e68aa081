# Masked MoCo ViT-B/16, 300 epochs, global batch 4096: 83.6 after fine-tuning (paper, Table 5).
# Light augmentation; that class attention belongs to this model is our interpretation.
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco.py',
    '../_base_/masked_moco_runtime.py',
]
