"""The error body of every reply that is not 2xx, of backend and runner alike (api.md 2.2)."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Problem(BaseModel):
    """`error`: a sentence for a person. `code`: stable. `hint`: the next step. Extra keys pass."""

    model_config = ConfigDict(
        frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True
    )

    error: str
    code: str
    hint: str | None = None
    request_id: str | None = None
    details: dict[str, Any] | None = None

    def body(self, *, runner: bool = False) -> dict[str, Any]:
        """The JSON object. runner: `detail` repeats the sentence, for existing callers."""
        found: dict[str, Any] = {
            "error": self.error,
            "code": self.code,
            "hint": self.hint,
            "requestId": self.request_id,
        }
        if self.details:
            found["details"] = self.details
        if runner:
            found["detail"] = self.error
        return found
