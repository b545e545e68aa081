# Table 6, Swin-B, 100 epochs, fine-tuned with drop path 0.2 and layer decay 0.75: 83.88.
_base_ = '../transfer/in1k-finetune_swin-b.py'

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
