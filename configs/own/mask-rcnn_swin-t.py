# Objects of your own classes: Mask R-CNN on Swin-T from mimco_swin-t.py (or moby_swin-t.py).
_base_ = '../mimco/transfer/coco-mask-rcnn_swin-t.py'

from mcl_plugins.own import detection

globals().update(detection(
    _base_,
    data='data/objects',
    classes=('cow', 'goat'),  # categories of the COCO files
    checkpoint='work_dirs/own/mimco_swin-t/epoch_100.pth',
    train=('train.json', 'train'),
    val=('val.json', 'val'),
    masks=True,  # False: the files have boxes only
    count=1000,  # of the training images, roughly
    batch_size=4,
    epochs=36))
