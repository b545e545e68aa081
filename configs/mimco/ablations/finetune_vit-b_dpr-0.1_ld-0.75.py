# Table 6, ViT-B, 300 epochs, fine-tuned with drop path 0.1 and layer decay 0.75: 83.65.
_base_ = '../transfer/in1k-finetune_vit-b.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
