"""Fits what is known about voices in general, of voices that no measured recording has.

    mkdir others && cd others
    apt-get download ktuberling-data tuxpaint-stamps-default festival libestools2.5 \
        festlex-{cmu,poslex} festival-{ca,czech} festvox-{ca-ona-hts,kdlpc16k,italp16k,itapc16k} \
        festvox-suopuhe-{common,lj,mv} festvox-czech-{dita,krb,machac,ph}
    for package in *.deb; do dpkg -x $package .; done
    python bench/voice_space.py --voices voices --others others FILE

`voices` is as in bench/speakers.py, of which this takes the set `dev`. The others are people who
say words in other languages than the voices of the set `test`, and synthetic voices of Festival
that were cut from recordings of a person. Three folders in which several people speak are left out.
Writes the mean embeddings by telephone and with full sound, and the axes and variances of the
two-covariance model: `VoiceSpace` in parakeet_cli/speakers/clustering/space.py. There are fewer
voices than axes, so each covariance is drawn towards that of a sphere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.signal import butter, sosfiltfilt
from speakers import (
    BANDS,
    FULL,
    NOISE,
    RATE,
    Samples,
    Voice,
    collected,
    levelled,
    pool_of,
    share,
)

LONGEST = 60  # seconds of a voice
AT_MOST = 80  # files of a voice
LONG = 0.68  # seconds of a window that says enough
WITHIN_SPHERE, BETWEEN_SPHERE = 0.6, 0.3  # chosen with the thresholds

STAMPS = "be bg ca el es ro ru"  # usr/share/tuxpaint/stamps
TOYS = "ca de el es fi ga gl it nds ro ru sl sr sv uk wa"  # usr/share/ktuberling/sounds
SEVERAL = ("toys ca", "toys ru", "toys uk")

FESTIVAL = {
    "it": "lp_diphone pc_diphone",
    "cs": "czech_dita czech_krb czech_machac czech_ph",
    "fi": "hy_fi_mv_diphone suo_fi_lj_diphone",
    "ca": "upc_ca_ona_hts",
    "en": "ked_diphone",
}
TEXTS = {
    "it": "Il fiume era salito durante la notte. Nessuno nella fattoria ricordava una piena "
    "tanto alta. Portammo gli agnelli nel granaio due alla volta. La mattina dopo il "
    "ponte non c'era piu. Un vicino grida qualcosa attraverso la valle, ma il vento porta"
    " via le parole. Piu tardi trovammo la vecchia barca piena di foglie. Mia sorella "
    "rise per la prima volta dopo una settimana. Domani andremo in citta a comprare il "
    "pane e la farina.",
    "cs": "Dobry den, jak se dnes mate. Reka v noci stoupla a most byl pryc. Nikdo na statku "
    "nepamatoval tak vysokou vodu. Rano jsme nasli starou lodku plnou listi. Soused na "
    "nas volal pres celou dolinu. Moje sestra se poprve za cely tyden zasmala. Zitra "
    "pojedeme do mesta koupit chleba a mouku. Cesta k mori je dlouha, ale velmi krasna. "
    "Deti si hraji pod velkym stromem.",
    "fi": "Joki oli noussut aikaisin aamulla. Kukaan talossa ei muistanut niin paljon vetta. Me"
    " kannoimme lampaat ylos latoon kaksi kerrallaan. Aamulla silta oli poissa ja tie sen"
    " takana myos. Naapuri huusi jotakin laakson toiselta puolelta. Huomenna menemme "
    "kaupunkiin ostamaan leipaa ja jauhoja. Tie merelle on pitka mutta kaunis. Lapset "
    "leikkivat pihalla ison puun alla.",
    "ca": "El riu havia pujat durant la nit. Ningu no recordava tanta aigua a la masia. Vam "
    "portar els xais al graner de dos en dos. Al mati el pont ja no hi era. Un vei "
    "cridava alguna cosa des de l'altra banda de la vall. Mes tard vam trobar la barca "
    "vella plena de fulles. Dema anirem a la ciutat a comprar pa i farina. Els nens "
    "juguen al jardi sota un arbre gran.",
    "en": "The river had risen in the night. Nobody on the farm remembered water so high. We "
    "carried the lambs up to the barn, two at a time. In the morning the bridge was gone,"
    " and the road beyond it, too. Later we found the old boat, full of leaves and hardly"
    " damaged. My sister laughed for the first time in a week. The children play in the "
    "garden below a large tree.",
}
Values = NDArray[np.float64]


def others(folder: Path) -> Iterator[Voice]:
    """The voices of other people than those of bench/speakers.py."""
    stamps = folder / "usr/share/tuxpaint/stamps"
    for language in STAMPS.split():
        yield Voice(f"stamps {language}", some(stamps.rglob(f"*_desc_{language}.ogg")))
    for language in TOYS.split():
        if f"toys {language}" not in SEVERAL:
            sounds = (folder / "usr/share/ktuberling/sounds" / language).rglob("*")
            yield Voice(f"toys {language}", some(p for p in sounds if p.suffix in (".ogg", ".wav")))
    for language, names in FESTIVAL.items():
        for name in names.split():
            yield Voice(f"festival {name}", tuple(festival(folder, name, language)))


def some(paths: Iterator[Path]) -> tuple[Path, ...]:
    """At most 80 of them, from everywhere in their order."""
    found = sorted(paths)
    return tuple(found[:: max(1, len(found) // AT_MOST)][:AT_MOST])


def festival(folder: Path, name: str, language: str) -> Iterator[Path]:
    """The sentences of a language, by a voice of Festival, which needn't be installed."""
    root = folder.resolve()
    share = root / "usr/share/festival"
    for script in (share / "voices/czech").glob("*/festvox/*.scm"):
        text = script.read_text("latin-1").replace('"/usr/share', f'"{root}/usr/share')
        script.write_text(text, "latin-1")
    start = (
        f'(set! libdir "{share}") (set! datadir libdir) (load "{share}/init.scm")'
        f'(set! system-voice-path \'("{share}/voices/"))'
    )
    for number, sentence in enumerate(TEXTS[language].split(". ")):
        path = folder / f"{name}-{number}.wav"
        if not path.exists():
            say = (
                f'(begin {start} (voice_{name}) (set! said (Utterance Text "{sentence}"))'
                f'(utt.synth said) (utt.save.wave said "{path.resolve()}" \'riff))'
            )
            libraries = next((root / "usr/lib").glob("*-linux-*"))
            environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
            subprocess.run(
                [root / "usr/bin/festival", "-q", "-b", say], check=True, env=environment
            )
        yield path


def embedded(pool: Samples, band: tuple[float, float]) -> Values:
    """The embeddings of a voice's windows with these frequencies and noise, shape (n, 192)."""
    said = levelled(pool[: LONGEST * RATE])
    sound = sosfiltfilt(butter(4, band, "bandpass", fs=RATE, output="sos"), said)
    random = np.random.default_rng(len(pool))
    noise = random.normal(size=len(sound)) * 0.05 * 10 ** (-NOISE / 20)
    kinds = collected((sound + noise).astype(np.float32))
    found = np.concatenate((kinds.narrow.embeddings, kinds.wide.embeddings)).astype(np.float64)
    long = np.concatenate((kinds.narrow.seconds, kinds.wide.seconds)) >= LONG
    return found[long] if long.sum() >= 4 else found


def fit(voices: dict[str, list[Values]]) -> dict[str, NDArray[np.generic]]:
    """The arrays of the file, of each voice's embeddings by kind of sound."""
    means, within, between = [], [], []
    for found in voices.values():
        means.append(np.mean([each.mean(axis=0) for each in found], axis=0))
        centred = [each - means[-1] for each in found]
        vectors = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in centred]
        within += [np.cov(each.T) for each in vectors]
        centres = np.array([each.mean(axis=0) for each in vectors])
        between += [np.cov(centres.T)] * len(centres)
    variances, axes = eigh(
        rounder(np.mean(between, axis=0), BETWEEN_SPHERE),
        rounder(np.mean(within, axis=0), WITHIN_SPHERE),
    )
    return {
        "means": np.array(means, np.float32),
        "axes": axes[:, ::-1].astype(np.float16),
        "between": variances[::-1].astype(np.float32),
    }


def rounder(covariance: Values, share: float) -> Values:
    """The covariance, of which this share is a sphere of the same size."""
    size = len(covariance)
    sphere: Values = np.trace(covariance) / size * np.eye(size)
    return (1 - share) * covariance + share * sphere


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    options.set, options.sound, options.sentences = "dev", "telephone", False
    pools = share(options)
    own = {name for name, _ in pools}
    pools += [(voice.name, pool_of(voice, options.others)) for voice in others(options.others)]
    found: dict[str, list[Values]] = {}
    for kind, band in BANDS.items():
        # Some voices of `dev` were recorded by telephone.
        found[kind] = [
            embedded(pool, band)
            for name, pool in pools
            if kind == "telephone" or name not in own or name.split()[0] in FULL
        ]
    np.savez(options.file, allow_pickle=False, **fit(found))


if __name__ == "__main__":
    main()
