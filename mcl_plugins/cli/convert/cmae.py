"""Convert released CMAE checkpoints into this package's, and back.

    python tools/convert/cmae.py released.pth cmae.pth
    python tools/convert/cmae.py cmae.pth released.pth --to-released

Takes whole pre-training states, encoders alone (they come to stand under ``backbone.``) and
fine-tuned models, which become an ``ImageClassifier``'s.
"""

from ...checkpoint.cmae import CMAE
from .single_file import convert_file


def main() -> None:
    """Convert the file of the command line."""
    convert_file(CMAE, __doc__, released_key='state_dict')
