# Masked MoCo ViT-B/16, 800 epochs, 40 of warm-up: 83.8 after fine-tuning (paper, Table 5).
# Light augmentation and class attention as in vit-b_300e.py.
# Train: tools/dist_train.sh configs/masked_moco/vit-b.py 32
# Cost: 207 H100 hours at 40% MFU, 20 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/imagenet_light.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]
