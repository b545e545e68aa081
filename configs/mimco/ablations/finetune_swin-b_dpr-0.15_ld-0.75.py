# Table 6, Swin-B, 100 epochs, fine-tuned with drop path 0.15 and layer decay 0.75: 83.79.
_base_ = '../transfer/in1k-finetune_swin-b.py'

model = dict(backbone=dict(drop_path_rate=0.15))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
