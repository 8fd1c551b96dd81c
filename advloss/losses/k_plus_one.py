"""A classifier as a discriminator: K classes of real images, and one more for the fakes."""

from typing import Annotated, Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.core.limits import at_least, check_limits
from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.stabilisers.feature_matching import check_gives_features, flat, mean_matching

GeneratorLoss = Literal["feature_matching", "non_saturating"]


class KPlusOne(nn.Module):
    """Salimans et al. 2016, arXiv:1606.03498, section 5: semi-supervised learning with K + 1 classes.

    The classifier gives K logits l_1 .. l_K; the logit of the class of fakes is fixed at 0, so that with
    Z = sum_k exp l_k the probability of a real image is D(x) = Z / (Z + 1).
    The discriminator minimises L_supervised + unlabelled_weight * L_unsupervised,
        L_supervised = -E log softmax(l(x))[label] at labelled images, the K classes given that the image is real,
        L_unsupervised = -E log D(x) at unlabelled images - E log (1 - D(x)) at fakes.
    The generator minimises |E f(x) - E f(G(z))|^2, f the classifier's last hidden layer, at unlabelled images
    (`feature_matching`, as in the paper's experiments; see `mean_matching`), or -E log D(G(z)) (`non_saturating`).

    classifier: the method's network, from images to logits [B, K], which the player `discriminator` trains.
    unlabelled_weight: 1 in the paper; the authors' code halves L_unsupervised.
    Computed in float32 at least. Raises InputError for a method without a classifier, and for a classifier without
    features where they are matched.
    """

    def __init__(
        self,
        classifier: nn.Module | None = None,
        generator_loss: GeneratorLoss = "feature_matching",
        unlabelled_weight: Annotated[float, at_least(0)] = 1.0,
    ) -> None:
        super().__init__()
        if classifier is None:
            raise InputError("k_plus_one trains the method's classifier, and this method has none; use semi_supervised")
        if generator_loss not in get_args(GeneratorLoss):
            raise InputError(unknown("generator_loss", generator_loss, get_args(GeneratorLoss)))
        if generator_loss == "feature_matching":
            check_gives_features(classifier)
        check_limits(self, unlabelled_weight=unlabelled_weight)
        self.classifier = classifier
        self.generator_loss = generator_loss
        self.unlabelled_weight = unlabelled_weight

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """The generator's loss: a scalar. fake, real: [B, C, H, W], the second unlabelled."""
        if self.generator_loss == "non_saturating":
            return F.softplus(-log_z(self._detached(fake))).mean()
        (_, of_fake), (_, of_real) = (self._detached(x, features=True) for x in (fake, real.detach()))
        return mean_matching(flat(of_fake)[-1], flat(of_real)[-1])

    def discriminator_loss(self, fake: Tensor, real: Tensor, *, labelled: Tensor, label: Tensor) -> Tensor:
        """The classifier's loss: a scalar. fake, real: [B, C, H, W]; labelled: [B', C, H, W], label: int64 [B']."""
        of_fake, of_real, of_labelled = (self.classifier(x.detach()) for x in (fake, real, labelled))
        supervised = F.cross_entropy(at_least_float32(of_labelled), label)
        unsupervised = F.softplus(-log_z(of_real)).mean() + F.softplus(log_z(of_fake)).mean()
        return supervised + self.unlabelled_weight * unsupervised

    def _detached(self, x: Tensor, **options: Any) -> Any:
        parameters = {name: parameter.detach() for name, parameter in self.classifier.named_parameters()}
        return torch.func.functional_call(self.classifier, parameters, (x,), options)


def log_z(logits: Tensor) -> Tensor:
    """log sum_k exp l_k, the logit of D: [B, K] -> [B], in float32 at least."""
    return at_least_float32(logits).logsumexp(1)
