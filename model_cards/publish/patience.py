"""Trying again where that helps, for as long as it is reasonable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError

from model_cards.publish.errors import PublishError, asked_to_wait, is_passing, sentence

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often something is tried, and how long one wait may be.

    Attributes:
        tries: of one step, in all.
        first: seconds before the second try; each wait after it is twice as long.
        longest: seconds; a Hub that asks for more is left alone instead.
    """

    tries: int = 5
    first: float = 1.0
    longest: float = 120.0

    def keep_trying(self, act: Callable[[], T], name: str, again: Callable[[], None] = lambda: None) -> T:
        """What `act` returns, tried again after errors that pass.

        Args:
            name: what is published, for the sentence of an error.
            again: called before every further try, to forget what may no longer be true.

        Raises:
            PublishError: one sentence, when it does not help.
        """
        for trial in range(self.tries):
            try:
                return act()
            except PublishError:
                raise
            except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError) as error:
                wait = asked_to_wait(error)
                wait = self.first * 2**trial if wait is None else wait
                if not is_passing(error) or trial + 1 == self.tries or wait > self.longest:
                    raise PublishError(sentence(error, name)) from error
                time.sleep(wait)
                again()
        raise AssertionError("a loop that ends in a return or an error")
