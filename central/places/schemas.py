"""What a tracer says of places."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from central.answers import Name
from central.places.proposal import Choices
from central.testimony.service import NamesSomebody, points_to_somebody
from shared.errors import BadInput

NAME_CHARACTERS: Final = 200
MOST_CAMERAS: Final = 5000  # more than anybody passes in a case's window
Cameras = Annotated[list[Name], Field(max_length=MOST_CAMERAS)]
Called = Annotated[str, Field(max_length=NAME_CHARACTERS)]


class PlacesIn(BaseModel):
    """By camera: `private` are homes and places of work, `public` are none although the patient spent a night there or
    says to have been at home, `all_known` are places of which every contact was found, `names` say what is there."""

    model_config = ConfigDict(extra="forbid")

    private: Cameras = []
    public: Cameras = []
    all_known: Cameras = []
    names: Annotated[dict[Name, Called], Field(max_length=MOST_CAMERAS)] = {}

    def choices(self) -> Choices:
        """Raises NamesSomebody for a telephone number or the like in a name, BadInput for one over several lines."""
        names = {camera: " ".join(name.split()) for camera, name in self.names.items()}
        if not all(name.isprintable() for name in names.values()):
            raise BadInput("a place's name holds characters that cannot be printed", hint="type it anew")
        if points_to_somebody(*names.values()):
            hint = "write what the place is called and its address; leave out numbers and addresses of people"
            raise NamesSomebody("a place's name points to a person", hint=hint)
        both = set(self.private) & set(self.public)
        if both:
            raise BadInput(f"{sorted(both)[0]} is called private and public", hint="choose one")
        private, public, all_known = map(frozenset, (self.private, self.public, self.all_known))
        return Choices(private, public, all_known, {camera: name for camera, name in names.items() if name})
