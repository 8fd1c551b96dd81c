"""Degradations by name, such as `data.degradation: {name: second_order}`. They make small pictures from large ones."""

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
