# CMAE ViT-B/16, 1600 epochs: 84.7 after fine-tuning (paper, Table 1).
_base_ = [
    '../_base_/models/cmae.py',
    '../_base_/datasets/imagenet_pixel_shift.py',
    '../_base_/schedules/cmae.py',
    '../_base_/pretraining_runtime.py',
]

train_cfg = dict(max_epochs=1600)
