# ConMIM ViT-B/16, 800 epochs: 83.7 after fine-tuning (paper, Table 1).
_base_ = [
    '../_base_/models/conmim.py',
    '../_base_/datasets/imagenet_one_crop.py',
    '../_base_/schedules/conmim.py',
    '../_base_/pretraining_runtime.py',
]
