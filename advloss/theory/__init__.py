"""Theory of adversarial losses, checked with this package's losses: experiments for tests and for `page.draw`."""
