"""What can go wrong with the Hub, one sentence each, and whether trying again helps."""

from __future__ import annotations

import json

import httpx2
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import parse_ratelimit_headers

CONFLICTS = (409, 412)
"""Somebody was faster, or an answer of the Hub was lost: what is there has to be read again."""
PASSING = (408, 429, 500, 502, 503, 504)
LATER = "what is published so far is whole; run the command again later"


class PublishError(ValueError):
    """Something that cannot be published; the message is one sentence for the person who tried."""


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a refusal; None where there was no answer."""
    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def is_passing(error: BaseException) -> bool:
    """Whether the same may succeed a little later."""
    if isinstance(error, HfHubHTTPError):
        return status_of(error) in (*PASSING, *CONFLICTS)
    # An overloaded Hub answers in HTML where the client reads JSON.
    return isinstance(error, httpx2.TransportError | json.JSONDecodeError)


def asked_to_wait(error: BaseException) -> float | None:
    """Seconds that the Hub asks to be left alone for, by Retry-After or its rate limit's headers."""
    if not isinstance(error, HfHubHTTPError):
        return None
    headers = error.response.headers
    if (limit := parse_ratelimit_headers(headers)) is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    after = headers.get("retry-after", "")
    return float(after) if after.isdigit() else None


def sentence(error: BaseException, name: str) -> str:
    """What an error means for somebody who publishes `name`, "owner/name"."""
    owner = name.partition("/")[0]
    if isinstance(error, LocalTokenNotFoundError):
        return "there is no token here; log in with `hf auth login`, or set HF_TOKEN"
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be published; unset it"
    status = status_of(error)
    if status == 401:
        return "the Hub does not accept this token; log in again with `hf auth login`, or set another HF_TOKEN"
    if status == 403:
        return (
            f"this token may not write to {owner}; it needs the role 'write', and membership where {owner} is another's"
        )
    if status == 429:
        wait = asked_to_wait(error)
        asked = f"asks to wait {wait:.0f} s" if wait is not None else "asks to wait"
        return f"the Hub {asked}, since this account made too many requests; {LATER}"
    if status in PASSING:
        return f"the Hub has trouble of its own (it answers {status}); {LATER}"
    if status in CONFLICTS:
        return (
            f"{name} was changed by somebody else at the same time, and nothing was overwritten; run the command again"
        )
    if status is not None:
        return f"the Hub refuses {name}: {' '.join(str(error).split())[:300]}"
    if is_passing(error):
        return f"the connection to the Hub broke; {LATER}"
    return f"{name}: {' '.join(str(error).split())[:300]}"
