"""The command, also as `python -m advloss`, which torchrun needs: `torchrun --nproc-per-node 2 -m advloss -- train`."""

from advloss.core.console.interruption import leave_at_once


def main() -> None:
    """The `advloss` command, for which Ctrl-C counts from its first moment."""
    leave_at_once()
    from advloss.cli import main as command  # here, because the import takes a while

    command()


if __name__ == "__main__":
    main()
