"""The page's working parts: models, SAEs, runs on the shelf, and answers that are kept, since a seed repeats them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from apps.common import catalog
from apps.common.blobs import SHELF, Result, Shelf
from apps.common.desk import Desk, Session
from apps.common.payload import pack_png
from apps.common.pictures import Picture
from apps.common.runtime import MODELS, on_gpu_steps
from apps.common.saes import SAES, Labels, Loaded, Saes
from apps.vlm_steering import first, vlms
from apps.vlm_steering.analysis import Heard, Talk, analyse, hear
from apps.vlm_steering.answers import Answers, tolds_of
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.files import heard_files, pack_known
from apps.vlm_steering.gallery import GALLERIES, Galleries
from apps.vlm_steering.plan import Manner, Plan, read_plan
from apps.vlm_steering.prompts import prompts_for
from apps.vlm_steering.talking import Said, spoken, stopped
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.turning import edits_of
from apps.vlm_steering.vlms import VLMS, Vlms
from prisma_engine.vlm.labels import labels_of, source_of

if TYPE_CHECKING:
    from prisma_engine.running import Edits

MAX_HEARD, MAX_LABELLED = 256, 8


class NoSAE(ValueError):
    """A model for which no SAE is at hand; the sentence says what to do."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no SAE of {vlms.title_of(model)} ships with the suite; name one, by a folder or a Hub id")


class VlmDesk(Desk[Talk]):
    """Runs of pictures and prompts over shared models and SAEs; a session's variant names the prompt and the SAE."""

    travels = False  # a result holds the model and the SAE themselves

    def __init__(
        self, models: Vlms = VLMS, shelf: Shelf = SHELF, saes: Saes = SAES, galleries: Galleries = GALLERIES
    ) -> None:
        super().__init__(MODELS, shelf)
        self.vlms, self.saes, self.galleries = models, saes, galleries
        self.answers = Answers()
        self._heard: OrderedDict[tuple[str, Manner], str] = OrderedDict()
        self._labelled: OrderedDict[tuple[str, str | None, str], Loaded] = OrderedDict()
        self._lock = threading.Lock()
        self._voices_on_gpu = on_gpu_steps(self._voices)

    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> Talk:
        plan, offer = self.plan(variant, model_id), vlms.offer_for(model_id)
        loaded = self.labelled(self.saes.get(plan.sae, plan.revision), plan.labels)
        return analyse(self.vlms.get(offer.id), loaded, picture, offer.id, plan)

    def labelled(self, loaded: Loaded, where: str, anew: bool = False) -> Loaded:
        """The SAE with labels of others, for whoever asks for them; `anew` reads them again.

        Raises:
            ValueError: one sentence, if there are no labels of this SAE there, or on a Space, which has no such files.
        """
        if not where:
            return loaded
        if catalog.on_space():
            raise ValueError("this page shows the labels that ship with the SAE; run the suite locally for others")
        key = (loaded.id, loaded.revision, where)
        with self._lock:
            known = None if anew else self._labelled.get(key)
        if known is None:
            known = replace(loaded, labels=Labels(labels_of(where, loaded.config.d_sae), source_of(where)))
            with self._lock:
                self._labelled[key] = known
                while len(self._labelled) > MAX_LABELLED:
                    self._labelled.popitem(last=False)
        return known

    def plan(self, variant: str, model_id: str) -> Plan:
        """The prompt and SAE of a session; where it names none, those that its model begins with.

        Raises:
            NoSAE: if there is none.
        """
        if variant:
            return read_plan(variant)
        name = first.first_sae(model_id)
        if name is None:
            raise NoSAE(model_id)
        return Plan(name, prompts_for(model_id)[0])

    def show(
        self, picture: Picture, model_id: str, classes: str = "", upload: str | None = None, variant: str = ""
    ) -> Session:
        """Read picture and prompt and put the run on the shelf; runs of shipped examples are kept for everybody."""
        offer = vlms.offer_for(model_id)
        variant = variant or self.plan("", offer.id).text
        memory = (picture.source, offer.id, "", variant)
        key = self._examples.get(memory) if self.is_shared(picture) else None
        if key is None or self.shelf.get(key) is None:
            key = self.put(self.run(picture, offer.id, "", variant))
            if self.is_shared(picture):
                self._remember(memory, key)
        return Session(key, offer.id, "", picture.kind, picture.source, upload, variant)

    def picture(self, session: Session) -> Picture:
        found = super().picture(session)
        return first.opening() if first.is_opening(found) else found

    def is_shared(self, picture: Picture) -> bool:
        return first.is_opening(picture) or super().is_shared(picture)

    def packed(self, result: Talk) -> Result:
        files = {"image": pack_png(result.pixels)}
        if (known := pack_known(result.loaded)) is not None:
            files["latents"] = known
        return Result(files, None, sum(map(len, files.values())) + result.n_bytes, result)

    def hear(self, key: str, talk: Talk, manner: Manner, original: Said) -> str:
        """The key under which lies what the SAE reads of prompt and original answer, computed once for a run."""
        known = self._heard.get((key, manner))
        if known is not None and original.state in ("done", "cut") and self.shelf.get(known) is not None:
            return known
        found = self.put_heard(talk, hear(talk.model, talk.loaded, talk.prompt, original.steps))
        if original.state in ("done", "cut"):
            with self._lock:
                self._heard[key, manner] = found
                while len(self._heard) > MAX_HEARD:
                    self._heard.popitem(last=False)
        return found

    def heard(self, session: Session, bench: Bench) -> Heard:
        """What the SAE reads of what is on show, the prompt alone where more is not kept."""
        kept = self.shelf.get(bench.reading)
        if kept is None:
            talk = self.result(session)
            bench.reading = self.put_heard(talk, talk.heard)
            return talk.heard
        return kept.about

    def recall(self, session: Session, bench: Bench) -> None:
        """Put on the bench what was said of its run before, under its turn and in its manner."""
        tolds = tolds_of(session.key, bench.turn, bench.manner)
        bench.said = {name: said for name, told in tolds.items() if (said := self.answers.get(told))}
        bench.said_of = (bench.turn, bench.manner)
        if "original" in bench.said:
            bench.listened = bench.said["original"]
            bench.reading = self.hear(session.key, self.result(session), bench.manner, bench.listened)

    def speaking(
        self,
        session: Session,
        turn: Turn,
        manner: Manner,
        stop: Callable[[], bool] = lambda: False,
        again: bool = False,
    ) -> Iterator[dict[str, Said]]:
        """Every column so far, again and again; those said before are there at once, unless they are asked for `again`.

        Raises:
            ValueError: one sentence, for amounts that are not possible.
        """
        talk, tolds = self.result(session), tolds_of(session.key, turn, manner)
        kept = {} if again else {name: said for name, told in tolds.items() if (said := self.answers.get(told))}
        new = [name for name in tolds if name not in kept]
        yield dict(kept)
        for found in self._spoken(session, talk, turn, manner, new, stop):
            for name, said in found.items():
                self.answers.put(tolds[name], said)
            yield {name: (kept | found)[name] for name in tolds}

    def _spoken(
        self, session: Session, talk: Talk, turn: Turn, manner: Manner, names: list[str], stop: Callable[[], bool]
    ) -> Iterator[dict[str, Said]]:
        """The columns of these names: here, or where ZeroGPU lends a GPU, which hears of a stop between two looks."""
        if self._voices_on_gpu is None or not names:
            yield from spoken(
                talk.model, talk.prompt, _edits(talk, turn, manner, names), manner, talk.plan.prompt, stop
            )
            return
        for found in self._voices_on_gpu(session, turn, manner, names):
            if stop():
                yield {name: stopped(talk.model, said, talk.plan.prompt) for name, said in found.items()}
                return
            yield found

    def _voices(self, session: Session, turn: Turn, manner: Manner, names: list[str]) -> Iterator[dict[str, Said]]:
        """What a process with a GPU says; it may be older than the run, which it then makes itself."""
        talk = self.result(session)
        if torch.cuda.is_available():
            talk.model.to("cuda")
        yield from spoken(talk.model, talk.prompt, _edits(talk, turn, manner, names), manner, talk.plan.prompt)

    def said(self, session: Session, turn: Turn, manner: Manner) -> dict[str, Said]:
        """Every column, when all have ended."""
        return list(self.speaking(session, turn, manner))[-1]

    def put_heard(self, talk: Talk, heard: Heard) -> str:
        """Keep what the browser may ask about it, and return its key."""
        return self.shelf.put(heard_files(talk, heard))


def _edits(talk: Talk, turn: Turn, manner: Manner, names: list[str]) -> dict[str, Edits]:
    sae = talk.loaded.on(talk.model.device)
    return {name: edits_of(sae, turn, name, talk.typical, manner.seed) for name in names}
