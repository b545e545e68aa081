# CMAE* on a hybrid convolutional ViT, 1600 epochs: 85.3 after fine-tuning (paper, Table 1). The
# paper says no more about the encoder; this is ConvMAE's, which is as large as ViT-B.
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(_delete_=True, type='mcl_plugins.MaskedConvViT', arch='base', img_size=224),
    pixel_decoder=dict(with_cls_token=False),
    feature_decoder=dict(with_cls_token=False),
)
