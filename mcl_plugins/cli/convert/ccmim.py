"""Convert released ccMIM checkpoints into this package's, and back.

    python tools/convert/ccmim.py checkpoint-799.pth ccmim.pth
    python tools/convert/ccmim.py ccmim.pth checkpoint-799.pth --to-released

The names are MAE's, so MAE's own checkpoints convert too. A fine-tuned model becomes an
``ImageClassifier``'s file.
"""

from ...checkpoint.ccmim import CCMIM
from .single_file import convert_file


def main() -> None:
    """Convert the file of the command line."""
    convert_file(CCMIM, __doc__, released_key='model')
