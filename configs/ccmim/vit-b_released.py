# ccMIM ViT-B/16 as the released code runs it: four batches of 1024 per optimizer step, and lambda
# 0.1.
_base_ = 'vit-b.py'

model = dict(contrast_head=dict(loss_weight=0.1))
optim_wrapper = dict(accumulative_counts=4)
