# Table 6, ViT-B, 300 epochs, fine-tuned with drop path 0.1 and layer decay 0.7: 83.64.
_base_ = '../transfer/in1k-finetune_vit-b.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.7))
