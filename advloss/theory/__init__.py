"""What theory says of adversarial losses, tried with this package's own: experiments for tests, and for `page.draw`."""
