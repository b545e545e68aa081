# CMAE* on COCO with ConvMAE's learning rate and batch, 8e-5 for 32 images (no number; 52.9 box AP in
# Table 3b may be either).
_base_ = '../transfer/coco-mask-rcnn_conv-vit-b.py'

optim_wrapper = dict(optimizer=dict(lr=8e-5), accumulative_counts=1)
auto_scale_lr = dict(base_batch_size=32)
