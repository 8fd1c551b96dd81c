"""Each recipe's losses beside its authors' own code, on the same tensors. None of their code is here."""
