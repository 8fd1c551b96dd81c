"""`python -m tests.demo.serving WORDS`: the command line, with methods that a script of a user's own may have."""

import torch

from advloss.cli.main import main
from advloss.recipe import components
from tests.inference import own


class Slow(own.OwnTranslator):
    """As `OwnTranslator`; a picture takes at least a second."""

    class network(own.Negative):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            import time

            time.sleep(1)
            return super().forward(x)


METHODS: dict[str, type[own.Own]] = {
    "turn": own.OwnTranslator,
    "slow": Slow,
    "holes": own.OwnInpainter,
    "tokens": own.OwnTokenizer,
    "noise": own.OwnGenerator,
}
if __name__ == "__main__":
    components.METHODS |= METHODS
    main()
