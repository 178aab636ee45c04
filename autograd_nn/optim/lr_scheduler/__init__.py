"""Learning rate schedules, with PyTorch's names, arguments and sequences."""

from .cycles import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from .cycles import CyclicLR as CyclicLR
from .cycles import OneCycleLR as OneCycleLR
from .decays import ConstantLR as ConstantLR
from .decays import CosineAnnealingLR as CosineAnnealingLR
from .decays import ExponentialLR as ExponentialLR
from .decays import LinearLR as LinearLR
from .decays import MultiStepLR as MultiStepLR
from .decays import PolynomialLR as PolynomialLR
from .decays import StepLR as StepLR
from .functions import LambdaLR as LambdaLR
from .functions import MultiplicativeLR as MultiplicativeLR
from .plateau import ReduceLROnPlateau as ReduceLROnPlateau
from .scheduler import LRScheduler as LRScheduler
from .sequences import ChainedScheduler as ChainedScheduler
from .sequences import SequentialLR as SequentialLR
