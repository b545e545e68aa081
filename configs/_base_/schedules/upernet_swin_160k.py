# 160k iterations of AdamW, 6e-5 for a batch size of 16 (Swin's and MoBY's segmentation code); the
# learning rate is scaled for other batch sizes. The same warm-up and decay as for ViT; no
# layer-wise decay.
_base_ = './upernet_vit_160k.py'

optim_wrapper = dict(
    optimizer=dict(lr=6e-5, weight_decay=0.01),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # Norms of the encoder and bias tables have no weight decay; biases have it.
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={
            'relative_position_bias_table': dict(decay_mult=0.0),
            'norm': dict(decay_mult=0.0),
        },
    ),
)
