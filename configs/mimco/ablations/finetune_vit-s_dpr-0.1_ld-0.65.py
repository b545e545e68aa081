# Table 6, ViT-S, 100 epochs, fine-tuned with drop path 0.1 and layer decay 0.65: 82.34.
_base_ = '../transfer/in1k-finetune_vit-s.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.65))
