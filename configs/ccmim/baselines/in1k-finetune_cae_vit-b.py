# CAE ViT-B/16 on ImageNet: 83.3 from 300 epochs of pre-training, 83.6 from 800 (paper, Table 1, whose
# recipe of ccMIM this is). The encoder is CAE's: layer scale, no bias of keys; its fixed positions
# are trained, and relative ones are added, as in CAE's and mmpretrain's fine-tuning.
_base_ = '../transfer/in1k-finetune_vit-b.py'

model = dict(
    backbone=dict(
        type='mcl_plugins.BEiTViT',
        layer_scale_init_value=0.1,
        use_abs_pos_emb=True,
        use_rel_pos_bias=True))
