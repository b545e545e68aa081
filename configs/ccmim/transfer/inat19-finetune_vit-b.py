# ccMIM ViT-B/16 on iNaturalist 2019, 360 epochs: 81.0 from 800 epochs of pre-training (paper, Table
# 4). As on iNaturalist 2018.
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/inat19_finetune.py',
    '../../_base_/schedules/finetune_fine_grained.py',
    '../../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=1010))
