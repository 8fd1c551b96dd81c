"""Where the published sets are downloaded from, and the SHA-256 of those whose checksum somebody has published."""

import os
from collections.abc import Sequence

HOST = "efrosgans.eecs.berkeley.edu"
CHECKSUMS = {
    "cyclegan/datasets/apple2orange.zip": "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8",
    "cyclegan/datasets/cezanne2photo.zip": "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff",
    "cyclegan/datasets/facades.zip": "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0",
    "cyclegan/datasets/horse2zebra.zip": "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1",
    "cyclegan/datasets/iphone2dslr_flower.zip": "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113",
    "cyclegan/datasets/maps.zip": "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e",
    "cyclegan/datasets/monet2photo.zip": "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04",
    "cyclegan/datasets/summer2winter_yosemite.zip": "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
    "cyclegan/datasets/ukiyoe2photo.zip": "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08",
    "cyclegan/datasets/vangogh2photo.zip": "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff",
}
"""By their path on the server. Source: TensorFlow Datasets, tensorflow_datasets/url_checksums/cycle_gan.txt, which took
them from the authors' former address (people.eecs.berkeley.edu/~taesung_park/CycleGAN). For the archives of pix2pix
nobody is known to have published any: the SHA-256 of the first download is recorded, and later ones are compared."""


def addresses(path: str) -> list[str]:
    """The addresses to try for a path on the server, in this order: https, then http; or $ADVLOSS_DATA_URL alone.

    The server's certificate is not always one that is trusted, so that https alone would reach nothing on some days.
    """
    return mirrored(path, [f"https://{HOST}/{path}", f"http://{HOST}/{path}"])


def mirrored(path: str, published: Sequence[str]) -> list[str]:
    """The address of a path below $ADVLOSS_DATA_URL, if that is set; else the published ones."""
    mirror = os.environ.get("ADVLOSS_DATA_URL")
    return [f"{mirror.rstrip('/')}/{path}"] if mirror else list(published)
