"""Optimizers, learning rate schedules, clipping and averaging, with PyTorch's names, arguments and semantics."""

from . import lr_scheduler as lr_scheduler
from . import swa_utils as swa_utils
from .adam import Adam as Adam
from .adam import Adamax as Adamax
from .adam import AdamW as AdamW
from .adam import NAdam as NAdam
from .adam import RAdam as RAdam
from .adaptive import Adadelta as Adadelta
from .adaptive import Adagrad as Adagrad
from .adaptive import RMSprop as RMSprop
from .asgd import ASGD as ASGD
from .averaging import ExponentialMovingAverage as ExponentialMovingAverage
from .clipping import clip_grad_norm_ as clip_grad_norm_
from .clipping import clip_grad_value_ as clip_grad_value_
from .group import ParameterGroup as ParameterGroup
from .lbfgs import LBFGS as LBFGS
from .optimizer import Optimizer as Optimizer
from .rprop import Rprop as Rprop
from .sgd import SGD as SGD
