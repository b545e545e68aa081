# UperNet on ConMIM's ViT-B/16, as BEiT's code has it for models that were fine-tuned on ImageNet
# before: relative positions in each block and no absolute ones, layer scale.
_base_ = './upernet_vit.py'

model = dict(
    backbone=dict(
        type='mcl_plugins.DenseBEiTViT', layer_scale_init_value=0.1, table_resizing='bilinear'
    ),  # paper, Table 12; BEiT's code: 'spline'
)
