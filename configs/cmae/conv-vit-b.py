# CMAE* on a hybrid convolutional ViT, 1600 epochs: 85.3 after fine-tuning (paper, Table 2). The
# paper does not describe the encoder further; this is ConvMAE's, which has the size of ViT-B.
# Train: tools/dist_train.sh configs/cmae/conv-vit-b.py 32
# Cost: 290 H100 hours at 40% MFU, 18 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(_delete_=True, type='mcl_plugins.MaskedConvViT', arch='base', img_size=224),
    pixel_decoder=dict(with_cls_token=False),
    feature_decoder=dict(with_cls_token=False),
)
