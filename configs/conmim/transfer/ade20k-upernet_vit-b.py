# ConMIM ViT-B/16 on ADE20K, UperNet: mIoU 49.8 from 800 epochs of pre-training and fine-tuning on
# ImageNet (paper, Tables 2 and 12; BEiT's code). The paper sweeps the learning rate over 1e-5,
# 3e-5, 5e-5 and 7e-5; this is BEiT's. Give the fine-tuned classifier (in1k-finetune_vit-b.py) with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/upernet_conmim.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=3e-5), paramwise_cfg=dict(layer_decay_rate=0.9))
