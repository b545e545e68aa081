# CMAE ViT-B/16, 1600 epochs: 84.7 after fine-tuning (paper, Table 1).
# Train: tools/dist_train.sh configs/cmae/vit-b.py 32
# Cost: 162 H100 hours at 40% MFU, 10 GiB a GPU (computed, mcl bench cost).
_base_ = [
    '../_base_/models/cmae.py',
    '../_base_/datasets/imagenet_pixel_shift.py',
    '../_base_/schedules/cmae.py',
    '../_base_/pretraining_runtime.py',
]

train_cfg = dict(max_epochs=1600)
