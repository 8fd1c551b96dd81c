"""(h) Three domains, each translated to the next, and back to the first."""

from advloss import Method, NetworkFactory, components, fields, main, uses

NEXT = {"a": "b", "b": "c", "c": "a"}


class Ring(Method):
    """G_ab, G_bc, G_ca: a picture that went through all three should be as before."""

    fields = {name: fields.Image(name) for name in NEXT}
    uses = {"translate": uses.Translate({f"{x}2{y}": uses.Direction(f"g_{x}{y}", x, y) for x, y in NEXT.items()})}
    tensors = {
        **{x: f"images of domain {x} [B, C, H, W]" for x in NEXT},
        **{f"fake_{x}": f"images translated to domain {x} [B, C, H, W]" for x in NEXT},
        **{f"cycle_{x}": f"images of domain {x} after three translations [B, C, H, W]" for x in NEXT},
    }

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        for x, y in NEXT.items():
            setattr(self, f"g_{x}{y}", generator(takes=x, gives=y))

    def forward(self, batch, wanted):
        made = dict(batch)
        for x, y in NEXT.items():
            z = NEXT[y]
            there = getattr(self, f"g_{x}{y}")(batch[x])
            made[f"fake_{y}"] = there
            made[f"cycle_{x}"] = getattr(self, f"g_{z}{x}")(getattr(self, f"g_{y}{z}")(there))
        return made


components.METHODS["ring"] = Ring
if __name__ == "__main__":
    main()
