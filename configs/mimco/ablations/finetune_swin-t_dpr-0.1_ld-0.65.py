# Table 6, Swin-T, 100 epochs, fine-tuned with drop path 0.1 and layer decay 0.65: 81.58.
_base_ = '../transfer/in1k-finetune_swin-t.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.65))
