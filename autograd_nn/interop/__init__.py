"""Files and other libraries: saving and loading as safetensors."""

from .saving import load as load
from .saving import save as save
