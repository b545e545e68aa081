# MAE's schedule. The released code lists the parameters without weight decay by name. The
# weights of batch norms are not among them, so they have it.
_base_ = './mae.py'

optim_wrapper = dict(
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={
            'ln': dict(decay_mult=0.0),
            'bias': dict(decay_mult=0.0),
            'cls_token': dict(decay_mult=0.0),
            'mask_token': dict(decay_mult=0.0),
        },
    )
)
