# ccMIM ViT-B/16 on iNaturalist 2018, 360 epochs: 75.6 from 800 epochs of pre-training (paper, Table
# 4). Epochs and learning rate are the paper's; the rest is MAE's recipe, erasing as in iBOT (ours).
# Give the pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/inat18_finetune.py',
    '../../_base_/schedules/finetune_fine_grained.py',
    '../../_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=8142))
