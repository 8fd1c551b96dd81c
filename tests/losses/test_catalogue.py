"""Everything that has a name: its parameters are known to the recipes, and its documentation says where it is from."""

from typing import Any

import pytest

from advloss.losses.adversarial.augmentations import AUGMENTATIONS
from advloss.losses.adversarial.objectives import OBJECTIVES
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from advloss.losses.adversarial.weighting import WEIGHTINGS
from advloss.recipe.signatures import parameters_model

BY_NAME: dict[str, Any] = {**OBJECTIVES, **PENALTIES, **AUGMENTATIONS, "top_k": TopK, "unroll": Unroll}


@pytest.mark.parametrize("name", BY_NAME)
def test_defaults_are_its_signatures_and_pass_its_own_checks(name: str) -> None:
    component = BY_NAME[name]
    defaults = parameters_model(component)().model_dump()
    made, plain = component(**defaults), component()
    for parameter in defaults:
        if parameter != "p":  # ADA's, a buffer
            assert str(getattr(made, parameter)) == str(getattr(plain, parameter))


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_weightings_take_their_weights_and_parameters(name: str) -> None:
    parameters = parameters_model(WEIGHTINGS[name], frozenset({"weights"}))().model_dump()
    assert WEIGHTINGS[name](weights={"l1": 1.0, "adversarial": 0.5}, **parameters).weights["l1"] == 1


@pytest.mark.parametrize("name", [*PENALTIES, *AUGMENTATIONS, "top_k", "unroll"])
def test_a_paper_is_named(name: str) -> None:
    assert "arXiv:" in (BY_NAME[name].__doc__ or "")
