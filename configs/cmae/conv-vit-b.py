# CMAE* on a hybrid convolutional ViT, 1600 epochs: 85.3 after fine-tuning (paper, Table 2). The
# paper does not describe the encoder further; this is ConvMAE's, which has the size of ViT-B.
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(_delete_=True, type='mcl_plugins.MaskedConvViT', arch='base', img_size=224),
    pixel_decoder=dict(with_cls_token=False),
    feature_decoder=dict(with_cls_token=False),
)
