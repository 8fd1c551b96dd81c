"""(g) A file format that is only read: pictures as text, a row of grey levels a line."""

import io

import numpy as np

from advloss import images, main


def decode(content: bytes) -> np.ndarray:
    """uint8 [H, W]."""
    return np.loadtxt(io.BytesIO(content), dtype=np.uint8, ndmin=2)


images.FORMATS[".levels"] = images.Format("LEVELS", decode)
if __name__ == "__main__":
    main()
