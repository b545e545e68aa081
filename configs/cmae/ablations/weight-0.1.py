# Table 4d, contrastive weight 0.1: 83.3.
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(loss_weight=0.1))
