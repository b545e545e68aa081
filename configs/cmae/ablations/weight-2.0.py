# Table 4d, contrastive weight 2.0: 83.2.
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(loss_weight=2.0))
