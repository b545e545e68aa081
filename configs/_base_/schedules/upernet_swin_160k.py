# 160k iterations of AdamW, 6e-5 for a batch of 16 (Swin's and MoBY's segmentation code), which
# other batches scale. The same warm-up and decrease as for ViT; no layer-wise decay.
_base_ = './upernet_vit_160k.py'

optim_wrapper = dict(
    optimizer=dict(lr=6e-5, weight_decay=0.01),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # Norms of the encoder and bias tables are not decayed; biases are.
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={
            'relative_position_bias_table': dict(decay_mult=0.0),
            'norm': dict(decay_mult=0.0),
        }),
)
