"""Other projects' training iterations, run from the user's checkout. None of their code is here.

A peer is recognised by its files, imported from its folder at run time, built from our own resolved recipe (so that
widths, weights and rates are the same on both sides), and called as its own training loop calls it.
"""

from pathlib import Path

from advloss.core.errors import InputError
from tools.benchmarks.peers.base import Peer
from tools.benchmarks.peers.basicsr import BasicSR
from tools.benchmarks.peers.junyanz import CycleGAN, Pix2Pix
from tools.benchmarks.peers.taesungp import CUT, FastCUT
from tools.benchmarks.peers.taming import Taming

PEERS: tuple[type[Peer], ...] = (CycleGAN, Pix2Pix, BasicSR, Taming, CUT, FastCUT)


def peers_in(path: Path) -> list[type[Peer]]:
    """The peers in the checkout at `path`. Raises InputError if there is none."""
    found = [peer for peer in PEERS if all((path / mark).is_file() for mark in peer.marks)]
    if not found:
        projects = ", ".join(dict.fromkeys(peer.project for peer in PEERS))
        raise InputError(f"--peer {path}: is no checkout of {projects}")
    return found


def peer_for(path: Path, recipe: str) -> type[Peer]:
    """The peer in the checkout that trains the same as `recipe`. Raises InputError if there is none."""
    found = peers_in(path)
    for peer in found:
        if peer.recipe == recipe:
            return peer
    names = " or ".join(peer.recipe for peer in found)
    raise InputError(f"--peer {path}: {found[0].project} is a peer for --recipe {names}, not for {recipe}")
