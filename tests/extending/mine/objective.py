"""(a) A new objective: the hinge with a margin of one's own."""

from dataclasses import dataclass

from torch import Tensor

from advloss import Objective, components, main


@dataclass(frozen=True)
class MarginHinge(Objective):
    """E max(0, m - real) + E max(0, m + fake); -E fake. margin: m, above 0."""

    margin: float = 1.0

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return (self.margin - real.float()).relu().mean() + (self.margin + fake.float()).relu().mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return -fake.float().mean()


components.OBJECTIVES["margin_hinge"] = MarginHinge
if __name__ == "__main__":
    main()
