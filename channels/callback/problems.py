"""Answers that are not the ones hoped for, for a browser and for an application. Pure."""

from collections.abc import Mapping

from channels.callback.normalize import Fault, FieldsAtFault
from channels.callback.render import page_texts, slots_json
from conversation.errors import CallbackRefused, FreeSlot, NotFound, Refused, StoreError

STATUS = {
    "slot_taken": 409,
    "no_time": 409,
    "do_not_call": 422,
    "asked_already": 409,
    "on_the_line": 409,
    "closed": 409,
    "too_many": 429,
    "link_bad": 403,
    "code_wrong": 422,
    "code_soon": 429,
    "code_over": 410,
    "code_no_way": 422,
}
IDEMPOTENCY = "idempotency"
_FIELD = {
    "slot_taken": "slot",
    "code_wrong": "code",
    "code_over": "",
    "no_time": "",
}  # "": the form's; else the number's


class Problem(Exception):
    """An answer that is not the one hoped for. `code` is one of `words`."""

    def __init__(
        self, status: int, code: str, *, faults: tuple[Fault, ...] = (), free: tuple[FreeSlot, ...] = ()
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.faults = faults
        self.free = free

    def as_json(self, language: str) -> Mapping[str, object]:
        """A problem document (RFC 9457)."""
        words = page_texts(language)
        return {
            "type": "about:blank",
            "status": self.status,
            "code": self.code,
            "title": words(self.code),
            "errors": [
                {"field": one.field, "code": one.code, "message": words(one.code) if one.code in words else one.code}
                for one in self.faults
            ],
            **({"items": slots_json(self.free)} if self.code == "slot_taken" else {}),
        }


def of(error: Exception) -> Problem:
    """What an error of a port or of the store is to a customer."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, FieldsAtFault):
        return Problem(422, "invalid", faults=error.faults)
    if isinstance(error, CallbackRefused):
        return Problem(STATUS[error.code], error.code, free=error.free)
    return _of_store(error) if isinstance(error, StoreError) else Problem(400, "bad_body")


def _of_store(error: StoreError) -> Problem:
    if isinstance(error, NotFound):
        return Problem(404, "not_found")
    return Problem(422, "refused") if isinstance(error, Refused) else Problem(503, "later")


def as_faults(wrong: FieldsAtFault | CallbackRefused | Problem) -> tuple[int, tuple[Fault, ...]]:
    """The status of the answer, and the fault of which field of the form."""
    found = of(wrong)
    return found.status, found.faults or (Fault(field=_FIELD.get(found.code, "number"), code=found.code),)
