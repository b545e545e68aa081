# ccMIM ViT-B/16 on ADE20K, UperNet: mIoU 46.5 from 300 epochs of pre-training, 47.7 from 800
# (paper, Table 3; the text says FPN). Batch, iterations, layer decay and drop path are the paper's,
# the learning rate is ours; CAE's released configs have 1e-4 to 4e-4, so sweep it. The encoder is
# MAE's. Give the pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/upernet_vit.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=3e-4))
