"""`python -m advloss`, which torchrun needs: `torchrun --nproc-per-node 2 -m advloss -- train ...`."""

from advloss.cli import main

main()
