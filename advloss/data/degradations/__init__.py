"""What makes a small, worse picture from a large one, by name: `data.degradation: {name: second_order}`."""

from advloss.data.degradations.albumentations import Albumentations
from advloss.data.degradations.base import Degradation
from advloss.data.degradations.bicubic import Bicubic
from advloss.data.degradations.second_order import SecondOrder

__all__ = ["DEGRADATIONS", "Albumentations", "Bicubic", "Degradation", "SecondOrder"]

DEGRADATIONS: dict[str, type[Degradation]] = {
    "bicubic": Bicubic,
    "second_order": SecondOrder,
    "albumentations": Albumentations,
}
